-- From any schema from 4 on (the oldest that is brought forward) to that of `schema.sql`: what stands there
-- already stays. `functions.sql` follows.

alter table ledger add column if not exists blob_store text;

alter table project add column if not exists created_at double precision not null default 0;
alter table project add column if not exists deleted_at double precision;
update project set created_at = 1
where id <> (select id from project order by created_at, name, id limit 1) and created_at = 0;

create table if not exists erasing (
    request text primary key collate "C",
    asked_at double precision not null
);
create index if not exists erasing_by_age on erasing (asked_at);

create table if not exists daily_audio (
    holder text not null,
    day integer not null,
    seconds double precision not null check (seconds >= 0),
    primary key (holder, day)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);
alter table api_key add column if not exists daily_audio_seconds bigint check (daily_audio_seconds >= 0);

alter table lane drop column ready_at;
alter table lane add column slots integer not null default 1 check (slots >= 1);
update lane set slots = case when openings > 0 then 1 else cap end;
alter table lane add column ready_at double precision generated always as (
    case when next_due is not null and inflight < slots then greatest(next_due, open_until, served_at) end
) stored;
create index lane_ready on lane (kind, ready_at, served, id) where ready_at is not null;

alter table word rename to idempotency_key;
alter table idempotency_key rename column word to key;
alter table idempotency_key rename column wish to fingerprint;
alter index word_pkey rename to idempotency_key_pkey;
alter index word_by_job rename to idempotency_key_by_job;
alter index word_by_age rename to idempotency_key_by_age;

do $$
declare
    old text;
begin
    for old in select oid::regprocedure::text from pg_proc
        where pronamespace = current_schema()::regnamespace and proname ~ '_(2|3|6)$'
    loop
        execute 'drop function ' || old;
    end loop;
end $$;
