-- What is to be done outside the database, recorded in the transaction that decided it and performed after its commit.

-- up

create table tradepost.effects (
  -- The provider's idempotency key.
  id uuid not null,
  -- Order within a key.
  seq bigint generated always as identity,
  name text not null,
  key text not null,
  intent jsonb not null,
  cause jsonb not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  -- Who began an attempt that is not recorded yet: a new owner waits while it may still be under way.
  begun_by text,
  -- When it is due; null once it is settled.
  next_at timestamptz,
  created_at timestamptz not null,
  settled_at timestamptz,
  -- What the last attempt that failed said.
  detail text not null default '',
  fingerprint text not null default '',
  constraint effects_pkey primary key (id),
  constraint effects_state check (state in ('pending', 'done', 'rejected', 'given_up')),
  constraint effects_due check ((state = 'pending') = (next_at is not null))
);

create index effects_pending on tradepost.effects (name, key, seq) where state = 'pending';
create index effects_order on tradepost.effects (name, seq) where state = 'pending';
create index effects_settled on tradepost.effects (settled_at) where state = 'done';

-- down

drop table tradepost.effects;
