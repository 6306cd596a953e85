-- Made by `npm run schema`; do not edit.

create table public.notifications (
  id bigint generated as identity not null,
  user_id bigint not null,
  message text not null,
  score_change integer default 0 not null,
  status text not null,
  reason text default ''::text not null,
  source_event_id uuid,
  created_at timestamp with time zone not null,
  constraint notifications_pkey PRIMARY KEY (id),
  constraint notifications_status_known CHECK ((status = ANY (ARRAY['queued'::text, 'sent'::text, 'delivered'::text, 'undelivered'::text, 'bounced'::text, 'not_sent'::text])))
);
CREATE INDEX notifications_of_user ON public.notifications USING btree (user_id, id DESC);
