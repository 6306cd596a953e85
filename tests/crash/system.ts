// The system under test: started as a process, killed, started again on the same data.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, root } from '../running-system.ts';

export interface CrashSystem {
  readonly url: string;
  /** Administrator's URL of the embedded server; it outlives a kill of Node. */
  adminUrl(): string;
  /** Starts it with these variables besides its own; it must not run. */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Resolves when the process has ended; undefined while none runs. */
  ended(): Promise<void> | undefined;
  /** How the last one ended: `0`, or the name of a signal. */
  howItEnded(): string;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Kills the PostgreSQL server as well, with everything it holds in memory. */
  killPostgres(): void;
  output(): string;
  close(): Promise<void>;
}

const READY_MS = 60_000;

export async function createCrashSystem(smtpUrl: string): Promise<CrashSystem> {
  const directory = mkdtempSync(join(tmpdir(), 'tradepost-crash-'));
  // The server's own user must reach its data here, so that the test finds it.
  chmodSync(directory, 0o755);
  const [http, grpc, postgres] = [await freePort(), await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  const chunks: string[] = [];
  let child: ChildProcess | undefined;
  let end: Promise<void> | undefined;
  let how = '';
  const data = join(directory, 'postgres');

  const kill = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    child?.kill(signal);
    await end;
  };
  return {
    url,
    adminUrl: () => {
      const password = readFileSync(join(data, 'tradepost-password'), 'utf8').trim();
      return `postgres://tradepost:${encodeURIComponent(password)}@127.0.0.1:${portOf(data)}/postgres`;
    },
    async start(env = {}) {
      const started = spawn(process.execPath, [join(root, 'cli/main.ts'), 'start'], {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          TRADEPOST_DATA: directory,
          HTTP_PORT: String(http),
          GRPC_PORT: String(grpc),
          DATABASE_EMBEDDED_PORT: String(postgres),
          SMTP_URL: smtpUrl,
          LOG_LEVEL: 'warn',
          ...env,
        },
      });
      child = started;
      for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk) => chunks.push(String(chunk)));
      end = new Promise((resolve) => {
        started.once('exit', (code, signal) => {
          how = signal ?? String(code);
          child = undefined;
          end = undefined;
          resolve();
        });
      });
      const ending = end;
      const until = performance.now() + READY_MS;
      while (end === ending) {
        const answer = await fetch(`${url}/readyz`).catch(() => undefined);
        await answer?.body?.cancel();
        if (answer?.status === 200) return;
        if (performance.now() > until) throw new Error(`not ready in time:\n${chunks.join('').slice(-4000)}`);
        await sleep(25);
      }
      // A failpoint may end it before it is ready; any other end is a fault.
      if (env.TRADEPOST_FAILPOINTS === undefined) throw new Error(`it ended:\n${chunks.join('').slice(-4000)}`);
    },
    ended: () => end,
    howItEnded: () => how,
    kill,
    killPostgres() {
      const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
      process.kill(pid, 'SIGKILL');
    },
    output: () => chunks.join(''),
    async close() {
      await kill('SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function portOf(data: string): string {
  return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[3] as string;
}
