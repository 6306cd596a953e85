-- Made by `npm run schema`; do not edit.

create sequence public.score_event_ids as bigint increment 1 cache 1;

create table public.people (
  user_id bigint not null,
  revision bigint not null,
  deleted boolean default false not null,
  constraint people_pkey PRIMARY KEY (user_id)
);

create table public.score_events (
  event_id bigint not null,
  user_id bigint not null,
  new_score integer not null,
  change integer not null,
  created_at timestamp with time zone not null,
  constraint score_events_new_score_not_negative CHECK ((new_score >= 0)),
  constraint score_events_pkey PRIMARY KEY (event_id)
);
CREATE INDEX score_events_of_user ON public.score_events USING btree (user_id, event_id DESC);

create table public.scores (
  user_id bigint not null,
  score integer not null,
  last_change integer not null,
  events bigint not null,
  updated_at timestamp with time zone not null,
  constraint scores_pkey PRIMARY KEY (user_id)
);
