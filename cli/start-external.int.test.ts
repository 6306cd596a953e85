import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from '@tradepost/platform/db';
import { silentLog } from '@tradepost/platform/testing';
import { startProcess } from './started-process.ts';

test('a start on a PostgreSQL of one’s own needs no data directory beforehand', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'start-external-'));
  chmodSync(directory, 0o755);
  const server = join(directory, 'server');
  const postgres = await startEmbeddedPostgres({ directory: server, port: 54_800, log: silentLog, durable: false });
  t.after(async () => {
    await postgres.stop();
    await removeEmbeddedPostgres(server);
    rmSync(directory, { recursive: true, force: true });
  });
  const env = { PATH: process.env.PATH, DATABASE_URL: postgres.adminUrl };
  const { child, told, rest, ended } = await startProcess({ directory, env });
  assert.deepEqual(
    told.filter(({ event }) => event === 'step').map(({ name }) => name),
    ['Migrations', 'Services'],
  );
  const answer = await fetch(`${rest}/readyz`);
  assert.deepEqual([answer.status, await answer.json()], [200, { status: 'ready' }]);
  assert.equal(existsSync(join(directory, '.tradepost', 'cursor-secret')), true);
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
});
