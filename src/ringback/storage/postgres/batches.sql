-- The functions of a batch of commands and claims: it is read in one round trip, written in another, and leases in a
-- third. Their types, and what is said of all functions, are in functions.sql.

-- Lock the rows that a batch needs, always in this order: sequences, lanes by id, usages. Then read them. Missing
-- lanes are made. The caller names the lanes of new jobs; those of existing jobs are found here.
create function read_batch(
    p_jobs text[], p_parked text[], p_sequences text[], p_whole text[], p_lanes new_lane[],
    p_keys given_key[], p_usages usage_place[], p_checks boolean, p_new integer,
    out waited double precision, out moment double precision, out transaction text, out numbers bigint[], out lanes lane_read[],
    out live live_read[], out parked parked_read[], out keys known_key[], out usages usage_read[]
) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    in_lanes bigint[];
    new_lanes bigint[];
    in_sequences text[] := p_sequences || p_whole;
    found bigint[] := '{}';
    places usage_place[];
    key bigint;
    began timestamptz;
begin
    if cardinality(p_jobs) > 0 or cardinality(p_parked) > 0 then
        select array_agg(distinct job.lane),
            in_sequences || array_agg(distinct job.sequence) filter (where job.sequence is not null)
        into in_lanes, in_sequences from job where job.id = any(p_jobs || p_parked);
    end if;
    began := clock_timestamp();
    if cardinality(in_sequences) > 0 then
        for key in select distinct hashtextextended(name, 2) from unnest(in_sequences) as name order by 1 loop
            perform pg_advisory_xact_lock(key);
        end loop;
        in_lanes := in_lanes || array(
            select distinct live_job.lane from live_job where live_job.sequence = any(in_sequences)
        );
    end if;
    if cardinality(p_lanes) > 0 then
        new_lanes := array(
            select lane.id from unnest(p_lanes) as given
            join lane on lane.kind = given.kind and lane.name = given.name
        );
        if cardinality(new_lanes) < cardinality(p_lanes) then
            insert into lane (kind, name, cap, slots)
            select given.kind, given.name, given.cap, given.cap from unnest(p_lanes) as given
            order by given.kind, given.name on conflict do nothing;
            new_lanes := array(
                select lane.id from unnest(p_lanes) as given
                join lane on lane.kind = given.kind and lane.name = given.name
            );
        end if;
        in_lanes := in_lanes || new_lanes;
    end if;
    select array_agg((
        lane.id, lane.kind, lane.name, lane.cap, lane.inflight, lane.next_due, lane.successes, lane.failures,
        lane.openings, lane.open_until, lane.roomy_at
    )::lane_read) into lanes
    from (select * from lane where lane.id = any(in_lanes) order by lane.id for update) as lane;
    waited := extract(epoch from clock_timestamp() - began);
    moment := ledger_now();
    transaction := pg_current_xact_id()::text;
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
        select array_agg((usage.accessor, usage.kind, usage.jobs, usage.weight)::usage_read) into usages from (
            select usage.* from unnest(places) as place join usage
                on usage.accessor = place.accessor and usage.kind = place.kind
            order by usage.accessor, usage.kind for update of usage
        ) as usage;
    end if;
end $$;

-- Write what a batch has decided, in the order that `jobs.records.WriteSet` prescribes. Then the lanes of some kinds
-- that are ready, of each up to a number: see `ready_lanes`.
create function write_batch(
    p_now double precision, p_revived job_place[], p_moved live_moved[], p_added job_added[],
    p_entered live_entered[], p_ended job_ended[], p_attempts attempt_made[], p_keys key_kept[],
    p_usages usage_changed[], p_audio audio_used[], p_used usage_hour[], p_lanes lane_changed[],
    p_kinds text[], p_most integer[]
) returns table (kind text, id bigint, name text, room integer) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
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
    if cardinality(p_used) > 0 then
        perform count_usage(p_used);
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
    if cardinality(p_kinds) > 0 then
        return query select * from ready_lanes(p_kinds, p_most);
    end if;
end $$;

-- Requests that ended add to the sums of their hours. In order, so that nodes do not wait for each other.
create function count_usage(p_used usage_hour[]) returns void language plpgsql as $$
begin
    insert into usage_hour
        (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
        succeeded, requests, seconds, channel_seconds, input_tokens, output_tokens)
    select used.project, used.hour, used.accessor, used.endpoint, used.method, used.model, used.model_id,
        used.language, used.features, used.parameters, used.tags, used.succeeded, used.requests, used.seconds,
        used.channel_seconds, used.input_tokens, used.output_tokens
    from unnest(p_used) as used
    on conflict (project, hour, accessor, digest) do update
    set requests = usage_hour.requests + excluded.requests, seconds = usage_hour.seconds + excluded.seconds,
        channel_seconds = usage_hour.channel_seconds + excluded.channel_seconds,
        input_tokens = usage_hour.input_tokens + excluded.input_tokens,
        output_tokens = usage_hour.output_tokens + excluded.output_tokens;
end $$;

-- The lanes of some kinds that are ready, of each up to a number, the longest waiting first.
create function ready_lanes(p_kinds text[], p_most integer[])
returns table (kind text, id bigint, name text, room integer) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query select given.kind, first.id, first.name, first.room
    from unnest(p_kinds, p_most) as given (kind, most) cross join lateral (
        select lane.id, lane.name, lane.slots - lane.inflight as room from lane
        where lane.kind = given.kind and lane.ready_at <= ledger_now()
        order by lane.ready_at, lane.served, lane.id limit given.most
    ) as first;
end $$;

-- Lease due jobs of these lanes, up to a number for each. Lanes that another node has locked are skipped; if all
-- are, they are waited for with `p_waits`, which is for callers that have no lane locked.
create function claim_from(
    p_lanes bigint[], p_shares integer[], p_seconds double precision[], p_holder bigint, p_waits boolean
)
returns table (
    id text, kind text, lane text, project text, payload bytea, parent text, accessor text, method text, tags text,
    tries integer, losses integer, created_at double precision, due_at double precision, code integer,
    token bigint, sequence text
) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set lock_timeout = '5s'
as $$
#variable_conflict use_column
declare
    moment double precision;
    lanes bigint[];
    taken bigint[];
    taken_lanes bigint[];
begin
    select array_agg(locked.id) into lanes from (
        select l.id from lane as l where l.id = any(p_lanes) order by l.id for update skip locked
    ) as locked;
    if lanes is null and p_waits then
        select array_agg(locked.id) into lanes from (
            select l.id from lane as l where l.id = any(p_lanes) order by l.id for update
        ) as locked;
    end if;
    if lanes is null then
        return;
    end if;
    moment := ledger_now();
    with dealt as (
        select l.id, least(given.share, l.slots - l.inflight) as share, given.seconds
        from unnest(p_lanes, p_shares, p_seconds) as given (id, share, seconds) join lane as l on l.id = given.id
        where l.id = any(lanes) and l.ready_at <= moment
    ), due as materialized (
        select dealt.seconds, first.number
        from dealt cross join lateral (
            select j.number from live_job as j
            where j.lane = dealt.id and j.state = 'queued' and j.due_at <= moment
            order by j.due_at, j.number limit greatest(dealt.share, 0)
        ) as first
    ), leased as (
        update live_job as j set state = 'leased', token = j.token + 1, holder = p_holder,
            lease_until = moment + due.seconds
        from due where j.number = due.number and j.state = 'queued' returning j.number, j.lane
    )
    select array_agg(leased.number), array_agg(leased.lane) into taken, taken_lanes from leased;
    update lane as l set inflight = l.inflight + claimed.jobs, served_at = moment,
        served = nextval('lane_served'), next_due = claimed.next_due
    from (
        select given.id, (
            select count(*) from unnest(taken_lanes) as claimed (lane) where claimed.lane = given.id
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
