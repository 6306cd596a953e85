import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { silentLog } from '../testing/test-database.ts';
import { removeEmbeddedPostgres } from './embedded-postgres.ts';
import { openDatabase } from './open-database.ts';
import { superviseEmbeddedPostgres } from './supervised-postgres.ts';

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test('a server that is killed comes back at the same address with everything that was committed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tradepost-supervised-'));
  chmodSync(directory, 0o755);
  const postgres = await superviseEmbeddedPostgres({ directory, port: 54_700, log: silentLog });
  const { pid, port } = postgres;
  const database = await openDatabase({ service: 'test', url: postgres.adminUrl, log: silentLog });
  t.after(async () => {
    await database.close();
    await postgres.stop();
    await removeEmbeddedPostgres(directory);
  });
  await database.query('create table kept (n integer)');
  await database.query('insert into kept values (7)', []);
  process.kill(pid, 'SIGKILL');
  const deadline = performance.now() + 20_000;
  // Its backends outlive it for a moment and still answer.
  while (postgres.pid === pid && performance.now() < deadline) await pause();
  let rows: { n: number }[] = [];
  while (rows.length === 0 && performance.now() < deadline) {
    rows = await database.query<{ n: number }>('select n from kept', []).catch(() => []);
    if (rows.length === 0) await pause();
  }
  assert.deepEqual(rows, [{ n: 7 }]);
  assert.notEqual(postgres.pid, pid);
  assert.equal(postgres.port, port);
});
