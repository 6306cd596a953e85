-- Who began an attempt that is not recorded yet: a new owner must not perform it again while it may still be under way.

-- up

alter table tradepost.effects add column begun_by text;

-- down

alter table tradepost.effects drop column begun_by;
