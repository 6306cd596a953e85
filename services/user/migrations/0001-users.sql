-- People, one row each; deleted ones stay, marked, so that what they did can still be explained.
-- up
create table users (
  id bigint generated always as identity primary key,
  -- As given; without it, first and last name together are shown.
  name text,
  first_name text not null default '',
  last_name text not null default '',
  nickname text not null default '',
  email text not null,
  -- The address as it is compared: normalized, in lower case.
  email_key text not null,
  country text not null default '',
  revision bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz
);
create unique index users_email_key_living on users (email_key) where deleted_at is null;
-- down
drop table users;
