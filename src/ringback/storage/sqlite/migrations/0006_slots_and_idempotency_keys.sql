-- How many jobs a lane may have in flight is decided in one place, and kept; idempotency keys have their name.

drop index lane_ready;
alter table lane drop column ready_at;
alter table lane add column slots integer not null default 1 check (slots >= 1);
update lane set slots = case when openings > 0 then 1 else cap end;
alter table lane add column ready_at real generated always as (
    case when next_due is not null and inflight < slots then max(next_due, open_until, served_at) end
) virtual;
create index lane_ready on lane (kind, ready_at, served) where ready_at is not null;

drop index word_by_job;
drop index word_by_age;
alter table word rename to idempotency_key;
alter table idempotency_key rename column word to key;
alter table idempotency_key rename column wish to fingerprint;
create index idempotency_key_by_job on idempotency_key (job);
create index idempotency_key_by_age on idempotency_key (until);
