import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findRuns } from './run-registration.ts';
import { mainFile as main, type StartedProcess, startProcess } from './started-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'start-'));
const data = join(directory, 'data');
const env = { PATH: process.env.PATH, TRADEPOST_DATA: data };

after(() => {
  spawnSync(process.execPath, [main, 'reset', '--yes'], { cwd: directory, env });
  rmSync(directory, { recursive: true, force: true });
});

const start = (...args: string[]): Promise<StartedProcess> => startProcess({ directory, env }, ...args);

test('a start tells its steps and what answers, is found by other commands, and Ctrl-C ends all of it', async () => {
  const { child, told, ended } = await start();
  assert.deepEqual(
    told.filter(({ event }) => event === 'step').map(({ name }) => name),
    ['PostgreSQL', 'Migrations', 'Services'],
  );
  const ready = told.find(({ event }) => event === 'ready');
  assert.match(ready?.rest ?? '', /^http:\/\/localhost:\d+$/);
  assert.match(ready?.grpc ?? '', /^localhost:\d+$/);
  assert.equal((await fetch(`${ready?.rest}/readyz`)).status, 200);
  const status = spawnSync(process.execPath, [main, 'status', '-o', 'json'], { cwd: directory, env, encoding: 'utf8' });
  assert.equal(status.stderr, '');
  assert.equal(JSON.parse(status.stdout).pid, child.pid);
  const stoppedMs = performance.now();
  child.kill('SIGINT');
  assert.equal(await ended, 0);
  assert.ok(performance.now() - stoppedMs < 5000);
  assert.deepEqual(findRuns(data), []);
});

test('a process that was killed is forgotten, and the next one starts on its data', async () => {
  const first = await start();
  first.child.kill('SIGKILL');
  await first.ended;
  assert.deepEqual(findRuns(data), []);
  const second = await start();
  second.child.kill('SIGTERM');
  assert.equal(await second.ended, 0);
});

test('a faulty configuration starts nothing and tells all faults', () => {
  const args = [main, 'start', '--http-port', 'x', '--log-levl', 'debug'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: directory, env, encoding: 'utf8' });
  assert.equal(status, 3);
  assert.match(stderr, /There is no setting log-levl \(flag --log-levl\)/);
  assert.match(stderr, /http.port must be a whole number from 0 to 65535, not "x"/);
  assert.match(stderr, /write log-level\n.*--http-port 8080/);
});

test('a port set by hand that is busy is named, and the process ends', async () => {
  const { child, told, ended } = await start();
  const port =
    told
      .find(({ event }) => event === 'ready')
      ?.rest?.split(':')
      .at(-1) ?? '';
  const args = [main, 'start', '--http-port', port, '--grpc-port=0'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: directory, env, encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`Services: port ${port} for REST is in use by another process`));
  child.kill('SIGINT');
  assert.equal(await ended, 0);
});
