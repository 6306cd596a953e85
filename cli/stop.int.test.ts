import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mainFile, startProcess } from './started-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'stop-'));
const env = { PATH: process.env.PATH, TRADEPOST_DATA: join(directory, 'data') };

after(() => {
  spawnSync(process.execPath, [mainFile, 'reset', '--yes'], { cwd: directory, env });
  rmSync(directory, { recursive: true, force: true });
});

test('a slow sender and an open stream keep no stop from ending in order and in time', async (t) => {
  const { child, rest, ended, errors } = await startProcess({ directory, env });
  const slow = connect(Number(new URL(rest).port), '127.0.0.1');
  t.after(() => slow.destroy());
  const cut = new Promise((resolve) => slow.on('close', resolve));
  slow.on('error', () => {});
  slow.write('POST /api/v1/users HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n');
  slow.write('content-length: 100\r\n\r\n{"name":');
  const tail = spawn(process.execPath, [mainFile, 'events', 'tail'], { cwd: directory, env, stdio: 'ignore' });
  t.after(() => tail.kill());
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(tail.exitCode, null);
  const stoppedMs = performance.now();
  child.kill('SIGTERM');
  assert.equal(await ended, 0, errors());
  assert.ok(performance.now() - stoppedMs < 5000);
  await cut;
  assert.doesNotMatch(errors(), /outage|left behind/);
});
