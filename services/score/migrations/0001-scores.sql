-- Score events as they were accepted, every person's present score, and who exists as far as we have heard.
-- up
create table people (
  user_id bigint primary key,
  -- The person's revision at the last word about them; an older word changes nothing.
  revision bigint not null,
  deleted boolean not null default false
);

-- The row of a person is the lock that puts their events in order.
create table scores (
  user_id bigint primary key,
  score integer not null,
  last_change integer not null,
  events bigint not null,
  updated_at timestamptz not null
);

create sequence score_event_ids;
create table score_events (
  event_id bigint primary key,
  user_id bigint not null,
  new_score integer not null,
  change integer not null,
  created_at timestamptz not null,
  constraint score_events_new_score_not_negative check (new_score >= 0)
);
create index score_events_of_user on score_events (user_id, event_id desc);
-- down
drop table score_events;
drop sequence score_event_ids;
drop table scores;
drop table people;
