-- Functions for what takes several statements: a batch of commands is read in one round trip and written in
-- another. The server keeps their plans, although no statement is prepared (that does not work with PgBouncer in
-- transaction mode). The settings restrict plans to nested loops over indexes, independent of the statistics.
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

-- Lock the rows that a batch needs, always in this order: sequences, lanes by id, usages. Then read them. Missing
-- lanes are made. The caller names the lanes of new jobs; those of existing jobs are found here.
create function read_batch(
    p_jobs text[], p_parked text[], p_sequences text[], p_whole text[], p_lanes new_lane[],
    p_keys given_key[], p_usages usage_place[], p_checks boolean, p_new integer,
    out moment double precision, out transaction text, out numbers bigint[], out lanes lane_read[],
    out live live_read[], out parked parked_read[], out keys known_key[], out usages usage_read[]
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    in_lanes bigint[];
    in_sequences text[] := p_sequences || p_whole;
    found bigint[] := '{}';
    places usage_place[];
    key bigint;
begin
    if cardinality(p_jobs) > 0 or cardinality(p_parked) > 0 then
        select array_agg(distinct job.lane),
            in_sequences || array_agg(distinct job.sequence) filter (where job.sequence is not null)
        into in_lanes, in_sequences from job where job.id = any(p_jobs || p_parked);
    end if;
    if cardinality(in_sequences) > 0 then
        for key in select distinct hashtextextended(name, 2) from unnest(in_sequences) as name order by 1 loop
            perform pg_advisory_xact_lock(key);
        end loop;
        in_lanes := in_lanes || array(
            select distinct live_job.lane from live_job where live_job.sequence = any(in_sequences)
        );
    end if;
    if cardinality(p_lanes) > 0 then
        insert into lane (kind, name, cap, slots)
        select given.kind, given.name, given.cap, given.cap from unnest(p_lanes) as given
        where not exists (select from lane where lane.kind = given.kind and lane.name = given.name)
        order by given.kind, given.name on conflict do nothing;
        in_lanes := in_lanes || array(
            select lane.id from unnest(p_lanes) as given
            join lane on lane.kind = given.kind and lane.name = given.name
        );
    end if;
    perform from lane where lane.id = any(in_lanes) order by lane.id for update;
    moment := ledger_now();
    transaction := pg_current_xact_id()::text;
    select array_agg((
        lane.id, lane.kind, lane.name, lane.cap, lane.inflight, lane.next_due, lane.successes, lane.failures,
        lane.openings, lane.open_until, lane.roomy_at
    )::lane_read) into lanes from lane where lane.id = any(in_lanes);
    if p_new > 0 then
        select array_agg(nextval('job_number')) into numbers from generate_series(1, p_new);
    end if;
    if cardinality(p_jobs) > 0 then
        select coalesce(array_agg(job.number), '{}') into found from job where job.id = any(p_jobs);
    end if;
    if cardinality(in_sequences) > 0 then
        found := found || array(
            select first.number from unnest(in_sequences) as given (name) cross join lateral (
                select live_job.number from live_job
                where live_job.sequence = given.name and live_job.number <> all(found)
                order by live_job.number limit 1
            ) as first
        ) || array(
            select live_job.number from unnest(in_sequences) as given (name) join live_job
                on live_job.sequence = given.name and live_job.sequence is not null and live_job.state <> 'held'
        ) || array(select live_job.number from live_job where live_job.sequence = any(p_whole));
    end if;
    if cardinality(found) > 0 then
        select array_agg((
            live_job.number, job.id, job.kind, job.project, job.accessor, live_job.lane, live_job.state,
            live_job.tries, live_job.losses, live_job.due_at, live_job.code, live_job.token,
            live_job.lease_until, live_job.sequence, live_job.weight, job.day
        )::live_read) into live
        from unnest(found) as named (number) join live_job on live_job.number = named.number
        join job on job.number = named.number;
    end if;
    if cardinality(p_parked) > 0 then
        -- (A test of the state by itself would be looked up in the index of all that did not end well.)
        select array_agg(one.row) into parked from (
            select (
                ended_job.number, job.id, job.kind, job.project, job.accessor, ended_job.lane, ended_job.token,
                job.sequence, job.weight, ended_job.day
            )::parked_read as row
            from job join ended_job on ended_job.number = job.number and ended_job.day = job.day
            where job.id = any(p_parked) and (ended_job.state = 'parked') is true for update of ended_job
        ) as one;
    end if;
    if cardinality(p_keys) > 0 then
        select array_agg((known.accessor, known.key, job.id, known.fingerprint)::known_key) into keys
        from unnest(p_keys) as given
        join idempotency_key as known on known.accessor = given.accessor and known.key = given.key
        join job on job.number = known.job where known.until > moment;
    end if;
    if p_checks then
        -- All usages that the batch may change, not only those that it checks: locked at once, sorted.
        places := array(
            select (one.accessor, one.kind)::usage_place from (
                select accessor, kind from unnest(p_usages)
                union select accessor, kind from unnest(live) where accessor is not null
                union select accessor, kind from unnest(parked) where accessor is not null
            ) as one order by one.accessor, one.kind
        );
        insert into usage (accessor, kind, jobs, weight, kept)
        select place.accessor, place.kind, 0, 0, 0 from unnest(places) as place
        where not exists (
            select from usage where usage.accessor = place.accessor and usage.kind = place.kind
        )
        order by place.accessor, place.kind on conflict do nothing;
        perform from usage join unnest(places) as place
            on usage.accessor = place.accessor and usage.kind = place.kind
        order by usage.accessor, usage.kind for update of usage;
        select array_agg((usage.accessor, usage.kind, usage.jobs, usage.weight)::usage_read) into usages
        from unnest(places) as place join usage
            on usage.accessor = place.accessor and usage.kind = place.kind;
    end if;
end $$;

-- Write what a batch has decided, in the order that `jobs.records.WriteSet` prescribes.
create function write_batch(
    p_now double precision, p_revived job_place[], p_moved live_moved[], p_added job_added[],
    p_entered live_entered[], p_ended job_ended[], p_attempts attempt_made[], p_keys key_kept[],
    p_usages usage_changed[], p_audio audio_used[], p_lanes lane_changed[]
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    this_hour bigint := floor(p_now / 3600);
    this_day integer := floor(p_now / 86400);
    held boolean;
    kept integer;
begin
    if cardinality(p_revived) > 0 then
        delete from ended_job using unnest(p_revived) as again
        where ended_job.number = again.number and ended_job.day = again.partition;
    end if;
    if cardinality(p_ended) > 0 then
        delete from live_job using unnest(p_ended) as old where live_job.number = old.number;
    end if;
    if cardinality(p_moved) > 0 then
        -- Held ones first: of a sequence no two may be queued or leased, not even within the statement.
        foreach held in array array[true, false] loop
            update live_job set state = moved.state, tries = moved.tries, losses = moved.losses,
                due_at = moved.due_at, code = moved.code, lease_until = moved.lease_until,
                holder = case when moved.state = 'leased' then live_job.holder end
            from unnest(p_moved) as moved
            where live_job.number = moved.number and (moved.state = 'held') = held;
        end loop;
    end if;
    if cardinality(p_added) > 0 then
        insert into job
            (number, id, kind, lane, project, payload, parent, accessor, method, tags, created_at, day, sequence,
            weight)
        select new.number, new.id, new.kind, new.lane, new.project, new.payload, new.parent, new.accessor,
            new.method, new.tags, p_now, this_day, new.sequence, new.weight
        from unnest(p_added) as new;
        if this_hour is distinct from (select hour from hour order by first desc limit 1) then
            insert into hour (first, hour) values (p_added[1].number, this_hour) on conflict do nothing;
        end if;
    end if;
    if cardinality(p_entered) > 0 then
        insert into live_job (number, lane, state, due_at, token, holder, lease_until, sequence, weight)
        select new.number, new.lane, new.state, new.due_at, new.token, new.holder, new.lease_until,
            new.sequence, new.weight
        from unnest(p_entered) as new;
    end if;
    if cardinality(p_ended) > 0 then
        insert into ended_job
            (number, day, kind, project, lane, state, tries, losses, due_at, token, finished_at, code, result)
        select old.number, old.partition, old.kind, old.project, old.lane, old.state, old.tries, old.losses,
            old.due_at, old.token, p_now, old.code, old.result
        from unnest(p_ended) as old;
    end if;
    if cardinality(p_attempts) > 0 then
        insert into attempt (job, day, token, started_at, ended_at, outcome, code, detail)
        select made.job, made.partition, made.token, made.started_at, made.ended_at, made.outcome, made.code,
            made.detail
        from unnest(p_attempts) as made;
    end if;
    if cardinality(p_keys) > 0 then
        insert into idempotency_key (accessor, key, job, fingerprint, until)
        select new.accessor, new.key, new.job, new.fingerprint, new.until from unnest(p_keys) as new
        on conflict (accessor, key) do update set job = excluded.job, fingerprint = excluded.fingerprint,
            until = excluded.until where idempotency_key.until <= p_now;
        get diagnostics kept = row_count;
        -- Another node has just stored the same key: the batch is run again, and reads it.
        if kept < cardinality(p_keys) then
            raise unique_violation using message = 'a key was stored meanwhile', constraint = 'idempotency_key_pkey';
        end if;
    end if;
    if cardinality(p_usages) > 0 then
        insert into usage (accessor, kind, jobs, weight, kept)
        select more.accessor, more.kind, 0, 0, 0 from unnest(p_usages) as more
        where not exists (
            select from usage where usage.accessor = more.accessor and usage.kind = more.kind
        )
        on conflict do nothing;
        -- In the order of the array, which is sorted: two batches cannot deadlock here.
        update usage set jobs = greatest(usage.jobs + more.jobs, 0),
            weight = greatest(usage.weight + more.weight, 0), kept = greatest(usage.kept + more.kept, 0)
        from unnest(p_usages) as more where usage.accessor = more.accessor and usage.kind = more.kind;
    end if;
    if cardinality(p_audio) > 0 then
        insert into daily_audio (holder, day, seconds)
        select used.holder, this_day, used.seconds from unnest(p_audio) as used order by used.holder
        on conflict (holder, day) do update set seconds = daily_audio.seconds + excluded.seconds;
    end if;
    if cardinality(p_lanes) > 0 then
        update lane set inflight = moved.inflight, roomy_at = moved.roomy_at, cap = moved.cap,
            successes = moved.successes, failures = moved.failures, openings = moved.openings,
            open_until = moved.open_until, slots = moved.slots,
            next_due = case when moved.first_left then (
                select live_job.due_at from live_job where live_job.lane = moved.id and live_job.state = 'queued'
                order by live_job.due_at, live_job.number limit 1
            ) else moved.next_due end
        from unnest(p_lanes) as moved where lane.id = moved.id;
    end if;
end $$;

-- Lease due jobs of these lanes, up to a number for each. Lanes that another claim has locked are skipped, unless
-- all are locked.
create function claim_from(p_lanes bigint[], p_shares integer[], p_seconds double precision, p_holder bigint)
returns table (
    id text, kind text, lane text, project text, payload bytea, parent text, accessor text, method text, tags text,
    tries integer, losses integer, created_at double precision, due_at double precision, code integer,
    token bigint, sequence text
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set lock_timeout = '5s'
as $$
#variable_conflict use_column
declare
    moment double precision;
    lanes bigint[];
    taken bigint[];
begin
    select array_agg(locked.id) into lanes from (
        select l.id from lane as l where l.id = any(p_lanes) order by l.id for update skip locked
    ) as locked;
    if lanes is null then
        select array_agg(locked.id) into lanes from (
            select l.id from lane as l where l.id = any(p_lanes) order by l.id for update
        ) as locked;
    end if;
    moment := ledger_now();
    with dealt as (
        select l.id, least(given.share, l.slots - l.inflight) as share
        from unnest(p_lanes, p_shares) as given (id, share) join lane as l on l.id = given.id
        where l.id = any(lanes) and l.ready_at <= moment
    ), due as materialized (
        select dealt.id as lane, first.number
        from dealt cross join lateral (
            select j.number from live_job as j
            where j.lane = dealt.id and j.state = 'queued' and j.due_at <= moment
            order by j.due_at, j.number limit greatest(dealt.share, 0)
        ) as first
    ), leased as (
        update live_job as j set state = 'leased', token = j.token + 1, holder = p_holder,
            lease_until = moment + p_seconds
        from due where j.number = due.number and j.state = 'queued' returning j.number
    )
    select array_agg(leased.number) into taken from leased;
    update lane as l set inflight = l.inflight + claimed.jobs, served_at = moment,
        served = nextval('lane_served'), next_due = claimed.next_due
    from (
        select given.id, (
            select count(*) from live_job as j where j.number = any(taken) and j.lane = given.id
        ) as jobs, (
            select j.due_at from live_job as j where j.lane = given.id and j.state = 'queued'
            order by j.due_at, j.number limit 1
        ) as next_due
        from unnest(lanes) as given (id)
    ) as claimed
    where l.id = claimed.id;
    return query select job.id, job.kind, lane.name, job.project, job.payload, job.parent, job.accessor, job.method,
        job.tags, j.tries, j.losses, job.created_at, j.due_at, j.code, j.token, job.sequence
    from unnest(taken) as claimed (number)
    join live_job as j on j.number = claimed.number join job on job.number = claimed.number
    join lane on lane.id = j.lane order by j.due_at, j.number;
end $$;

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
