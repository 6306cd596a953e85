// A feed file with broken lines: the good ones are taken, each other one is reported with its number and the reason.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type RunningSystem, startSystem } from '../running-system.ts';
import { countRows } from './stored-rows.ts';

let system: RunningSystem;
let directory: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tradepost-feed-'));
  system = await startSystem({ env: { LOG_LEVEL: 'error', NO_COLOR: '1' } });
});
after(async () => {
  await system?.close();
  rmSync(directory, { recursive: true, force: true });
});

const event = (fields: object): string => JSON.stringify({ user_id: 1, new_score: 700, change: 1, ...fields });

const SCORE_LINES: readonly (readonly [line: string | Buffer, code: string])[] = [
  [event({}), ''],
  ['{"user_id":1,', 'broken_line'],
  [event({ user_id: 999_999 }), 'user_not_found'],
  [event({ new_score: -1 }), 'invalid_request'],
  [event({ change: 2 ** 31 }), 'broken_line'],
  ['[]', 'broken_line'],
  ['"text"', 'broken_line'],
  [event({ user_id: '1' }), ''],
  [event({ user_id: 0 }), 'invalid_request'],
  [Buffer.from([0x7b, 0xff, 0x7d]), 'broken_line'],
  [event({ extra: true }), 'broken_line'],
  [event({ idempotency_key: '' }), 'broken_line'],
  [event({ idempotency_key: 'x'.repeat(256) }), 'broken_line'],
  [event({ idempotency_key: 'own' }), ''],
  ['{"user_id":9007199254740993,"new_score":1,"change":1}', 'user_not_found'],
  ['x'.repeat(1024 * 1024 + 1), 'broken_line'],
  [event({ change: -5 }), ''],
];

function write(name: string, lines: readonly (string | Buffer)[]): string {
  const path = join(directory, name);
  writeFileSync(path, Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])));
  return path;
}

/** Imports the file, which ends with a failure when lines were refused. @returns the report's lines. */
async function importFile(verb: string, path: string): Promise<string[]> {
  const report = `${path}.report`;
  await assert.rejects(system.tradepost(verb, 'import', path, '--report', report), /refused/);
  return readFileSync(report, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { line: number; code: string; detail: string })
    .toSorted((left, right) => left.line - right.line)
    .map(({ line, code, detail }) => {
      assert.notEqual(detail, '');
      return `${line} ${code}`;
    });
}

test('people are imported, and every line that is none is reported by its number', async () => {
  const people = write('people.ndjson', [
    '{"name":"Ada","email":"ada@example.com"}',
    '{"name":"No address"}',
    '{"name":"Ada again","email":"ADA@example.com"}',
    'not json',
    '{"name":"A\\u0000","email":"nul@example.com"}',
    '{"name":"Bob","email":"bob@example.com"}',
  ]);
  assert.deepEqual(
    (await importFile('user', people)).map((line) => line.split(' ')[0]),
    ['2', '3', '4', '5'],
  );
  assert.equal((await countRows(system))['user.users'], 2);
});

test('score events are imported, and every broken line is reported by its number', async () => {
  const feed = write(
    'feed.ndjson',
    SCORE_LINES.map(([line]) => line),
  );
  const expected = SCORE_LINES.flatMap(([, code], place) => (code === '' ? [] : [`${place + 1} ${code}`]));
  assert.deepEqual(await importFile('score', feed), expected);
  const taken = SCORE_LINES.filter(([, code]) => code === '').length;
  assert.equal((await countRows(system))['score.score_events'], taken);
});

test('the same file again repeats nothing', async () => {
  const before = await countRows(system);
  await importFile('score', join(directory, 'feed.ndjson'));
  assert.deepEqual(await countRows(system), before);
});
