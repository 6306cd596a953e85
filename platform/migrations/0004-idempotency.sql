-- Why: a repeat of a command with the same idempotency key gets the first answer; that answer commits with its effect.

-- up
create table tradepost.idempotency_records (
  -- Hash of caller, method and key: what a key means is nobody else's business, and 16 bytes keep the index small.
  id uuid not null,
  request_hash bytea not null,
  refused boolean not null,
  -- The answer's message, or its google.rpc.Status when refused; null when it was too large to keep.
  answer bytea,
  expires_at timestamptz not null,
  constraint idempotency_records_pkey primary key (id)
);

-- Rows come in order of time, so that a BRIN index finds the old ones and costs an insert nothing.
create index idempotency_records_expires_at_idx on tradepost.idempotency_records
  using brin (expires_at) with (pages_per_range = 32, autosummarize = on);

-- One round trip takes the locks of a batch and then looks its answers up. The look-up is a statement of its own in a
-- volatile function: it sees what was committed by the holder of a lock that was free only a moment ago.
-- The planner's settings keep a plan that was made while the table was empty from scanning it later.
create function tradepost.claim_idempotency_keys(ids uuid[], locks bigint[], at timestamptz)
returns table (claimed boolean, request_hash bytea, refused boolean, answer bytea)
language plpgsql volatile
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
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
$$;

-- down
drop function tradepost.claim_idempotency_keys(uuid[], bigint[], timestamptz);
drop table tradepost.idempotency_records;
