-- Made by `npm run schema`; do not edit.

create sequence tradepost.outbox_seq as bigint increment 1 cache 1;

create table tradepost.checkpoints (
  n bigint not null,
  seen pg_snapshot not null,
  target pg_snapshot,
  after_seq bigint,
  constraint checkpoints_pkey PRIMARY KEY (n)
);

create table tradepost.consumer_cursors (
  consumer text not null,
  producer text not null,
  n bigint not null,
  epoch bigint not null,
  topics text[] not null,
  parts integer[] not null,
  sequences bigint[] not null,
  incarnations text[] not null,
  recorded_at timestamp with time zone default now() not null,
  constraint consumer_cursors_pkey PRIMARY KEY (consumer, producer, n)
);

create table tradepost.consumer_runs (
  consumer text not null,
  producer text not null,
  epoch bigint not null,
  began_at_n bigint,
  deaths integer default 0 not null,
  inflight_id uuid,
  inflight_deaths integer default 0 not null,
  constraint consumer_runs_pkey PRIMARY KEY (consumer, producer)
);

create table tradepost.effects (
  id uuid not null,
  seq bigint generated as identity not null,
  name text not null,
  key text not null,
  intent jsonb not null,
  cause jsonb not null,
  state text default 'pending'::text not null,
  attempts integer default 0 not null,
  begun_by text,
  next_at timestamp with time zone,
  created_at timestamp with time zone not null,
  settled_at timestamp with time zone,
  detail text default ''::text not null,
  fingerprint text default ''::text not null,
  constraint effects_due CHECK (((state = 'pending'::text) = (next_at IS NOT NULL))),
  constraint effects_pkey PRIMARY KEY (id),
  constraint effects_state CHECK ((state = ANY (ARRAY['pending'::text, 'done'::text, 'rejected'::text, 'given_up'::text])))
);
CREATE INDEX effects_order ON tradepost.effects USING btree (name, seq) WHERE (state = 'pending'::text);
CREATE INDEX effects_pending ON tradepost.effects USING btree (name, key, seq) WHERE (state = 'pending'::text);
CREATE INDEX effects_settled ON tradepost.effects USING btree (settled_at) WHERE (state = 'done'::text);

create table tradepost.fence (
  one boolean default true not null,
  epoch bigint not null,
  constraint fence_one CHECK (one),
  constraint fence_pkey PRIMARY KEY (one)
);

create table tradepost.idempotency_records (
  id uuid not null,
  request_hash bytea not null,
  refused boolean not null,
  answer bytea,
  expires_at timestamp with time zone not null,
  constraint idempotency_records_pkey PRIMARY KEY (id)
);
CREATE INDEX idempotency_records_expires_at_idx ON tradepost.idempotency_records USING brin (expires_at) WITH (pages_per_range='32', autosummarize='on');

create table tradepost.incarnation_starts (
  n integer not null,
  topic text not null,
  part integer not null,
  after_sequence bigint not null,
  constraint incarnation_starts_pkey PRIMARY KEY (n, topic, part)
);

create table tradepost.incarnations (
  n integer not null,
  id uuid default gen_random_uuid() not null,
  system_identifier bigint not null,
  timeline text not null,
  opened_at timestamp with time zone default now() not null,
  constraint incarnations_id_key UNIQUE (id),
  constraint incarnations_pkey PRIMARY KEY (n)
);

create table tradepost.leases (
  name text not null,
  owner text not null,
  epoch bigint not null,
  beats bigint not null,
  backend_pid integer not null,
  backend_started_at timestamp with time zone not null,
  constraint leases_pkey PRIMARY KEY (name)
) with (fillfactor=50);

create table tradepost.log (
  topic text not null,
  part integer not null,
  sequence bigint not null,
  seq bigint not null
) partition by RANGE (seq);

create table tradepost.log_1 (
  topic text not null,
  part integer not null,
  sequence bigint not null,
  seq bigint not null,
  constraint log_1_pkey PRIMARY KEY (topic, part, sequence) INCLUDE (seq)
) partition of tradepost.log FOR VALUES FROM ('1') TO ('1000001');

create table tradepost.log_parts (
  topic text not null,
  part integer not null,
  first_retained bigint default 1 not null,
  constraint log_parts_pkey PRIMARY KEY (topic, part)
);

create table tradepost.log_readers (
  consumer text not null,
  topic text not null,
  part integer not null,
  after_sequence bigint not null,
  incarnation uuid,
  reported_at timestamp with time zone not null,
  constraint log_readers_pkey PRIMARY KEY (consumer, topic, part)
);

create table tradepost.migrations (
  component text not null,
  number integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone default clock_timestamp() not null,
  constraint migrations_pkey PRIMARY KEY (component, number)
);

create table tradepost.outbox (
  txid xid8 default pg_current_xact_id() not null,
  seq bigint default nextval('tradepost.outbox_seq'::regclass) not null,
  topic text not null,
  part integer not null,
  key text not null,
  id uuid not null,
  type text not null,
  occurred_at timestamp with time zone not null,
  request_id text not null,
  correlation_id text not null,
  causation_id text,
  traceparent text,
  origin text,
  value bytea not null,
  constraint outbox_pkey PRIMARY KEY (seq)
) partition by RANGE (seq);
CREATE INDEX outbox_id ON ONLY tradepost.outbox USING brin (id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX outbox_txid_seq ON ONLY tradepost.outbox USING btree (txid, seq);

create table tradepost.outbox_1 (
  txid xid8 default pg_current_xact_id() not null,
  seq bigint default nextval('tradepost.outbox_seq'::regclass) not null,
  topic text not null,
  part integer not null,
  key text not null,
  id uuid not null,
  type text not null,
  occurred_at timestamp with time zone not null,
  request_id text not null,
  correlation_id text not null,
  causation_id text,
  traceparent text,
  origin text,
  value bytea not null,
  constraint outbox_1_pkey PRIMARY KEY (seq)
) partition of tradepost.outbox FOR VALUES FROM ('1') TO ('1000001');
CREATE INDEX outbox_1_id_idx ON tradepost.outbox_1 USING brin (id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX outbox_1_txid_seq_idx ON tradepost.outbox_1 USING btree (txid, seq);

create table tradepost.outbox_partitions (
  from_seq bigint not null,
  to_seq bigint not null,
  drawn_xid xid8,
  complete_at timestamp with time zone,
  removing boolean default false not null,
  constraint outbox_partitions_bounds CHECK ((from_seq < to_seq)),
  constraint outbox_partitions_pkey PRIMARY KEY (from_seq)
);

create table tradepost.parked_messages (
  id bigint generated as identity not null,
  consumer text not null,
  producer text not null,
  topic text not null,
  part integer not null,
  sequence bigint not null,
  incarnation text not null,
  message_id uuid not null,
  type text not null,
  key text not null,
  occurred_at timestamp with time zone not null,
  request_id text not null,
  correlation_id text not null,
  causation_id text,
  traceparent text,
  value bytea not null,
  original_value bytea,
  state text not null,
  attempts integer not null,
  next_at timestamp with time zone,
  parked_at timestamp with time zone not null,
  first_failed_at timestamp with time zone,
  last_failed_at timestamp with time zone,
  settled_at timestamp with time zone,
  error text default ''::text not null,
  stack text default ''::text not null,
  fingerprint text default ''::text not null,
  note text default ''::text not null,
  constraint parked_messages_once UNIQUE (consumer, producer, topic, part, sequence, incarnation),
  constraint parked_messages_pkey PRIMARY KEY (id),
  constraint parked_messages_state CHECK ((state = ANY (ARRAY['waiting'::text, 'held'::text, 'dead'::text, 'dropped'::text, 'resolved'::text])))
);
CREATE INDEX parked_messages_due ON tradepost.parked_messages USING btree (consumer, producer, next_at) WHERE (next_at IS NOT NULL);
CREATE INDEX parked_messages_message ON tradepost.parked_messages USING btree (message_id);
CREATE INDEX parked_messages_open ON tradepost.parked_messages USING btree (consumer, producer, topic, key, id) WHERE (state = ANY (ARRAY['waiting'::text, 'held'::text, 'dead'::text]));

CREATE OR REPLACE FUNCTION tradepost.add_outbox_partition(size bigint)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION tradepost.claim_idempotency_keys(ids uuid[], locks bigint[], at timestamp with time zone)
 RETURNS TABLE(claimed boolean, request_hash bytea, refused boolean, answer bytea)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  held boolean[];
begin
  held := array(
    select pg_try_advisory_xact_lock(l.lock) from unnest(locks) with ordinality as l(lock, n) order by l.n
  );
  return query
    select held[i.n], r.request_hash, r.refused, r.answer
    from unnest(ids) with ordinality as i(id, n)
    left join tradepost.idempotency_records r on r.id = i.id and r.expires_at > at
    order by i.n;
end
$function$;

CREATE OR REPLACE FUNCTION tradepost.pass(my_epoch bigint, lim integer, OUT outcome text, OUT logged integer, OUT more boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET jit TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION tradepost.present_position(topic_of text, part_of integer, incarnation_of uuid, after_sequence bigint)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION tradepost.read_log(topics text[], parts integer[], incarnations uuid[], afters bigint[], lim integer)
 RETURNS TABLE(topic text, part integer, sequence bigint, incarnation uuid, id uuid, type text, key text, occurred_at timestamp with time zone, request_id text, correlation_id text, causation_id text, traceparent text, origin text, value bytea)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION tradepost.server_timeline()
 RETURNS text
 LANGUAGE sql
AS $function$
  select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
$function$;

CREATE OR REPLACE FUNCTION tradepost.store_idempotent_answers(ids uuid[], request_hashes bytea[], refusals boolean[], answers bytea[], at timestamp with time zone, expires timestamp with time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  stored bigint;
begin
  insert into tradepost.idempotency_records as r (id, request_hash, refused, answer, expires_at)
  select a.id, a.request_hash, a.refused, a.answer, expires
  from unnest(ids, request_hashes, refusals, answers) as a(id, request_hash, refused, answer)
  on conflict on constraint idempotency_records_pkey do update
  set request_hash = excluded.request_hash, refused = excluded.refused, answer = excluded.answer,
    expires_at = excluded.expires_at
  where r.expires_at <= at;
  get diagnostics stored = row_count;
  return stored;
end
$function$;
