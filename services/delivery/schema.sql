-- Made by `npm run schema`; do not edit.

create table public.attempts (
  email_id bigint not null,
  number integer not null,
  started_at timestamp with time zone not null,
  outcome text not null,
  detail text default ''::text not null,
  constraint attempts_email_id_fkey FOREIGN KEY (email_id) REFERENCES public.emails(id),
  constraint attempts_outcome_known CHECK ((outcome = ANY (ARRAY['sent'::text, 'failed'::text, 'bounced'::text]))),
  constraint attempts_pkey PRIMARY KEY (email_id, number)
);

create table public.emails (
  id bigint generated as identity not null,
  user_id bigint default 0 not null,
  notification_id bigint default 0 not null,
  kind text not null,
  recipient text default ''::text not null,
  subject text not null,
  message text not null,
  body_text text not null,
  body_html text not null,
  message_id text not null,
  status text not null,
  reason text default ''::text not null,
  created_at timestamp with time zone not null,
  sent_at timestamp with time zone,
  constraint emails_message_id_unique UNIQUE (message_id),
  constraint emails_pkey PRIMARY KEY (id),
  constraint emails_status_known CHECK ((status = ANY (ARRAY['queued'::text, 'sent'::text, 'bounced'::text, 'undelivered'::text, 'not_sent'::text])))
);
CREATE INDEX emails_of_user ON public.emails USING btree (user_id, id DESC);
