import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { topology } from '@tradepost/deploy';
import { createGrpcServer, type GrpcServer } from '@tradepost/platform/rpc';
import { createLogger } from '@tradepost/platform/telemetry';
import { type TestPlatform, testPlatform } from '@tradepost/platform/testing';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'cli-'));
let platform: TestPlatform;
let server: GrpcServer;
let address: string;

before(async () => {
  platform = await testPlatform({ services: topology.map(({ service }) => service) });
  const log = createLogger({ level: 'error' });
  server = createGrpcServer({ dispatcher: platform.core.dispatcher, log, trustCallers: true });
  address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
});

after(async () => {
  await server.close(1000);
  await platform.close();
  rmSync(directory, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, TRADEPOST_URL: address, ...env },
      timeout: 60_000,
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

async function json(...args: string[]): Promise<never> {
  const { code, out, err } = await run([...args, '--output', 'json']);
  assert.equal(err, '');
  assert.equal(code, 0);
  return JSON.parse(out) as never;
}

test('a person is registered, read, changed, listed and deleted', async () => {
  const ada: { id: number } = await json('user', 'create', '--name', 'Ada Lovelace', '--email', 'ada@example.com');
  const changed: { nickname: string; revision: number } = await json(
    'user',
    'update',
    `${ada.id}`,
    '--nickname',
    'ada',
  );
  assert.deepEqual([changed.nickname, changed.revision], ['ada', 2]);
  const { out } = await run(['user', 'get', `${ada.id}`]);
  assert.deepEqual(out.split('\n').slice(1, 4), ['name      Ada Lovelace', 'email     ada@example.com', 'revision  2']);
  const list: { email: string }[] = await json('user', 'list', '--all');
  assert.equal(list.at(-1)?.email, 'ada@example.com');
  assert.equal((await run(['user', 'delete', `${ada.id}`])).out, `Person ${ada.id} was deleted.\n`);
  const gone = await run(['user', 'get', `${ada.id}`, '--output', 'json']);
  assert.equal(gone.code, 5);
  assert.equal(JSON.parse(gone.err).code, 'user_not_found');
});

test('a refusal has its code, its sentence and its own exit code', async () => {
  const { code, err } = await run(['user', 'create', '--name', 'Ada', '--email', 'nobody']);
  assert.equal(code, 6);
  assert.match(err, /^error: .*\nfix: {3}\/email: .*\n$/);
});

test('an import reports what was accepted and what was refused by line, and a second run accepts nothing', async () => {
  const users = join(directory, 'users.ndjson');
  const lines = ['{"name":"Grace","email":"grace@example.com"}', '{"name":"Nobody"', '{"name":"Alan","email":"x"}'];
  writeFileSync(users, `${lines.join('\n')}\n`);
  const first = await run(['user', 'import', users, '--output', 'json']);
  const counts = JSON.parse(first.out);
  assert.equal(first.code, 7);
  assert.deepEqual([counts.lines, counts.accepted, counts.broken, counts.refused], [3, 1, 1, 1]);
  assert.deepEqual(
    counts.refused_lines.map(({ line, code }: { line: number; code: string }) => [line, code]),
    [
      [2, 'broken_line'],
      [3, 'invalid_request'],
    ],
  );
  const second = JSON.parse((await run(['user', 'import', users, '--output', 'json'])).out);
  assert.deepEqual([second.accepted, second.replayed], [0, 1]);
});

test('a feed is accepted once: broken lines, duplicates and a key used twice are told apart', async () => {
  const { id }: { id: number } = await json('user', 'create', '--name', 'Radia', '--email', 'radia@example.com');
  const event = (score: number, change: number, key?: string) =>
    JSON.stringify({ ...(key && { idempotency_key: key }), user_id: id, new_score: score, change });
  const lines = [event(700, 15), 'no json', event(720, 20, 'k'), event(720, 20, 'k'), event(721, 1, 'k')];
  const feed = join(directory, 'feed.ndjson');
  const refused = join(directory, 'refused.ndjson');
  writeFileSync(feed, [...lines, '{"user_id":999999,"new_score":1,"change":1}', event(715, -5)].join('\n'));
  const { code, out } = await run(['score', 'import', feed, '--report', refused, '--output', 'json']);
  const report = JSON.parse(out);
  assert.equal(code, 7);
  assert.deepEqual([report.lines, report.accepted, report.replayed, report.refused, report.broken], [7, 3, 1, 2, 1]);
  const told = readFileSync(refused, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(told.map(({ line }) => line).sort(), [2, 5, 6]);
  const again = JSON.parse((await run(['score', 'import', feed, '--output', 'json'])).out);
  assert.deepEqual([again.accepted, again.replayed], [0, 4]);
  await platform.settle();
  const mails: { subject: string }[] = await json('mail', 'ls', '--user', `${id}`);
  assert.equal(mails.length, 2);
  const { out: shown } = await run(['score', 'show', `${id}`]);
  assert.match(shown, new RegExp(`^Person ${id} has a score of 715.\n`));
});

test('one score event leads to one mail, which can be read', async () => {
  const { id }: { id: number } = await json('user', 'create', '--name', 'Hedy', '--email', 'hedy@example.com');
  const sent: { status: string } = await json('score', 'send', '--user', `${id}`, '--change', '15');
  assert.equal(sent.status, 'accepted');
  await platform.settle();
  const [mail]: { id: number; to: string; status: string }[] = await json('mail', 'ls', '--user', `${id}`);
  assert.deepEqual([mail?.to, mail?.status], ['hedy@example.com', 'sent']);
  assert.match((await run(['mail', 'show', `${mail?.id}`])).out, /Your score increased by 15 points!/);
  assert.match((await run(['mail', 'show', `${mail?.id}`, '--html'])).out, /<html/);
});

test('a load makes the people that are missing and sends what it was told to', async () => {
  const report = JSON.parse(
    (await run(['load', 'scores', '--users', '20', '--events', '700', '--output', 'json'])).out,
  );
  assert.deepEqual([report.lines, report.accepted, report.refused, report.people], [700, 700, 0, 20]);
});

test('nobody there is said in one sentence with the fix', async () => {
  const { code, err } = await run(['mail', 'ls', '--data', join(directory, 'none')], { TRADEPOST_URL: '' });
  assert.equal(code, 4);
  assert.match(err, /^error: Nothing runs on the data directory .*\(not_running\)\nfix: {3}start it with 'npm start'/);
});
