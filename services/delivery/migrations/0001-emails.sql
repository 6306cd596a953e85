-- Mails as they were rendered, each with what every attempt to send it came to. This is also the local mailbox.
-- up
create table emails (
  id bigint generated always as identity primary key,
  user_id bigint not null default 0,
  notification_id bigint not null default 0,
  -- congratulation or message: what the log calls it.
  kind text not null,
  recipient text not null default '',
  subject text not null,
  message text not null,
  body_text text not null,
  body_html text not null,
  -- RFC 5322 Message-ID, the same at every attempt.
  message_id text not null,
  status text not null,
  reason text not null default '',
  created_at timestamptz not null,
  sent_at timestamptz,
  constraint emails_message_id_unique unique (message_id),
  constraint emails_status_known check (status in ('queued', 'sent', 'bounced', 'undelivered', 'not_sent'))
);
create index emails_of_user on emails (user_id, id desc);

create table attempts (
  email_id bigint not null references emails (id),
  number integer not null,
  started_at timestamptz not null,
  outcome text not null,
  detail text not null default '',
  primary key (email_id, number),
  constraint attempts_outcome_known check (outcome in ('sent', 'failed', 'bounced'))
);
-- down
drop table attempts;
drop table emails;
