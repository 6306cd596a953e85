// Runs the tests, two files at a time, and fails when a process that they started is still there afterwards.
// `node tools/test.ts [--coverage] [file or glob …]`; without one, everything but the crash tests and the benchmarks.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { testServer } from '@tradepost/platform/testing';

const PARALLEL = 2;
const MARK = 'TRADEPOST_TEST_RUN';
const EVERYTHING = ['platform', 'services', 'cli', 'tests', 'tools'].map((folder) => `${folder}/**/*.test.ts`);
// What a developer has set for a system of their own must not reach the tests.
const FOREIGN = /^(TRADEPOST_|DATABASE_URL$|DB_|.*_DB_CONN$|.*_DATABASE_URL$|API_KEY$|SMTP_URL$|HTTP_PORT$|GRPC_PORT$)/;

const root = fileURLToPath(new URL('..', import.meta.url));
const mark = `${process.pid}-${process.hrtime.bigint()}`;

function testEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return { ...Object.fromEntries(own), [MARK]: mark };
}

/** Processes that carry this run's mark in their environment. Linux only; elsewhere there is no cheap way to know. */
function leftovers(): number[] {
  if (!existsSync('/proc/self/environ')) return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=${mark}`);
    } catch {
      return false;
    }
  });
}

function describeProcess(pid: number): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`;
  } catch {
    return String(pid);
  }
}

function runTests(args: readonly string[]): Promise<number> {
  const files = args.filter((argument) => !argument.startsWith('--'));
  const coverage = args.includes('--coverage')
    ? [
        '--experimental-test-coverage',
        '--test-coverage-exclude=**/*.test.ts',
        '--test-coverage-exclude=contracts/gen/**',
      ]
    : [];
  const flags = ['--test', `--test-concurrency=${PARALLEL}`, '--test-reporter=spec', ...coverage];
  const child = spawn(process.execPath, [...flags, ...(files.length > 0 ? files : EVERYTHING)], {
    cwd: root,
    stdio: 'inherit',
    env: testEnvironment(),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

// Held for the whole run: no test file starts the server anew because another one was the last to need it.
const server = await testServer();
process.exitCode = await runTests(process.argv.slice(2));
await server.stop();
const left = leftovers();
if (left.length > 0) {
  console.error(`Processes that the tests left behind, now ended:\n${left.map(describeProcess).join('\n')}`);
  for (const pid of left) process.kill(pid, 'SIGTERM');
  process.exitCode = 1;
}
