import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findRuns, registerRun } from './run-registration.ts';

const directory = mkdtempSync(join(tmpdir(), 'runs-'));
after(() => rmSync(directory, { recursive: true }));

test('a registration is found while its process lives, and is gone when it is taken back', () => {
  assert.deepEqual(findRuns(directory), []);
  const run = { pid: process.pid, startedAt: '2026-01-01T00:00:00Z', version: '1', services: ['user'] };
  const unregister = registerRun(directory, { ...run, grpcAddress: '127.0.0.1:50051' });
  assert.deepEqual(findRuns(directory), [{ ...run, grpcAddress: '127.0.0.1:50051' }]);
  unregister();
  assert.deepEqual(findRuns(directory), []);
});

test('what a dead process or a torn write left behind is removed', () => {
  const dead = join(directory, 'run', 'tradepost-999999999.json');
  const torn = join(directory, 'run', 'tradepost-1.json');
  writeFileSync(dead, '{"pid":999999999,"startedAt":"x"}');
  writeFileSync(torn, '{"pid":');
  assert.deepEqual(findRuns(directory), []);
  assert.deepEqual([existsSync(dead), existsSync(torn)], [false, false]);
});
