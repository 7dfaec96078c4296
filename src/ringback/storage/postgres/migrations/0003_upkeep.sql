-- What the sweep does beside rescuing, and what becomes of old jobs.

-- The partitions of some days, each made once, whoever asks. The default partition takes what comes for a
-- day that has none; a day that stands there already stays there.
create function make_days_3(p_first integer, p_last integer) returns void language plpgsql
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
                -- Nothing is changed there but by retention: its rows are vacuumed when a tenth of them is gone.
                execute format('alter table %I set (autovacuum_vacuum_scale_factor = 0.1,
                    autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.05)', partition);
                execute format('alter table %I attach partition %I for values from (%s) to (%s)', parent, partition, day, day + 1);
            exception when check_violation then
                null;
            end;
        end loop;
    end loop;
end $$;

-- Days of which nothing is left go as a whole, and no vacuum has to clean them. How many.
create function drop_days_3(p_before integer) returns integer language plpgsql
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

-- The database's clock was set back: what waited for 30 s shall not wait for an hour. By how much, and
-- how far the clock has come now.
create function see_clock_3() returns double precision language plpgsql
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
        update word set until = until - back;
    end if;
    update ledger set seen_at = moment where one = 1;
    return greatest(back, 0);
end $$;

-- Count anew what is in flight: the truth behind the counters. A lane that looks wrong is looked at again
-- once it is locked. Few jobs are leased at a time.
create function repair_3() returns integer language plpgsql
as $$
declare
    suspects bigint[];
    repaired integer;
begin
    with held as (
        select live_job.lane as id, count(*) as jobs from live_job where live_job.state = 'leased'
        group by live_job.lane
    )
    select array_agg(lane.id) into suspects from lane left join held on held.id = lane.id
    where lane.inflight <> coalesce(held.jobs, 0);
    if suspects is null then
        return 0;
    end if;
    perform from lane where id = any(suspects) order by id for update;
    with held as (
        select live_job.lane as id, count(*) as jobs from live_job where live_job.state = 'leased'
        group by live_job.lane
    )
    update lane set inflight = truth.jobs, next_due = (
        select live_job.due_at from live_job where live_job.lane = lane.id and live_job.state = 'queued'
        order by live_job.due_at, live_job.number limit 1
    )
    from (
        select suspect.id, coalesce(held.jobs, 0) as jobs
        from unnest(suspects) as suspect (id) left join held on held.id = suspect.id
    ) as truth
    where lane.id = truth.id and lane.inflight <> truth.jobs;
    get diagnostics repaired = row_count;
    return repaired;
end $$;

-- Some jobs and all that knew them, but for those that were asked for again or from which others follow.
create function drop_3(p_numbers bigint[], p_days integer[])
returns table (lane bigint, accessor text, kind text) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    gone bigint[];
    gone_days integer[];
begin
    with ended as (
        delete from ended_job using unnest(p_numbers, p_days) as old (number, day)
        where ended_job.number = old.number and ended_job.day = old.day and not exists (
            select from job join job as child on child.parent = job.id where job.number = old.number
        )
        returning ended_job.number, ended_job.day
    )
    select array_agg(ended.number), array_agg(ended.day) into gone, gone_days from ended;
    delete from attempt using unnest(gone, gone_days) as old (number, day)
    where attempt.job = old.number and attempt.day = old.day;
    delete from word where word.job = any(gone);
    return query delete from job where job.number = any(gone) returning job.lane, job.accessor, job.kind;
end $$;

-- What dropped jobs were the last to refer to.
create function clear_up_3(p_lanes bigint[], p_accessors text[], p_kinds text[], p_dropped bigint[])
returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    empty bigint[];
begin
    select array_agg(lane.id) into empty from lane
    where lane.id = any(p_lanes) and not exists (select from job where job.lane = lane.id);
    -- Whoever adds a job there holds the lane's row: it is looked at again once it is ours.
    perform from lane where id = any(empty) order by id for update;
    delete from lane where id = any(empty) and not exists (select from job where job.lane = lane.id);
    update usage set kept = greatest(usage.kept - gone.jobs, 0)
    from unnest(p_accessors, p_kinds, p_dropped) as gone (accessor, kind, jobs)
    where usage.accessor = gone.accessor and usage.kind = gone.kind;
    delete from usage using unnest(p_accessors, p_kinds) as gone (accessor, kind)
    where usage.accessor = gone.accessor and usage.kind = gone.kind and usage.kept = 0 and usage.jobs = 0;
    delete from signing_secret where key = any(p_accessors)
        and not exists (select from api_key where api_key.id = signing_secret.key)
        and not exists (select from usage where usage.accessor = signing_secret.key);
end $$;
