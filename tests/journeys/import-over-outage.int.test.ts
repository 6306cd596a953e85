// A feed is imported while PostgreSQL is killed under it: every good line is taken, once, in the order of its person.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryDatabase } from '../running-database.ts';
import { type RunningSystem, root, startSystem } from '../running-system.ts';

const PEOPLE = 20;
const LINES = 12_000;
const KILLED_AT = [3000, 7000];

function killPostgres({ env }: RunningSystem): void {
  const file = join(env['TRADEPOST_DATA'] ?? '', 'postgres', 'postmaster.pid');
  process.kill(Number(readFileSync(file, 'utf8').split('\n')[0]), 'SIGKILL');
}

/** Counts nothing while PostgreSQL is away. */
async function storedEvents(system: RunningSystem): Promise<number> {
  try {
    const sql = 'select count(*)::int as stored from score_events';
    const [row] = await queryDatabase<{ stored: number }>(system, 'score', sql);
    return row?.stored ?? 0;
  } catch {
    return 0;
  }
}

test('an import over two deaths of PostgreSQL refuses no good line and keeps the order', {
  timeout: 150_000,
}, async (t) => {
  const system = await startSystem();
  t.after(() => system.close());
  await system.tradepost('load', 'scores', '--users', String(PEOPLE), '--events', '1', '--seed', '1', '--wait', '0');
  const people = await queryDatabase<{ id: bigint }>(system, 'user', 'select id from users order by id limit 20');
  const [before] = await queryDatabase<{ last: bigint }>(
    system,
    'score',
    'select max(event_id) as last from score_events',
  );
  const main = join(root, 'cli/main.ts');
  const args = [main, 'score', 'import', '-', '--feed', 'outage', '--wait', '0', '-o', 'json'];
  const child = spawn(process.execPath, args, { cwd: root, env: system.env });
  const told = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (told.stdout += chunk));
  child.stderr.on('data', (chunk) => (told.stderr += chunk));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  for (let line = 1; line <= LINES; line += 1) {
    const userId = people[line % PEOPLE]?.id;
    child.stdin.write(`{"user_id":${userId},"new_score":${line},"change":1}\n`);
    if (!KILLED_AT.includes(line)) continue;
    while (child.exitCode === null && (await storedEvents(system)) < line - 2500) await sleep(5);
    assert.equal(child.exitCode, null, told.stderr);
    killPostgres(system);
  }
  child.stdin.end();
  assert.equal(await ended, 0, `${told.stdout}${told.stderr}`);
  const { lines, accepted, replayed, refused, broken } = JSON.parse(told.stdout);
  assert.deepEqual([lines, accepted + replayed, refused, broken], [LINES, LINES, 0, 0]);
  const rows = await queryDatabase<{ user_id: bigint; scores: number[] }>(
    system,
    'score',
    `select user_id, array_agg(new_score order by event_id) as scores from score_events where event_id > $1
       group by user_id`,
    [before?.last],
  );
  assert.equal(rows.flatMap(({ scores }) => scores).length, LINES);
  for (const { user_id, scores } of rows) {
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => a - b),
      `person ${user_id}`,
    );
  }
});
