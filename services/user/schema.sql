-- Made by `npm run schema`; do not edit.

create table public.users (
  id bigint generated as identity not null,
  name text,
  first_name text default ''::text not null,
  last_name text default ''::text not null,
  nickname text default ''::text not null,
  email text not null,
  email_key text not null,
  country text default ''::text not null,
  revision bigint default 1 not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  deleted_at timestamp with time zone,
  constraint users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_email_key_living ON public.users USING btree (email_key) WHERE (deleted_at IS NULL);
