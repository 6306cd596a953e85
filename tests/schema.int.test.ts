// Every database's schema as its migrations make it, against the copy that people read. `npm run schema` renews it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { schemaDump } from '@tradepost/platform/db';
import { createTestDatabase } from '@tradepost/platform/testing';
import { topology } from '../deploy/topology.ts';

const write = process.env.TRADEPOST_WRITE_SCHEMA === '1';

async function compare(schema: string, path: string, migrations?: { service: string; migrations: URL }): Promise<void> {
  const { database, close } = await createTestDatabase(migrations ?? {});
  const dumped = `-- Made by \`npm run schema\`; do not edit.\n\n${await schemaDump(database, schema)}`;
  await close();
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  if (write) writeFileSync(file, dumped);
  assert.equal(readFileSync(file, 'utf8'), dumped, `${path} is out of date: run npm run schema`);
}

test('platform/schema.sql is what the migrations make', () => compare('tradepost', 'platform/schema.sql'));

for (const { service } of topology) {
  const { name, migrations } = service;
  if (migrations === undefined) continue;
  const path = `services/${name}/schema.sql`;
  test(`${path} is what the migrations make`, () => compare('public', path, { service: name, migrations }));
}
