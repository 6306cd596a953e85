import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { withConnection } from '../db/index.ts';
import { createTestDatabase, testServer } from './test-database.ts';

const source = new URL('./test-database.ts', import.meta.url).href;
const runFolder = fileURLToPath(new URL('../../.cache/test-postgres/run/', import.meta.url));

test('Each test database has all migrations, belongs to a plain role, and knows nothing of another', async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase({ service: 'other' })]);
  await one.database.query('create table mine (a int)');
  assert.deepEqual(await two.database.query(`select to_regclass('public.mine') as found`), [{ found: null }]);
  const facts = await two.database.query(
    `select (select rolsuper from pg_roles where rolname = current_user) as mighty,
       (select count(*)::int from tradepost.migrations where component = 'platform' and number = 1) as first`,
  );
  assert.deepEqual(facts, [{ mighty: false, first: 1 }]);
  assert.deepEqual([one.database.service, two.database.service], ['test', 'other']);
  const name = new URL(one.url).pathname.slice(1);
  await Promise.all([one.close(), two.close()]);
  const left = await withConnection(one.adminUrl, (admin) =>
    admin.query('select datname from pg_database where datname = $1', [name]),
  );
  assert.deepEqual(left, []);
});

test('Many are cloned at once, and processes at once make one template of new migrations', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tradepost-template-'));
  writeFileSync(join(folder, '0001-shop.sql'), `-- Probe ${folder}.\n-- up\ncreate table shop (a int);\n-- down\n`);
  const migrations = pathToFileURL(`${folder}/`);
  const script = `import { createTestDatabase } from ${JSON.stringify(source)};
    const home = await createTestDatabase({ service: 'shop', migrations: new URL(${JSON.stringify(migrations.href)}) });
    console.log(JSON.stringify(await home.database.query('select * from shop')));
    await home.close();`;
  const run = async (): Promise<[number, number | undefined, string]> => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [[code], output] = await Promise.all([once(child, 'exit'), child.stdout.toArray()]);
    return [code as number, child.pid, output.join('').trim()];
  };
  const own = Array.from({ length: 6 }, () => createTestDatabase({ service: 'shop', migrations }));
  const children = await Promise.all([run(), run()]);
  for (const home of await Promise.all(own)) {
    assert.deepEqual(await home.database.query('select * from shop'), []);
    await home.close();
  }
  assert.deepEqual(
    children.map(([code, , output]) => [code, output]),
    [
      [0, '[]'],
      [0, '[]'],
    ],
  );
  const registered = existsSync(runFolder) ? readdirSync(runFolder) : [];
  assert.deepEqual(
    registered.filter((name) => children.some(([, pid]) => name.includes(`-${pid}-`))),
    [],
  );
  rmSync(folder, { recursive: true });
});

test('What a killed test process left behind is dropped by the next one', async () => {
  const script = `import { createTestDatabase } from ${JSON.stringify(source)};
    const home = await createTestDatabase({ service: 'left' });
    console.log(new URL(home.url).pathname.slice(1));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [name] = await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const next = spawn(
    process.execPath,
    ['--input-type=module', '-e', `import { testServer } from ${JSON.stringify(source)}; await testServer();`],
    { stdio: 'inherit' },
  );
  await once(next, 'exit');
  const { adminUrl } = await testServer();
  const left = await withConnection(adminUrl, (admin) =>
    admin.query('select datname from pg_database where datname = $1', [String(name).trim()]),
  );
  assert.deepEqual(left, []);
});
