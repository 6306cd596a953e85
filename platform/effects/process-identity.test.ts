import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { hasEnded, processIdentity } from './process-identity.ts';

const withPid = (pid: number): string => processIdentity.replace(`|${process.pid}|`, `|${pid}|`);

test('a process that runs has not ended, and whoever has its number but another start is not it', () => {
  assert.equal(hasEnded(processIdentity), false);
  const earlier = `${processIdentity.slice(0, processIdentity.lastIndexOf('|'))}|1`;
  assert.equal(hasEnded(earlier), process.platform === 'linux');
});

test('a process that was ended is known to have ended', async () => {
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(hasEnded(withPid(child.pid ?? 0)), true);
});

test('of a process elsewhere nothing is known', () => {
  assert.equal(hasEnded(`another place|${process.pid}|1`), false);
  assert.equal(hasEnded('not a name'), false);
});
