-- Says which kinds there are: the remark in the first migration names one that does not exist, and is frozen.

-- up
comment on column emails.kind is 'congratulation or message: what the log calls it.';
-- down
comment on column emails.kind is null;
