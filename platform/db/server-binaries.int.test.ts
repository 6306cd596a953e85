import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLog } from '../testing/index.ts';
import { startEmbeddedPostgres, withConnection } from './index.ts';
import type { ServerPlace } from './server-binaries.ts';
import { findServerPlace } from './server-binaries.ts';

const isRoot = process.getuid?.() === 0;
let closed: string;
let made: string[];

beforeEach(() => {
  // mkdtemp gives 0700: only who made it may enter, which under root the server's user is not.
  closed = mkdtempSync(join(tmpdir(), 'tradepost-closed-'));
  made = [closed];
});
afterEach(() => made.forEach((path) => void rmSync(path, { recursive: true, force: true })));

/** Remembers what lies elsewhere, to be removed. */
function placeOf(folder: string, packaged?: string): ServerPlace {
  const place = packaged === undefined ? findServerPlace(folder) : findServerPlace(folder, packaged);
  if (place.data.startsWith('/var/lib/tradepost/')) made.push(dirname(place.data));
  else if (place.native.startsWith('/var/lib/tradepost/')) made.push(dirname(dirname(dirname(place.native))));
  return place;
}

test('Under a folder that only root may enter the data lies elsewhere, and it says where', async () => {
  const folder = join(closed, 'state');
  const place = placeOf(folder);
  if (isRoot) {
    assert.match(place.data, /^\/var\/lib\/tradepost\/[0-9a-f]{12}\/postgres$/);
    assert.equal(
      place.note,
      `PostgreSQL runs as uid 65534, which cannot enter ${folder}: its data lie in ${dirname(place.data)}.`,
    );
  } else {
    assert.deepEqual([place.data, place.note], [join(folder, 'postgres'), undefined]);
  }
  const server = await startEmbeddedPostgres({ directory: folder, port: 54_700, log: silentLog, durable: false });
  assert.deepEqual([server.dataDirectory, server.location], [place.data, place.note]);
  assert.deepEqual(await withConnection(server.adminUrl, (connection) => connection.query('select 1 as a')), [
    { a: 1 },
  ]);
  await server.stop();
  chmodSync(closed, 0o755);
  assert.equal(placeOf(folder).data, place.data);
});

test('Binaries out of reach, or with their library links missing, are made usable', () => {
  const packaged = placeOf(closed).native;
  const copy = join(closed, 'package');
  mkdirSync(copy);
  cpSync(packaged, join(copy, 'native'), { recursive: true, verbatimSymlinks: true });
  cpSync(join(dirname(packaged), 'package.json'), join(copy, 'package.json'));
  const link = join(copy, 'native', 'lib', 'libpq.so.5');
  rmSync(link, { force: true });
  const state = mkdtempSync(join(tmpdir(), 'tradepost-open-'));
  made.push(state);
  chmodSync(state, 0o755);
  const place = placeOf(state, join(copy, 'native'));
  assert.equal(existsSync(link), true);
  assert.equal(place.data, join(state, 'postgres'));
  if (isRoot) {
    assert.match(place.native, /^\/var\/lib\/tradepost\/[0-9a-f]{12}\/binaries\/[^/]+\/native$/);
    assert.equal(statSync(join(place.native, 'bin', 'postgres')).mode & 0o005, 0o005);
    assert.equal(placeOf(state, join(copy, 'native')).native, place.native);
  } else {
    assert.equal(place.native, join(copy, 'native'));
  }
  assert.equal(basename(place.native), 'native');
});
