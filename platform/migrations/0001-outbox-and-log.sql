-- The outbox that producers write, the log that consumers read, and the pass between them (the sequencer's).

-- up

-- CACHE 1, and no identity: a cached range would let a later transaction draw a smaller number than an earlier one.
create sequence tradepost.outbox_seq as bigint cache 1;

create table tradepost.outbox (
  -- First, so that a transaction has its id before it draws a seq: retention relies on it.
  txid xid8 not null default pg_current_xact_id(),
  seq bigint not null default nextval('tradepost.outbox_seq'),
  topic text not null,
  part integer not null,
  key text not null,
  id uuid not null,
  type text not null,
  occurred_at timestamptz not null,
  request_id text not null,
  correlation_id text not null,
  causation_id text,
  traceparent text,
  -- Where a foreign record came from: topic, partition and offset of the broker.
  origin text,
  -- The exact bytes that every consumer sees; jsonb would reorder them.
  value bytea not null,
  constraint outbox_pkey primary key (seq)
) partition by range (seq);

create index outbox_txid_seq on tradepost.outbox (txid, seq);
-- Ids rise with time, so a block range index finds one event at almost no cost to writers.
create index outbox_id on tradepost.outbox using brin (id) with (pages_per_range = 32, autosummarize = on);

-- A narrow index onto the outbox. Each partition has the primary key (topic, part, sequence); the fence keeps it unique
-- across partitions.
create table tradepost.log (
  topic text not null,
  part integer not null,
  sequence bigint not null,
  seq bigint not null
) partition by range (seq);

-- Every (topic, part) that ever had a record, with the first sequence that retention has left.
create table tradepost.log_parts (
  topic text not null,
  part integer not null,
  first_retained bigint not null default 1,
  constraint log_parts_pkey primary key (topic, part)
);

-- The partitions of outbox and log: seq from from_seq to below to_seq.
create table tradepost.outbox_partitions (
  from_seq bigint not null,
  to_seq bigint not null,
  -- Set once every seq of it was drawn: transactions below it may still be open.
  drawn_xid xid8,
  -- Domain time at which the last of its rows was known to be in the log: its age counts from here.
  complete_at timestamptz,
  -- Set before anything of it goes, so that a removal that was interrupted is taken up again.
  removing boolean not null default false,
  constraint outbox_partitions_pkey primary key (from_seq),
  constraint outbox_partitions_bounds check (from_seq < to_seq)
);

-- One row, locked by every pass, updated only by a take-over.
create table tradepost.fence (
  one boolean not null default true,
  epoch bigint not null,
  constraint fence_pkey primary key (one),
  constraint fence_one check (one)
);
insert into tradepost.fence (epoch) values (0);

-- What the sequencer has seen. Appended and pruned, never updated: under one open snapshot an updated row grows slow.
create table tradepost.checkpoints (
  n bigint not null,
  seen pg_snapshot not null,
  -- Set while a backlog is taken in chunks up to this snapshot; after_seq is how far it got.
  target pg_snapshot,
  after_seq bigint,
  constraint checkpoints_pkey primary key (n)
);
insert into tradepost.checkpoints (n, seen) values (1, '1:1:');

-- Which life of the database the log belongs to: a restore opens a new one, because it hands out sequences again.
create table tradepost.incarnations (
  n integer not null,
  id uuid not null default gen_random_uuid(),
  system_identifier bigint not null,
  timeline text not null,
  opened_at timestamptz not null default now(),
  constraint incarnations_pkey primary key (n),
  constraint incarnations_id_key unique (id)
);

-- The sequence behind which an incarnation begins; none for (topic, part) means 0.
create table tradepost.incarnation_starts (
  n integer not null,
  topic text not null,
  part integer not null,
  after_sequence bigint not null,
  constraint incarnation_starts_pkey primary key (n, topic, part)
);

-- How far the consumers of this log say they have come: retention keeps what lies behind the slowest.
create table tradepost.log_readers (
  consumer text not null,
  topic text not null,
  part integer not null,
  -- The last sequence that it has committed, and the incarnation it belongs to.
  after_sequence bigint not null,
  incarnation uuid,
  -- Domain time. A reader that was not heard of for long holds nothing back any more.
  reported_at timestamptz not null,
  constraint log_readers_pkey primary key (consumer, topic, part)
);

-- Who leads: no wall clock is in it. A rival that sees `beats` stand still takes over.
create table tradepost.leases (
  name text not null,
  owner text not null,
  epoch bigint not null,
  beats bigint not null,
  backend_pid integer not null,
  backend_started_at timestamptz not null,
  constraint leases_pkey primary key (name)
) with (fillfactor = 50);

create function tradepost.server_timeline() returns text language sql volatile as $$
  select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
$$;

insert into tradepost.incarnations (n, system_identifier, timeline)
select 1, system_identifier, tradepost.server_timeline() from pg_control_system();

-- Makes the next partition of outbox and log. CREATE and then ATTACH: `create table … partition of` would wait for
-- every open writer, and stall all others behind it.
create function tradepost.add_outbox_partition(size bigint) returns bigint language plpgsql volatile as $$
declare
  first bigint;
  past bigint;
begin
  -- One at a time; no table lock, which would wait for retention.
  perform pg_advisory_xact_lock(7310552305);
  select coalesce(max(p.to_seq), 1) into first from tradepost.outbox_partitions p;
  past := first + size;
  execute format('create table tradepost.log_%s (like tradepost.log including all,
    primary key (topic, part, sequence) include (seq))', first);
  execute format('alter table tradepost.log attach partition tradepost.log_%s
    for values from (%s) to (%s)', first, first, past);
  execute format('create table tradepost.outbox_%s (like tradepost.outbox including all)', first);
  execute format('alter table tradepost.outbox attach partition tradepost.outbox_%s
    for values from (%s) to (%s)', first, first, past);
  insert into tradepost.outbox_partitions (from_seq, to_seq) values (first, past);
  return past;
end
$$;

select tradepost.add_outbox_partition(1000000);

-- Moves what became visible since the last checkpoint into the log, numbered densely per (topic, part).
-- outcome: logged | idle | fenced | moved (another server or timeline) | future (a snapshot from the future).
-- Settings: cached plans must not keep a sequential scan that was chosen while the tables were empty.
create function tradepost.pass(my_epoch bigint, lim integer, out outcome text, out logged integer, out more boolean)
language plpgsql volatile
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  held bigint;
  c tradepost.checkpoints;
  same_server boolean;
  present pg_snapshot;
  open_then xid8[];
  topics text[];
  parts integer[];
  seqs bigint[];
  chunked boolean;
begin
  logged := 0;
  more := false;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'tradepost.pass needs READ COMMITTED: each of its statements takes a snapshot of its own';
  end if;

  select f.epoch into held from tradepost.fence f for update;
  if held is distinct from my_epoch then
    outcome := 'fenced';
    return;
  end if;

  select * into c from tradepost.checkpoints k order by k.n desc limit 1;
  select i.system_identifier = s.system_identifier and i.timeline = tradepost.server_timeline() into same_server
  from tradepost.incarnations i, pg_control_system() s order by i.n desc limit 1;
  if not same_server then
    outcome := 'moved';
    return;
  end if;
  -- In a statement after the lock: what a former leader has seen is then in the checkpoint.
  select pg_current_snapshot() into present;
  if pg_snapshot_xmax(present) < pg_snapshot_xmax(coalesce(c.target, c.seen)) then
    outcome := 'future';
    return;
  end if;

  chunked := c.target is not null;
  if not chunked then
    c.target := present;
    open_then := array(select pg_snapshot_xip(c.seen));
    -- One row more than asked for tells that there is a backlog.
    select array_agg(d.topic), array_agg(d.part), array_agg(d.seq) into topics, parts, seqs
    from (
      select o.topic, o.part, o.seq from tradepost.outbox o
      where o.txid = any (open_then) and pg_visible_in_snapshot(o.txid, c.target)
      union all
      select o.topic, o.part, o.seq from tradepost.outbox o
      where o.txid >= pg_snapshot_xmax(c.seen) and o.txid < pg_snapshot_xmax(c.target)
        and pg_visible_in_snapshot(o.txid, c.target)
      limit lim + 1
    ) d;
    if seqs is null then
      outcome := 'idle';
      return;
    end if;
    if cardinality(seqs) > lim then
      chunked := true;
      select min(d.seq) - 1 into c.after_seq
      from (
        select o.seq from tradepost.outbox o
        where o.txid = any (open_then) and pg_visible_in_snapshot(o.txid, c.target)
        union all
        select o.seq from tradepost.outbox o
        where o.txid >= pg_snapshot_xmax(c.seen) and o.txid < pg_snapshot_xmax(c.target)
          and pg_visible_in_snapshot(o.txid, c.target)
      ) d;
    end if;
  end if;
  if chunked then
    select array_agg(d.topic), array_agg(d.part), array_agg(d.seq) into topics, parts, seqs
    from (
      select o.topic, o.part, o.seq from tradepost.outbox o
      where o.seq > c.after_seq
        and not pg_visible_in_snapshot(o.txid, c.seen) and pg_visible_in_snapshot(o.txid, c.target)
      order by o.seq limit lim
    ) d;
  end if;

  if seqs is not null then
    logged := cardinality(seqs);
    insert into tradepost.log_parts (topic, part)
    select distinct d.topic, d.part from unnest(topics, parts) d (topic, part)
    where not exists (select from tradepost.log_parts p where p.topic = d.topic and p.part = d.part);

    insert into tradepost.log (topic, part, sequence, seq)
    with d as materialized (select * from unnest(topics, parts, seqs) d (topic, part, seq)),
    heads as materialized (
      -- A row that came late may have been removed with the old partition it lies in, being the last of all.
      select p.topic, p.part, greatest(h.sequence, p.first_retained - 1) as head
      from (select distinct d.topic, d.part from d) k
      join tradepost.log_parts p on p.topic = k.topic and p.part = k.part
      left join lateral (
        select l.sequence from tradepost.log l
        where l.topic = p.topic and l.part = p.part order by l.sequence desc limit 1
      ) h on true
    )
    select d.topic, d.part, h.head + row_number() over (partition by d.topic, d.part order by d.seq), d.seq
    from heads h join d on d.topic = h.topic and d.part = h.part;
  end if;

  outcome := 'logged';
  if chunked and logged = lim then
    more := true;
    insert into tradepost.checkpoints (n, seen, target, after_seq)
    values (c.n + 1, c.seen, c.target, seqs[lim]);
  else
    -- What committed while a backlog was taken is looked for at once.
    more := chunked;
    insert into tradepost.checkpoints (n, seen) values (c.n + 1, c.target);
  end if;
end
$$;

-- Where a position stands in the present incarnation: one of an earlier life goes back to where the lives parted.
create function tradepost.present_position(topic_of text, part_of integer, incarnation_of uuid, after_sequence bigint)
returns bigint language sql stable as $$
  select case when $3 is null or $3 = (select i.id from tradepost.incarnations i order by i.n desc limit 1) then $4
  else least($4, (
    select min(coalesce(s.after_sequence, 0))
    from tradepost.incarnations i
    left join tradepost.incarnation_starts s on s.n = i.n and s.topic = $1 and s.part = $2
    where i.n > coalesce(
      (select k.n from tradepost.incarnations k where k.id = $3),
      (select max(k.n) - 1 from tradepost.incarnations k)
    )
  )) end
$$;

-- Records of many (topic, part) behind their positions, fairly: nobody's backlog hides another's next record.
-- Raises TP416 with the first retained sequence as its detail when retention has passed a position.
create function tradepost.read_log(topics text[], parts integer[], incarnations uuid[], afters bigint[], lim integer)
returns table (
  topic text, part integer, sequence bigint, incarnation uuid, id uuid, type text, key text, occurred_at timestamptz,
  request_id text, correlation_id text, causation_id text, traceparent text, origin text, value bytea
)
language plpgsql volatile
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
  latest tradepost.incarnations;
  behind record;
begin
  select * into latest from tradepost.incarnations i order by i.n desc limit 1;
  if exists (select from unnest(incarnations) i where i <> latest.id) then
    afters := array(
      select tradepost.present_position(p.topic, p.part, p.incarnation, p.after_sequence)
      from unnest(topics, parts, incarnations, afters)
        with ordinality p (topic, part, incarnation, after_sequence, place)
      order by p.place
    );
  end if;
  select p.topic, p.part, r.first_retained into behind
  from unnest(topics, parts, afters) p (topic, part, after_sequence)
  join tradepost.log_parts r on r.topic = p.topic and r.part = p.part
  where r.first_retained > p.after_sequence + 1 limit 1;
  if found then
    raise exception '%/% is retained from % on', behind.topic, behind.part, behind.first_retained
      using errcode = 'TP416', detail = json_build_array(behind.topic, behind.part, behind.first_retained::text)::text;
  end if;
  return query
  select n.topic, n.part, n.sequence, latest.id, o.id, o.type, o.key, o.occurred_at,
    o.request_id, o.correlation_id, o.causation_id, o.traceparent, o.origin, o.value
  from (
    select p.topic, p.part, l.sequence, l.seq
    from unnest(topics, parts, afters) p (topic, part, after_sequence)
    cross join lateral (
      select l.sequence, l.seq from tradepost.log l
      where l.topic = p.topic and l.part = p.part and l.sequence > p.after_sequence
      order by l.sequence limit lim
    ) l
    -- The log is dense, so this is the record's place behind its position.
    order by l.sequence - p.after_sequence, l.seq limit lim
  ) n
  join tradepost.outbox o on o.seq = n.seq
  order by n.topic, n.part, n.sequence;
end
$$;

-- down

drop function tradepost.read_log;
drop function tradepost.present_position;
drop function tradepost.pass;
drop function tradepost.add_outbox_partition;
drop table tradepost.log_readers, tradepost.leases, tradepost.incarnation_starts, tradepost.incarnations,
  tradepost.checkpoints, tradepost.fence, tradepost.outbox_partitions, tradepost.log_parts, tradepost.log,
  tradepost.outbox;
drop function tradepost.server_timeline;
drop sequence tradepost.outbox_seq;
