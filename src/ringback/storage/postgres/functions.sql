-- Functions for what takes several statements, and the types of those in batches.sql. The server keeps their plans,
-- although no statement is prepared (that does not work with PgBouncer in transaction mode). The settings restrict
-- plans to nested loops over indexes, independent of the statistics.
-- A function or type that changes after the first release gets a new name: nodes of the release before still use
-- the old one.

-- What a batch reads: see `jobs.records`.
create type new_lane as (kind text, name text, cap integer);
create type given_key as (accessor text, key text);
create type usage_place as (accessor text, kind text);
create type lane_read as (
    id bigint, kind text, name text, cap integer, inflight integer, next_due double precision,
    successes integer, failures integer, openings integer, open_until double precision,
    roomy_at double precision
);
create type live_read as (
    number bigint, id text, kind text, project text, accessor text, lane bigint, state text, tries integer,
    losses integer, due_at double precision, code integer, token bigint, lease_until double precision,
    sequence text, weight bigint, partition integer
);
create type parked_read as (
    number bigint, id text, kind text, project text, accessor text, lane bigint, token bigint, sequence text,
    weight bigint, partition integer
);
create type known_key as (accessor text, key text, job text, fingerprint bytea);
create type usage_read as (accessor text, kind text, jobs bigint, weight bigint);

-- What a batch writes.
create type job_added as (
    number bigint, id text, kind text, lane bigint, project text, payload bytea, parent text, accessor text,
    method text, tags text, sequence text, weight bigint
);
create type live_entered as (
    number bigint, lane bigint, state text, due_at double precision, token bigint, holder bigint,
    lease_until double precision, sequence text, weight bigint
);
create type live_moved as (
    number bigint, state text, tries integer, losses integer, due_at double precision, code integer,
    lease_until double precision
);
create type job_place as (number bigint, partition integer);
create type job_ended as (
    number bigint, partition integer, kind text, project text, lane bigint, state text, tries integer,
    losses integer, due_at double precision, token bigint, code integer, result bytea
);
create type attempt_made as (
    job bigint, partition integer, token bigint, started_at double precision, ended_at double precision,
    outcome text, code integer, detail bytea
);
create type key_kept as (
    accessor text, key text, job bigint, fingerprint bytea, until double precision
);
create type usage_changed as (accessor text, kind text, jobs bigint, weight bigint, kept bigint);
create type audio_used as (holder text, seconds double precision);
create type lane_changed as (
    id bigint, inflight integer, next_due double precision, roomy_at double precision, cap integer,
    successes integer, failures integer, openings integer, open_until double precision, slots integer,
    first_left boolean
);

-- The sweep's other steps, and the deletion of old jobs.

-- Make the partitions of some days that do not exist. The default partition takes rows of a day that has none;
-- such a day stays there.
create function make_days(p_first integer, p_last integer) returns void language plpgsql
set lock_timeout = '2s'
as $$
declare
    day integer;
    parent text;
    partition text;
    settings text;
begin
    for day in p_first .. p_last loop
        foreach parent in array array['ended_job', 'attempt'] loop
            partition := parent || to_char(date '1970-01-01' + day, '_YYYYMMDD');
            continue when to_regclass(partition) is not null;
            begin
                execute format('create table %I (like %I including defaults including constraints)', partition, parent);
                -- Only retention changes rows there: they are vacuumed when a tenth of them is deleted.
                execute format('alter table %I set (autovacuum_vacuum_scale_factor = 0.1,
                    autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.05)', partition);
                execute format('alter table %I attach partition %I for values from (%s) to (%s)', parent, partition, day, day + 1);
            exception when check_violation then
                null;
            end;
        end loop;
    end loop;
end $$;

-- Drop the empty partitions of days before this one, so that vacuum need not clean them; their number.
create function drop_days(p_before integer) returns integer language plpgsql
set lock_timeout = '2s'
as $$
declare
    partition record;
    empty boolean;
    dropped integer := 0;
begin
    for partition in
        select child.relname as name from pg_inherits
        join pg_class as child on child.oid = pg_inherits.inhrelid
        where pg_inherits.inhparent in ('ended_job'::regclass, 'attempt'::regclass)
            and child.relname ~ '_\d{8}$'
            and right(child.relname, 8)::date < date '1970-01-01' + p_before
        order by child.relname
    loop
        execute format('select not exists (select from %I)', partition.name) into empty;
        if empty then
            execute format('lock table %I in access exclusive mode', partition.name);
            execute format('select not exists (select from %I)', partition.name) into empty;
        end if;
        if empty then
            execute format('drop table %I', partition.name);
            dropped := dropped + 1;
        end if;
    end loop;
    return dropped;
end $$;

-- If the database's clock was set back, move all waiting times back as well: without this, a wait of 30 s could
-- take hours. Record the present time, and return by how much the clock was set back.
create function see_clock() returns double precision language plpgsql
as $$
declare
    moment double precision := ledger_now();
    back double precision;
begin
    select seen_at - moment into back from ledger where one = 1 for update;
    if back > 0.1 then
        update live_job set due_at = due_at - back, lease_until = lease_until - back;
        update lane set open_until = greatest(open_until - back, 0), next_due = next_due - back,
            served_at = least(greatest(served_at - back, 0), moment),
            roomy_at = least(greatest(roomy_at - back, 0), moment);
        update idempotency_key set until = until - back;
    end if;
    update ledger set seen_at = moment where one = 1;
    return greatest(back, 0);
end $$;

-- Correct the lanes' counters by counting the leases. A lane that looks wrong is counted again once it is locked.
-- Few jobs are leased at a time.
create function repair() returns integer language plpgsql
as $$
declare
    suspects bigint[];
    repaired integer;
begin
    with leased as (
        select live_job.lane as id, count(*) as jobs from live_job where live_job.state = 'leased'
        group by live_job.lane
    )
    select array_agg(lane.id) into suspects from lane left join leased on leased.id = lane.id
    where lane.inflight <> coalesce(leased.jobs, 0);
    if suspects is null then
        return 0;
    end if;
    perform from lane where id = any(suspects) order by id for update;
    with leased as (
        select live_job.lane as id, count(*) as jobs from live_job where live_job.state = 'leased'
        group by live_job.lane
    )
    update lane set inflight = counted.jobs, next_due = (
        select live_job.due_at from live_job where live_job.lane = lane.id and live_job.state = 'queued'
        order by live_job.due_at, live_job.number limit 1
    )
    from (
        select suspect.id, coalesce(leased.jobs, 0) as jobs
        from unnest(suspects) as suspect (id) left join leased on leased.id = suspect.id
    ) as counted
    where lane.id = counted.id and lane.inflight <> counted.jobs;
    get diagnostics repaired = row_count;
    return repaired;
end $$;

-- Delete jobs and all rows that refer to them, except jobs that are live again or have children.
create function drop_jobs(p_numbers bigint[], p_days integer[])
returns table (lane bigint, accessor text, kind text) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    dropped bigint[];
    dropped_days integer[];
begin
    with ended as (
        delete from ended_job using unnest(p_numbers, p_days) as old (number, day)
        where ended_job.number = old.number and ended_job.day = old.day and not exists (
            select from job join job as child on child.parent = job.id where job.number = old.number
        )
        returning ended_job.number, ended_job.day
    )
    select array_agg(ended.number), array_agg(ended.day) into dropped, dropped_days from ended;
    delete from attempt using unnest(dropped, dropped_days) as old (number, day)
    where attempt.job = old.number and attempt.day = old.day;
    delete from idempotency_key where idempotency_key.job = any(dropped);
    return query delete from job where job.number = any(dropped) returning job.lane, job.accessor, job.kind;
end $$;

-- Delete rows to which no job refers any more, after jobs were dropped.
create function clear_up(p_lanes bigint[], p_accessors text[], p_kinds text[], p_dropped bigint[])
returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    empty bigint[];
begin
    select array_agg(lane.id) into empty from lane
    where lane.id = any(p_lanes) and not exists (select from job where job.lane = lane.id);
    -- A batch that adds a job to the lane locks its row: the lane is checked again once it is locked here.
    perform from lane where id = any(empty) order by id for update;
    delete from lane where id = any(empty) and not exists (select from job where job.lane = lane.id);
    update usage set kept = greatest(usage.kept - dropped.jobs, 0)
    from unnest(p_accessors, p_kinds, p_dropped) as dropped (accessor, kind, jobs)
    where usage.accessor = dropped.accessor and usage.kind = dropped.kind;
    delete from usage using unnest(p_accessors, p_kinds) as dropped (accessor, kind)
    where usage.accessor = dropped.accessor and usage.kind = dropped.kind and usage.kept = 0 and usage.jobs = 0;
    delete from signing_secret where key = any(p_accessors)
        and not exists (select from api_key where api_key.id = signing_secret.key)
        and not exists (select from usage where usage.accessor = signing_secret.key);
end $$;
