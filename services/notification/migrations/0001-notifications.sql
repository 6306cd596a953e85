-- Everything somebody was to be told, also what was decided not to be sent, and why.
-- up
create table notifications (
  id bigint generated always as identity primary key,
  user_id bigint not null,
  message text not null,
  score_change integer not null default 0,
  status text not null,
  reason text not null default '',
  -- The event that led to it; none for one made by request.
  source_event_id uuid,
  created_at timestamptz not null,
  constraint notifications_status_known
    check (status in ('queued', 'sent', 'delivered', 'undelivered', 'bounced', 'not_sent'))
);
create index notifications_of_user on notifications (user_id, id desc);
-- down
drop table notifications;
