// Starts the system as a user does, as a process of its own in an empty data directory on free ports, and stops it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface RunningSystem {
  /** `http://127.0.0.1:34567` */
  readonly url: string;
  /** `127.0.0.1:34568` */
  readonly grpc: string;
  /** What a command needs in its environment to find this system. */
  readonly env: NodeJS.ProcessEnv;
  /** All that it has written so far. */
  output(): string;
  /** Runs the command line against it; @returns what it wrote. @throws when it fails. */
  tradepost(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

export interface StartOptions {
  /** Further arguments of `tradepost start`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;
const COMMAND_LIMIT_MS = 120_000;
export const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'cli/main.ts');

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

async function waitUntilReady(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const until = performance.now() + START_LIMIT_MS;
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`the system ended with ${child.exitCode}:\n${output()}`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await sleep(50);
  }
  throw new Error(`the system was not ready after ${START_LIMIT_MS} ms:\n${output()}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(late);
}

export async function startSystem(options: StartOptions = {}): Promise<RunningSystem> {
  const directory = mkdtempSync(join(tmpdir(), 'tradepost-'));
  // PostgreSQL of a root's test runs as another user, who has to get in.
  chmodSync(directory, 0o755);
  const [http, grpc, postgres] = [await freePort(), await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  const env = {
    ...process.env,
    TRADEPOST_DATA: directory,
    HTTP_PORT: String(http),
    GRPC_PORT: String(grpc),
    DATABASE_EMBEDDED_PORT: String(postgres),
    ...options.env,
  };
  const child = spawn(process.execPath, [main, 'start', ...(options.args ?? [])], { cwd: root, env });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(String(chunk)));
  const output = (): string => chunks.join('');
  const close = async (): Promise<void> => {
    await stop(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(url, child, output);
  } catch (error) {
    await close();
    throw error;
  }
  const tradepost = (...args: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const limits = { cwd: root, env, timeout: COMMAND_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 };
      execFile(process.execPath, [main, ...args], limits, (error, stdout, stderr) => {
        if (error) reject(new Error(`tradepost ${args.join(' ')}: ${stdout}${stderr}`, { cause: error }));
        else resolve(stdout);
      });
    });
  return { url, grpc: `127.0.0.1:${grpc}`, env, output, tradepost, close };
}
