// A producer that does everything a transaction can do. Every event of a key carries the key's revision, taken under
// the key's lock: the log must show them 1, 2, 3, … for what was committed.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Random } from '../../testing/random.ts';

export const TORTURE_KEYS = 300;
const PARTS = 4;

/** To be run once in the database under torture. */
export const TORTURE_SCHEMA = `
  create table torture_keys (key text primary key, revision bigint not null default 0);
  insert into torture_keys (key) select 'key-' || n from generate_series(0, ${TORTURE_KEYS - 1}) n;
  create function torture_write(wanted text[]) returns void language plpgsql as $$
  declare
    wanted_key text;
    at bigint;
  begin
    foreach wanted_key in array wanted loop
      update torture_keys k set revision = k.revision + 1 where k.key = wanted_key returning k.revision into at;
      insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
      values ('torture', abs(hashtext(wanted_key)) % ${PARTS}, wanted_key, gen_random_uuid(), 'torture', now(),
        'r', 'c', convert_to(at::text, 'UTF8'));
    end loop;
  end $$;`;

type Act = (client: pg.Client, random: Random) => Promise<void>;

const HOT_KEYS = 12;
const coldKey = (random: Random): string => `key-${HOT_KEYS + random.below(TORTURE_KEYS - HOT_KEYS)}`;

// In sorted order, so that writers wait for each other and never deadlock.
function someKeys(random: Random): string[] {
  const anyKey = () => (random.oneIn(3) ? `key-${random.below(HOT_KEYS)}` : coldKey(random));
  return [...new Set(Array.from({ length: 1 + random.below(4) }, anyKey))].sort();
}

const write = (client: pg.Client, keys: string[]) => client.query('select torture_write($1)', [keys]);

async function savepoints(client: pg.Client, random: Random, count: number): Promise<void> {
  const [key] = someKeys(random) as [string];
  for (let at = 0; at < count; at += 1) {
    await client.query('savepoint s');
    await write(client, [key]);
    await client.query(random.oneIn(3) ? 'rollback to savepoint s' : 'release savepoint s');
  }
}

async function writeAndLinger(client: pg.Client, random: Random, longestMs: number): Promise<void> {
  await write(client, [coldKey(random)]);
  await sleep(random.below(longestMs));
}

const ACTS: readonly (readonly [weight: number, act: Act])[] = [
  [300, async (client, random) => void (await write(client, someKeys(random)))],
  [20, (client, random) => savepoints(client, random, 3)],
  [1, (client, random) => savepoints(client, random, 70)],
  // An id long before the rows: others commit in between, on the same keys too.
  [
    60,
    async (client, random) => {
      await client.query('select pg_current_xact_id()');
      await sleep(random.below(25));
      await write(client, someKeys(random));
    },
  ],
  [8, (client, random) => writeAndLinger(client, random, 300)],
  [1, (client, random) => writeAndLinger(client, random, 1300)],
];

const WEIGHTS = ACTS.reduce((sum, [weight]) => sum + weight, 0);

function pickAct(random: Random): Act {
  let left = random.below(WEIGHTS);
  for (const [weight, act] of ACTS) {
    left -= weight;
    if (left < 0) return act;
  }
  return (ACTS[0] as (typeof ACTS)[number])[1];
}

async function runOne(client: pg.Client, random: Random, name: string): Promise<void> {
  await client.query('begin');
  await pickAct(random)(client, random);
  if (random.oneIn(8)) return void (await client.query('rollback'));
  if (!random.oneIn(60)) return void (await client.query('commit'));
  await client.query(`prepare transaction '${name}'`);
  await sleep(random.below(150));
  await client.query(random.oneIn(4) ? `rollback prepared '${name}'` : `commit prepared '${name}'`);
}

/** Writes until told to stop; a killed session is replaced. @returns how many transactions went through. */
export async function runWriter(url: string, random: Random, name: string, isOver: () => boolean): Promise<number> {
  let done = 0;
  while (!isOver()) {
    const client = new pg.Client({ connectionString: url, lock_timeout: 3000, application_name: 'torture-writer' });
    client.on('error', () => {});
    try {
      await client.connect();
      while (!isOver()) {
        await runOne(client, random, `${name}-${done}`);
        done += 1;
      }
    } catch {
      // Killed, or the server was stopped: both are part of it. Prepared transactions are settled at the end.
      await sleep(20);
      done += 1;
    } finally {
      await client.end().catch(() => {});
    }
  }
  return done;
}
