-- What a consumer knows: how far it has applied each producer's log, and the messages that it could not apply yet.

-- up

-- Appended and pruned, never updated: under an open snapshot an updated row grows a chain that every batch must walk.
-- The primary key is a fence of its own: of two owners who append the same number, one fails.
create table tradepost.consumer_cursors (
  consumer text not null,
  producer text not null,
  n bigint not null,
  epoch bigint not null,
  -- One element a partition: the last sequence that was applied, and the incarnation it belongs to.
  topics text[] not null,
  parts integer[] not null,
  sequences bigint[] not null,
  incarnations text[] not null,
  recorded_at timestamptz not null default now(),
  constraint consumer_cursors_pkey primary key (consumer, producer, n)
);

-- One row a consumer and producer: it tells a process that dies at the same place again from one that was stopped.
create table tradepost.consumer_runs (
  consumer text not null,
  producer text not null,
  epoch bigint not null,
  -- The cursor at which the present owner began; null once it ended in order.
  began_at_n bigint,
  -- Owners in a row that died without moving the cursor.
  deaths integer not null default 0,
  -- While messages are taken one at a time: the one under way, and how many owners died on it.
  inflight_id uuid,
  inflight_deaths integer not null default 0,
  constraint consumer_runs_pkey primary key (consumer, producer)
);

create table tradepost.parked_messages (
  id bigint generated always as identity,
  consumer text not null,
  producer text not null,
  topic text not null,
  part integer not null,
  sequence bigint not null,
  incarnation text not null,
  message_id uuid not null,
  type text not null,
  key text not null,
  occurred_at timestamptz not null,
  request_id text not null,
  correlation_id text not null,
  causation_id text,
  traceparent text,
  value bytea not null,
  original_value bytea,
  state text not null,
  attempts integer not null,
  -- When the runner must look at the row: a retry that is due, or a drop that lets its key flow on. Otherwise null.
  next_at timestamptz,
  parked_at timestamptz not null,
  first_failed_at timestamptz,
  last_failed_at timestamptz,
  settled_at timestamptz,
  error text not null default '',
  stack text not null default '',
  fingerprint text not null default '',
  note text not null default '',
  constraint parked_messages_pkey primary key (id),
  constraint parked_messages_once unique (consumer, producer, topic, part, sequence, incarnation),
  constraint parked_messages_state check (state in ('waiting', 'held', 'dead', 'dropped', 'resolved'))
);

create index parked_messages_due on tradepost.parked_messages (consumer, producer, next_at) where next_at is not null;

-- Keys that are blocked, and the order within them.
create index parked_messages_open on tradepost.parked_messages (consumer, producer, topic, key, id)
  where state in ('waiting', 'held', 'dead');

create index parked_messages_message on tradepost.parked_messages (message_id);

-- down

drop table tradepost.parked_messages;
drop table tradepost.consumer_runs;
drop table tradepost.consumer_cursors;
