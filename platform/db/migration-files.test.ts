import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { migrationSources, newMigration, readMigrations } from './migration-files.ts';

const folders: string[] = [];
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tradepost-migrations-'));
  folders.push(folder);
});
after(() => folders.forEach((path) => void rmSync(path, { recursive: true })));

const write = (name: string, text = '-- Why.\n-- up\nselect 1;\n-- down\nselect 2;\n'): void =>
  writeFileSync(join(folder, name), text);
const read = () => readMigrations({ component: 'shop', folder: pathToFileURL(`${folder}/`) });

test('A file is split at its sections and frozen by a checksum of all of it', () => {
  write('0001-orders.sql');
  const [file] = read();
  assert.deepEqual(
    { ...file, checksum: file?.checksum.slice(0, 12) },
    {
      component: 'shop',
      number: 1,
      name: '0001-orders',
      up: 'select 1;',
      down: 'select 2;\n',
      transactional: true,
      checksum: 'd5ee94c5d977',
    },
  );
  write('0001-orders.sql', '-- Why.\n-- no transaction\n-- up\nselect 1;\n-- down\n');
  assert.equal(read()[0]?.transactional, false);
});

test('A gap, a doubled number, a wrong name and a missing section are refused by name', () => {
  write('0001-orders.sql');
  write('0003-late.sql');
  assert.throws(read, {
    message: 'Migration shop/0003-late.sql stands where number 0002 should: number them without gaps.',
  });
  rmSync(join(folder, '0003-late.sql'));
  write('0001-other.sql');
  assert.throws(read, /Migration shop\/0001-other\.sql stands where number 0002 should/);
  rmSync(join(folder, '0001-other.sql'));
  write('2-short.sql');
  assert.throws(read, { message: 'Migration shop/2-short.sql must be named like 0001-orders.sql.' });
  rmSync(join(folder, '2-short.sql'));
  write('0002-silent.sql', '-- up\nselect 1;\n-- down\n');
  assert.throws(read, /Migration shop\/0002-silent\.sql must begin with a comment line that says why/);
});

test('A new migration takes the next number and is a valid one', () => {
  write('0001-orders.sql');
  const path = newMigration(pathToFileURL(`${folder}/`), 'Orders by  User!');
  assert.equal(basename(path), '0002-orders-by-user.sql');
  assert.equal(readFileSync(path, 'utf8'), '-- Say here why this change is made.\n\n-- up\n\n-- down\n');
  assert.deepEqual(
    read().map(({ number }) => number),
    [1, 2],
  );
  assert.throws(() => newMigration(pathToFileURL(`${folder}/`), '…'), /needs a name of letters and digits/);
});

test("A service's database is made of the platform's migrations, then its own", () => {
  const own = pathToFileURL(`${folder}/`);
  assert.deepEqual(
    migrationSources('shop', own).map(({ component }) => component),
    ['platform', 'shop'],
  );
  assert.deepEqual(
    migrationSources('shop').map(({ component }) => component),
    ['platform'],
  );
});
