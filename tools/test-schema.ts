// Runs schemathesis with all its checks against a system of its own, for a bounded time. It is installed into `.cache`
// the first time; Python 3 with venv is all that it needs.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, startSystem } from '../tests/running-system.ts';

const VERSION = '4.32.5';
const EXAMPLES = process.env['SCHEMA_EXAMPLES'] ?? '25';
const LIMIT_MS = 10 * 60_000;
const folder = join(root, `.cache/schemathesis-${VERSION}`);
const program = join(folder, 'bin/schemathesis');
const settings = join(root, 'tools/schemathesis.toml');

function run(command: string, args: readonly string[], cwd = root): number {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit', timeout: LIMIT_MS });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

function makeEnvironment(): boolean {
  return run('python3', ['-m', 'venv', '--clear', folder]) === 0;
}

function install(): void {
  if (existsSync(program)) return;
  // Debian ships venv apart from Python; a machine that nobody prepared may have neither.
  const hasAptGet = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (!makeEnvironment() && hasAptGet) {
    run('apt-get', ['update', '-q']);
    run('apt-get', ['install', '-yq', '--no-install-recommends', 'python3-venv']);
    makeEnvironment();
  }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `schemathesis==${VERSION}`];
  if (run(join(folder, 'bin/python'), pip) !== 0) throw new Error('schemathesis could not be installed');
}

/** A few rows, so that valid requests find something. */
async function fill(url: string): Promise<void> {
  const post = async (path: string, body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  };
  for (const number of [1, 2, 3]) {
    await post('/api/v1/users', { name: `Person ${number}`, email: `person-${number}@example.com` });
    await post('/api/v1/score-events', { user_id: number, new_score: 730, change: 15 });
  }
}

async function testSchema(): Promise<number> {
  install();
  const system = await startSystem({ args: ['--open'], env: { LOG_LEVEL: 'error' } });
  try {
    await fill(system.url);
    const health = ['--suppress-health-check', 'too_slow,data_too_large,filter_too_much'];
    const bounds = ['--max-examples', EXAMPLES, '--seed', '1', '--generation-deterministic', '--workers', '2'];
    const output = ['--no-color', '--request-timeout', '20'];
    const what = ['--config-file', settings, 'run', `${system.url}/openapi.json`, '--checks', 'all'];
    // It leaves a folder where it runs.
    const status = run(program, [...what, ...bounds, ...health, ...output], folder);
    if (status !== 0) console.error(system.output().split('\n').slice(-40).join('\n'));
    return status;
  } finally {
    await system.close();
  }
}

process.exitCode = await testSchema();
