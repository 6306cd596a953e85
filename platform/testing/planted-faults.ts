// Faults of the sequencer that look harmless in review and lose or disorder events under load. Whoever checks a log
// proves by them that the check can fail. Planted into one database, by changing its copy of `tradepost.pass`.
import type { Queryable } from '../db/index.ts';

export interface PlantedFault {
  readonly name: string;
  /** What goes wrong. */
  readonly effect: 'loss' | 'disorder' | 'repetition';
  /** Texts of `tradepost.pass` with what takes their place; each must occur exactly once. */
  readonly replace: readonly (readonly [string, string])[];
  /** Instead of a change of the function. */
  readonly sql?: string;
}

const WINDOW_END = `    if seqs is null then
      outcome := 'idle';`;
const TAKE_SNAPSHOT = 'select pg_current_snapshot() into present;';
const LOCK = 'select f.epoch into held from tradepost.fence f for update;';
// Stands for a process that the system does not run for a moment.
const PAUSE = 'perform pg_sleep(random() * 0.01);';
const SAVE_WHOLE = 'insert into tradepost.checkpoints (n, seen) values (c.n + 1, c.target);';

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'no list of open transactions',
    effect: 'loss',
    replace: [['open_then := array(select pg_snapshot_xip(c.seen));', "open_then := '{}';"]],
  },
  {
    name: 'a cursor on seq',
    effect: 'loss',
    replace: [
      [
        'chunked := c.target is not null;',
        'chunked := true; c.after_seq := coalesce(c.after_seq, 0); c.target := present;',
      ],
      [
        'and not pg_visible_in_snapshot(o.txid, c.seen) and pg_visible_in_snapshot(o.txid, c.target)\n      order',
        'order',
      ],
      ['if chunked and logged = lim then', 'if seqs is null then outcome := $i$idle$i$; return; elsif true then'],
      ['values (c.n + 1, c.seen, c.target, seqs[lim])', 'values (c.n + 1, c.seen, null, seqs[cardinality(seqs)])'],
    ],
  },
  {
    name: 'a plain LIMIT with the snapshot moved',
    effect: 'loss',
    replace: [['limit lim + 1', 'limit lim']],
  },
  {
    name: 'the snapshot taken after the rows',
    effect: 'loss',
    replace: [[SAVE_WHOLE, 'insert into tradepost.checkpoints (n, seen) select c.n + 1, pg_current_snapshot();']],
  },
  {
    // Harmless while a pass that finds nothing saves nothing: an older snapshot finds nothing.
    name: 'the snapshot taken before the lock, and saved in any case',
    effect: 'repetition',
    replace: [
      [TAKE_SNAPSHOT, ''],
      [LOCK, `${TAKE_SNAPSHOT} ${PAUSE} ${LOCK}`],
      ['if seqs is null then', 'if false then'],
      ['if pg_snapshot_xmax(present) < pg_snapshot_xmax(coalesce(c.target, c.seen)) then', 'if false then'],
    ],
  },
  {
    name: "the sequencer's transaction writes the outbox",
    effect: 'loss',
    replace: [
      [TAKE_SNAPSHOT, `${PAUSE} ${TAKE_SNAPSHOT}`],
      [
        SAVE_WHOLE,
        `${SAVE_WHOLE}
    if c.n % 2 = 0 then
      insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
      values ('torture', 0, 'sequencer', gen_random_uuid(), 'sequencer', now(), '', '', '1');
    end if;`,
      ],
    ],
  },
  {
    name: 'a sequence with CACHE 32',
    effect: 'disorder',
    replace: [],
    sql: 'alter sequence tradepost.outbox_seq cache 32',
  },
  {
    name: 'a window cut at a transaction id',
    effect: 'disorder',
    replace: [
      [
        WINDOW_END,
        `    if cardinality(seqs) > lim then
      select format('%s:%s:%s', least(pg_snapshot_xmin(c.target)::text::numeric, w.cut), w.cut, (
          select string_agg(x::text, ',' order by x) from pg_snapshot_xip(c.target) x where x < w.cut::text::xid8))
        into present
      from (
        select max(d.txid::text::numeric) + 1 as cut from (
          select o.txid from tradepost.outbox o
          where o.txid >= pg_snapshot_xmax(c.seen) and pg_visible_in_snapshot(o.txid, c.target)
          order by o.txid limit lim
        ) d
      ) w where w.cut is not null;
      if found then c.target := present; end if;
      select array_agg(o.topic), array_agg(o.part), array_agg(o.seq) into topics, parts, seqs
      from tradepost.outbox o
      where (o.txid = any (open_then) or o.txid >= pg_snapshot_xmax(c.seen))
        and o.txid < pg_snapshot_xmax(c.target) and pg_visible_in_snapshot(o.txid, c.target);
    end if;
${WINDOW_END}`,
      ],
      ['if cardinality(seqs) > lim then\n      chunked := true;', 'if false then\n      chunked := true;'],
    ],
  },
];

/** Plants the fault into this database. @throws when the function no longer has the text that the fault changes. */
export async function plantFault(database: Queryable, fault: PlantedFault): Promise<void> {
  if (fault.sql !== undefined) await database.query(fault.sql);
  if (fault.replace.length === 0) return;
  const [row] = await database.query<{ source: string }>(
    `select pg_get_functiondef('tradepost.pass(bigint, integer)'::regprocedure) as source`,
  );
  let source = (row as { source: string }).source;
  for (const [from, to] of fault.replace) {
    if (source.split(from).length !== 2) throw new Error(`"${fault.name}" finds its text not exactly once: ${from}`);
    source = source.replace(from, () => to);
  }
  await database.query(source);
}
