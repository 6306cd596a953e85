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
-- The planner's settings keep a plan that was made while the table was empty from scanning it later, and keep the plan:
-- planning anew for each length of the arrays costs more than the look-up.
create function tradepost.claim_idempotency_keys(ids uuid[], locks bigint[], at timestamptz)
returns table (claimed boolean, request_hash bytea, refused boolean, answer bytea)
language plpgsql volatile
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
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

-- Stores the answers of a batch. @returns how many: fewer than were given when a live record is in the way.
create function tradepost.store_idempotent_answers(
  ids uuid[], request_hashes bytea[], refusals boolean[], answers bytea[], at timestamptz, expires timestamptz
) returns bigint
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
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
$$;

-- down
drop function tradepost.store_idempotent_answers(uuid[], bytea[], boolean[], bytea[], timestamptz, timestamptz);
drop function tradepost.claim_idempotency_keys(uuid[], bigint[], timestamptz);
drop table tradepost.idempotency_records;
