// `npm start` until the system says that it is ready, in an empty data directory and then again in the same one, and
// `tradepost --help`; beside them a Node that starts and does nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, root } from '../tests/running-system.ts';
import type { Bench, Round, Sample } from './measure.ts';

const LIMIT_MS = 60_000;
const POLL_MS = 10;

function endOf(child: ChildProcess): Promise<void> {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));
}

async function timeCommand(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Sample> {
  const startedMs = performance.now();
  const child = spawn(command, args, { cwd: root, env, stdio: 'ignore' });
  await endOf(child);
  if (child.exitCode !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${child.exitCode}.`);
  return { value: performance.now() - startedMs, operations: 1 };
}

const bareNode: Round = () => timeCommand(process.execPath, ['-e', '0'], process.env);

/** Starts as a user does, waits until it answers, and stops it. */
async function timeStart(directory: string, compiled: string): Promise<Sample> {
  const [http, grpc, postgres] = [await freePort(), await freePort(), await freePort()];
  const env = {
    ...process.env,
    ...{ TRADEPOST_DATA: directory, HTTP_PORT: String(http), GRPC_PORT: String(grpc) },
    ...{ DATABASE_EMBEDDED_PORT: String(postgres), NODE_COMPILE_CACHE: compiled },
  };
  const startedMs = performance.now();
  // A group of its own: npm, its shell and Node stop together, as by Ctrl-C.
  const child = spawn('npm', ['start'], { cwd: root, env, stdio: 'ignore', detached: true });
  try {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${http}/readyz`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.status === 200) break;
      if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}.`);
      if (performance.now() - startedMs > LIMIT_MS) throw new Error('npm start was not ready in time.');
      await sleep(POLL_MS);
    }
    return { value: (performance.now() - startedMs) / 1000, operations: 1 };
  } finally {
    process.kill(-(child.pid as number), 'SIGINT');
    await endOf(child);
  }
}

export const startup: Bench = {
  name: 'start',
  summary: 'npm start to ready, first and second time; tradepost --help',
  async run(_effort, measure) {
    const folder = mkdtempSync(join(tmpdir(), 'tradepost-start-'));
    // PostgreSQL of a root runs as another user, who has to get in.
    chmodSync(folder, 0o755);
    let round = 0;
    const bareSeconds: Round = async () => {
      const sample = await bareNode();
      return { ...sample, value: sample.value / 1000 };
    };
    try {
      await measure({
        name: 'npm start → ready, first time after installation',
        unit: 's',
        baseline: bareSeconds,
        product() {
          round += 1;
          return timeStart(join(folder, `data-${round}`), join(folder, `compiled-${round}`));
        },
        goal: { atMost: 3 },
      });
      await measure({
        name: 'npm start → ready, second time',
        unit: 's',
        baseline: bareSeconds,
        product: () => timeStart(join(folder, 'data-1'), join(folder, 'compiled-1')),
        goal: { atMost: 2 },
      });
      const bin = join(root, 'cli/bin/tradepost.js');
      await measure({
        name: 'tradepost --help',
        unit: 'ms',
        baseline: bareNode,
        product: () => timeCommand(process.execPath, [bin, '--help'], process.env),
        goal: { atMost: 250 },
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
