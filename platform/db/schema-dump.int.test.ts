import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestDatabase } from '../testing/index.ts';
import { schemaDump } from './index.ts';

const SCHEMA = `
  create type mood as enum ('calm', 'busy');
  create table people (
    id int8 generated always as identity primary key,
    email text not null,
    mood mood not null default 'calm',
    constraint people_email_shape check (email like '%@%')
  );
  create unique index people_email_key on people (lower(email));
  create table letters (
    person_id int8 not null constraint letters_person_fkey references people,
    sent_at timestamptz not null default now()
  ) partition by range (sent_at);
  create view busy as select id from people where mood = 'busy';
  create function twice(n int) returns int language sql immutable return n * 2;`;

const PRINTED = `create type public.mood as enum ('calm', 'busy');

create view public.busy as
 SELECT id
   FROM public.people
  WHERE mood = 'busy'::public.mood;

create table public.letters (
  person_id bigint not null,
  sent_at timestamp with time zone default now() not null,
  constraint letters_person_fkey FOREIGN KEY (person_id) REFERENCES public.people(id)
) partition by RANGE (sent_at);

create table public.people (
  id bigint generated as identity not null,
  email text not null,
  mood public.mood default 'calm'::public.mood not null,
  constraint people_email_shape CHECK ((email ~~ '%@%'::text)),
  constraint people_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX people_email_key ON public.people USING btree (lower(email));

CREATE OR REPLACE FUNCTION public.twice(n integer)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
RETURN (n * 2);
`;

test('A schema is printed by name, without a word of its data, the same every time', async () => {
  const home = await createTestDatabase({ service: 'dump' });
  const before = await schemaDump(home.database);
  await home.database.query(SCHEMA);
  const dump = await schemaDump(home.database);
  const own = dump.split('\n\n').filter((part) => part.includes('public.'));
  assert.equal(`${own.join('\n\n').trimEnd()}\n`, PRINTED);
  assert.ok(before.startsWith('create schema tradepost;\n'));
  assert.equal(await schemaDump(home.database), dump);
  await home.close();
});
