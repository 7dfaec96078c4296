SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.add_2(p_now double precision, p_numbers bigint[], p_ids text[], p_kinds text[], p_lanes bigint[], p_projects text[], p_payloads bytea[], p_parents text[], p_accessors text[], p_methods text[], p_tags text[], p_sequences text[], p_weights bigint[], p_states text[], p_dues double precision[], p_tokens bigint[], p_holders bigint[], p_lease_untils double precision[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    this_hour bigint := floor(p_now / 3600);
begin
    insert into job
        (number, id, kind, lane, project, payload, parent, accessor, method, tags, created_at, day, sequence,
        weight)
    select new.number, new.id, new.kind, new.lane, new.project, new.payload, new.parent, new.accessor,
        new.method, new.tags, p_now, floor(p_now / 86400), new.sequence, new.weight
    from unnest(p_numbers, p_ids, p_kinds, p_lanes, p_projects, p_payloads, p_parents, p_accessors,
        p_methods, p_tags, p_sequences, p_weights)
        as new (number, id, kind, lane, project, payload, parent, accessor, method, tags, sequence, weight);
    insert into live_job (number, lane, state, due_at, token, holder, lease_until, sequence, weight)
    select new.* from unnest(p_numbers, p_lanes, p_states, p_dues, p_tokens, p_holders, p_lease_untils,
        p_sequences, p_weights) as new;
    if this_hour is distinct from (select hour from hour order by first desc limit 1) then
        insert into hour (first, hour) values (p_numbers[1], this_hour) on conflict do nothing;
    end if;
end $$;
CREATE FUNCTION public.claim_2(p_kind text, p_limit integer, p_seconds double precision, p_holder bigint) RETURNS TABLE(id text, lane text, project text, payload bytea, parent text, accessor text, method text, tags text, tries integer, losses integer, created_at double precision, due_at double precision, code integer, token bigint, sequence text)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET lock_timeout TO '5s'
    AS $$
#variable_conflict use_column
declare
    moment double precision := ledger_now();
    remaining integer := p_limit;
    -- Who holds a lane never waits for another, also when nothing was due there: two would wait for each other.
    may_wait boolean := true;
    taken bigint[] := '{}';
    now_taken bigint[];
    lanes bigint[];
    rooms integer[];
begin
    while remaining > 0 loop
        select array_agg(ready.id), array_agg(ready.room) into lanes, rooms from (
            select l.id, (case when l.openings > 0 then 1 else l.cap end) - l.inflight as room
            from lane as l where l.kind = p_kind and l.ready_at <= moment
            order by l.ready_at, l.served, l.id limit remaining for update skip locked
        ) as ready;
        if lanes is null then
            exit when not may_wait;
            may_wait := false;
            perform from lane as l where l.id = any(array(
                select r.id from lane as r where r.kind = p_kind and r.ready_at <= moment
                order by r.ready_at, r.served, r.id limit remaining
            )) order by l.id for update;
            exit when not found;
            moment := ledger_now();
            continue;
        end if;
        may_wait := false;
        with dealt as (
            select dealing.id, count(*) as share from (
                select ready.id from unnest(lanes, rooms) with ordinality as ready (id, room, place),
                    generate_series(1, least(ready.room, remaining)) as turn
                order by turn, ready.place limit remaining
            ) as dealing group by dealing.id
        ), due as materialized (
            select dealt.id as lane, first.number
            from dealt cross join lateral (
                select j.number from live_job as j
                where j.lane = dealt.id and j.state = 'queued' and j.due_at <= moment
                order by j.due_at, j.number limit dealt.share
            ) as first
        ), leased as (
            update live_job as j set state = 'leased', token = j.token + 1, holder = p_holder,
                lease_until = moment + p_seconds
            from due where j.number = due.number and j.state = 'queued' returning j.number
        )
        select array_agg(leased.number) into now_taken from leased;
        update lane as l set inflight = l.inflight + claimed.jobs, served_at = moment,
            served = nextval('lane_served'), next_due = claimed.next_due
        from (
            select ready.id, (
                select count(*) from live_job as j where j.number = any(now_taken) and j.lane = ready.id
            ) as jobs, (
                select j.due_at from live_job as j where j.lane = ready.id and j.state = 'queued'
                order by j.due_at, j.number limit 1
            ) as next_due
            from unnest(lanes) with ordinality as ready (id, place) order by ready.place
        ) as claimed
        where l.id = claimed.id;
        taken := taken || now_taken;
        remaining := p_limit - cardinality(taken);
    end loop;
    return query select job.id, lane.name, job.project, job.payload, job.parent, job.accessor, job.method,
        job.tags, j.tries, j.losses, job.created_at, j.due_at, j.code, j.token, job.sequence
    from unnest(taken) with ordinality as claimed (number, place)
    join live_job as j on j.number = claimed.number join job on job.number = claimed.number
    join lane on lane.id = j.lane order by claimed.place;
end $$;
CREATE FUNCTION public.clear_up_3(p_lanes bigint[], p_accessors text[], p_kinds text[], p_dropped bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
CREATE FUNCTION public.drop_3(p_numbers bigint[], p_days integer[]) RETURNS TABLE(lane bigint, accessor text, kind text)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
CREATE FUNCTION public.drop_days_3(p_before integer) RETURNS integer
    LANGUAGE plpgsql
    SET lock_timeout TO '2s'
    AS $_$
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
end $_$;
CREATE FUNCTION public.end_2(p_now double precision, p_numbers bigint[], p_days integer[], p_kinds text[], p_projects text[], p_lanes bigint[], p_states text[], p_tries integer[], p_losses integer[], p_dues double precision[], p_tokens bigint[], p_codes integer[], p_results bytea[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    delete from live_job where number = any(p_numbers);
    insert into ended_job
        (number, day, kind, project, lane, state, tries, losses, due_at, token, finished_at, code, result)
    select old.number, old.day, old.kind, old.project, old.lane, old.state, old.tries, old.losses, old.due_at,
        old.token, p_now, old.code, old.result
    from unnest(p_numbers, p_days, p_kinds, p_projects, p_lanes, p_states, p_tries, p_losses, p_dues,
        p_tokens, p_codes, p_results)
        as old (number, day, kind, project, lane, state, tries, losses, due_at, token, code, result);
end $$;
CREATE FUNCTION public.extend_2(p_numbers bigint[], p_untils double precision[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    update live_job set lease_until = held.until
    from unnest(p_numbers, p_untils) as held (number, until)
    where live_job.number = held.number and live_job.state = 'leased';
end $$;
CREATE FUNCTION public.finish_2(p_now double precision, p_sequences text[], p_accessors text[], p_kinds text[], p_jobs bigint[], p_weights bigint[], p_kept bigint[], p_lanes bigint[], p_begun integer[], p_released integer[], p_caps integer[], p_successes integer[], p_failures integer[], p_openings integer[], p_open_untils double precision[]) RETURNS text[]
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    woken text[] := '{}';
    name text;
begin
    foreach name in array p_sequences loop
        woken := woken || put_in_order_2(p_now, name);
    end loop;
    if cardinality(p_accessors) > 0 then
        insert into usage (accessor, kind, jobs, weight, kept)
        select more.accessor, more.kind, 0, 0, 0 from unnest(p_accessors, p_kinds) as more (accessor, kind)
        where not exists (
            select from usage where usage.accessor = more.accessor and usage.kind = more.kind
        )
        on conflict do nothing;
        -- In the order of the arrays, which are sorted: two groups never wait for each other here.
        update usage set jobs = greatest(usage.jobs + more.jobs, 0),
            weight = greatest(usage.weight + more.weight, 0), kept = greatest(usage.kept + more.kept, 0)
        from unnest(p_accessors, p_kinds, p_jobs, p_weights, p_kept) as more (accessor, kind, jobs, weight, kept)
        where usage.accessor = more.accessor and usage.kind = more.kind;
    end if;
    update lane set inflight = greatest(inflight + moved.begun - moved.released, 0),
        roomy_at = case when moved.released = 0
            or inflight < (case when lane.openings > 0 then 1 else lane.cap end) then roomy_at else p_now end,
        cap = moved.cap, successes = moved.successes, failures = moved.failures, openings = moved.openings,
        open_until = moved.open_until, next_due = moved.next_due
    from (
        select told.*, (
            select live_job.due_at from live_job where live_job.lane = told.id and live_job.state = 'queued'
            order by live_job.due_at, live_job.number limit 1
        ) as next_due
        from unnest(p_lanes, p_begun, p_released, p_caps, p_successes, p_failures, p_openings, p_open_untils)
            as told (id, begun, released, cap, successes, failures, openings, open_until)
    ) as moved
    where lane.id = moved.id and (moved.begun > 0 or moved.released > 0
        or lane.next_due is distinct from moved.next_due);
    return array_remove(woken, null);
end $$;
CREATE FUNCTION public.ledger_now() RETURNS double precision
    LANGUAGE sql
    AS $$ select extract(epoch from clock_timestamp())::double precision $$;
CREATE FUNCTION public.live_2(p_jobs text[]) RETURNS TABLE(id text, kind text, project text, accessor text, day integer, number bigint, lane bigint, state text, tries integer, losses integer, due_at double precision, code integer, token bigint, lease_until double precision, sequence text, weight bigint)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
begin
    return query select job.id, job.kind, job.project, job.accessor, job.day, live_job.number, live_job.lane,
        live_job.state, live_job.tries, live_job.losses, live_job.due_at, live_job.code, live_job.token,
        live_job.lease_until, live_job.sequence, live_job.weight
    from job join live_job on live_job.number = job.number where job.id = any(p_jobs);
end $$;
CREATE FUNCTION public.lock_2(p_sequences text[], p_kinds text[], p_names text[], p_caps integer[], p_jobs text[], p_new integer, OUT moment double precision, OUT transaction text, OUT numbers bigint[], OUT lanes bigint[], OUT kinds text[], OUT names text[], OUT caps integer[], OUT successes integer[], OUT failures integer[], OUT openings integer[], OUT open_untils double precision[]) RETURNS record
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    all_sequences text[] := p_sequences;
    wanted bigint[];
    key bigint;
begin
    if cardinality(p_jobs) > 0 then
        select array_agg(distinct job.lane), p_sequences || array_agg(distinct job.sequence) filter (where job.sequence is not null)
        into wanted, all_sequences from job where job.id = any(p_jobs);
    end if;
    if cardinality(all_sequences) > 0 then
        for key in select distinct hashtextextended(name, 2) from unnest(all_sequences) as name order by 1 loop
            perform pg_advisory_xact_lock(key);
        end loop;
        wanted := wanted || array(select distinct live_job.lane from live_job where live_job.sequence = any(all_sequences));
    end if;
    if cardinality(p_kinds) > 0 then
        insert into lane (kind, name, cap)
        select asked.kind, asked.name, asked.cap from unnest(p_kinds, p_names, p_caps) as asked (kind, name, cap)
        where not exists (select from lane where lane.kind = asked.kind and lane.name = asked.name)
        order by asked.kind, asked.name on conflict do nothing;
        wanted := wanted || array(
            select lane.id from unnest(p_kinds, p_names) as asked (kind, name)
            join lane on lane.kind = asked.kind and lane.name = asked.name
        );
    end if;
    perform from lane where id = any(wanted) order by id for update;
    select array_agg(lane.id), array_agg(lane.kind), array_agg(lane.name), array_agg(lane.cap),
        array_agg(lane.successes), array_agg(lane.failures), array_agg(lane.openings), array_agg(lane.open_until)
    into lanes, kinds, names, caps, successes, failures, openings, open_untils
    from lane where id = any(wanted);
    if p_new > 0 then
        select array_agg(nextval('job_number')) into numbers from generate_series(1, p_new);
    end if;
    moment := ledger_now();
    transaction := pg_current_xact_id()::text;
end $$;
CREATE FUNCTION public.make_days_3(p_first integer, p_last integer) RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '2s'
    AS $$
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
CREATE FUNCTION public.park_behind_2(p_now double precision, p_sequences text[], p_numbers bigint[]) RETURNS TABLE(id text, kind text, accessor text, weight bigint)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
begin
    return query
    with gone as (
        delete from live_job using unnest(p_sequences, p_numbers) as parked (sequence, number)
        where live_job.sequence = parked.sequence and live_job.number > parked.number
            and live_job.state = 'held'
        returning live_job.*
    ), ended as (
        insert into ended_job
            (number, day, kind, project, lane, state, tries, losses, due_at, token, finished_at, code)
        select gone.number, job.day, job.kind, job.project, job.lane, 'parked', gone.tries, gone.losses,
            gone.due_at, gone.token, p_now, gone.code
        from gone join job on job.number = gone.number
    )
    select job.id, job.kind, job.accessor, job.weight from gone join job on job.number = gone.number;
end $$;
CREATE FUNCTION public.put_in_order_2(p_now double precision, p_sequence text) RETURNS text
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    in_turn record;
    first record;
begin
    select live_job.number, live_job.state into in_turn from live_job
    where live_job.sequence = p_sequence and live_job.sequence is not null and live_job.state <> 'held';
    if in_turn.state = 'leased' then
        return null;
    end if;
    select live_job.number, live_job.lane into first from live_job
    where live_job.sequence = p_sequence order by live_job.number limit 1;
    if first.number is null or first.number = in_turn.number then
        return null;
    end if;
    update live_job set state = 'held' where number = in_turn.number and state = 'queued';
    update live_job set state = 'queued', due_at = greatest(due_at, p_now)
    where number = first.number and state = 'held';
    return (select kind from lane where id = first.lane);
end $$;
CREATE FUNCTION public.queue_2(p_numbers bigint[], p_dues double precision[], p_tries integer[], p_losses integer[], p_codes integer[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    update live_job set state = 'queued', holder = null, lease_until = null, due_at = moved.due_at,
        tries = moved.tries, losses = moved.losses, code = moved.code
    from unnest(p_numbers, p_dues, p_tries, p_losses, p_codes) as moved (number, due_at, tries, losses, code)
    where live_job.number = moved.number and live_job.state = 'leased';
end $$;
CREATE FUNCTION public.record_2(p_jobs bigint[], p_days integer[], p_tokens bigint[], p_starts double precision[], p_ends double precision[], p_outcomes text[], p_codes integer[], p_details bytea[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    insert into attempt (job, day, token, started_at, ended_at, outcome, code, detail)
    select new.* from unnest(p_jobs, p_days, p_tokens, p_starts, p_ends, p_outcomes, p_codes, p_details) as new;
end $$;
CREATE FUNCTION public.remember_2(p_now double precision, p_accessors text[], p_words text[], p_jobs bigint[], p_wishes bytea[], p_untils double precision[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    remembered integer;
begin
    insert into word (accessor, word, job, wish, until)
    select new.* from unnest(p_accessors, p_words, p_jobs, p_wishes, p_untils) as new
    on conflict (accessor, word) do update set
        job = excluded.job, wish = excluded.wish, until = excluded.until where word.until <= p_now;
    get diagnostics remembered = row_count;
    if remembered < cardinality(p_words) then
        raise unique_violation using message = 'a word is taken', constraint = 'word_pkey';
    end if;
end $$;
CREATE FUNCTION public.repair_3() RETURNS integer
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.see_clock_3() RETURNS double precision
    LANGUAGE plpgsql
    AS $$
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
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.api_key (
    id text NOT NULL,
    project text NOT NULL,
    comment text NOT NULL,
    scopes text NOT NULL,
    tags text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision,
    hash bytea NOT NULL,
    requests bigint,
    queued_bytes bigint,
    schedule text,
    CONSTRAINT api_key_queued_bytes_check CHECK ((queued_bytes >= 0)),
    CONSTRAINT api_key_requests_check CHECK ((requests >= 0))
);
CREATE TABLE public.attempt (
    job bigint NOT NULL,
    day integer NOT NULL,
    token bigint NOT NULL,
    started_at double precision NOT NULL,
    ended_at double precision NOT NULL,
    outcome text NOT NULL,
    code integer,
    detail bytea NOT NULL,
    CONSTRAINT attempt_token_check CHECK ((token > 0))
)
PARTITION BY RANGE (day);
CREATE TABLE public.attempt_20261130 (
    job bigint NOT NULL,
    day integer NOT NULL,
    token bigint NOT NULL,
    started_at double precision NOT NULL,
    ended_at double precision NOT NULL,
    outcome text NOT NULL,
    code integer,
    detail bytea NOT NULL,
    CONSTRAINT attempt_token_check CHECK ((token > 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.attempt_20261201 (
    job bigint NOT NULL,
    day integer NOT NULL,
    token bigint NOT NULL,
    started_at double precision NOT NULL,
    ended_at double precision NOT NULL,
    outcome text NOT NULL,
    code integer,
    detail bytea NOT NULL,
    CONSTRAINT attempt_token_check CHECK ((token > 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.attempt_20261202 (
    job bigint NOT NULL,
    day integer NOT NULL,
    token bigint NOT NULL,
    started_at double precision NOT NULL,
    ended_at double precision NOT NULL,
    outcome text NOT NULL,
    code integer,
    detail bytea NOT NULL,
    CONSTRAINT attempt_token_check CHECK ((token > 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.attempt_20261203 (
    job bigint NOT NULL,
    day integer NOT NULL,
    token bigint NOT NULL,
    started_at double precision NOT NULL,
    ended_at double precision NOT NULL,
    outcome text NOT NULL,
    code integer,
    detail bytea NOT NULL,
    CONSTRAINT attempt_token_check CHECK ((token > 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.attempt_default (
    job bigint NOT NULL,
    day integer NOT NULL,
    token bigint NOT NULL,
    started_at double precision NOT NULL,
    ended_at double precision NOT NULL,
    outcome text NOT NULL,
    code integer,
    detail bytea NOT NULL,
    CONSTRAINT attempt_token_check CHECK ((token > 0))
);
CREATE TABLE public.ended_job (
    number bigint NOT NULL,
    day integer NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    lane bigint NOT NULL,
    state text NOT NULL,
    tries integer NOT NULL,
    losses integer NOT NULL,
    due_at double precision NOT NULL,
    token bigint NOT NULL,
    finished_at double precision NOT NULL,
    code integer,
    stripped boolean DEFAULT false NOT NULL,
    result bytea,
    CONSTRAINT ended_job_check CHECK (((state <> 'done'::text) OR ((code IS NOT NULL) AND (tries > 0)))),
    CONSTRAINT ended_job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT ended_job_state_check CHECK ((state = ANY (ARRAY['done'::text, 'parked'::text, 'cancelled'::text]))),
    CONSTRAINT ended_job_token_check CHECK ((token >= 0)),
    CONSTRAINT ended_job_tries_check CHECK ((tries >= 0))
)
PARTITION BY RANGE (day);
CREATE TABLE public.ended_job_20261130 (
    number bigint NOT NULL,
    day integer NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    lane bigint NOT NULL,
    state text NOT NULL,
    tries integer NOT NULL,
    losses integer NOT NULL,
    due_at double precision NOT NULL,
    token bigint NOT NULL,
    finished_at double precision NOT NULL,
    code integer,
    stripped boolean DEFAULT false NOT NULL,
    result bytea,
    CONSTRAINT ended_job_check CHECK (((state <> 'done'::text) OR ((code IS NOT NULL) AND (tries > 0)))),
    CONSTRAINT ended_job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT ended_job_state_check CHECK ((state = ANY (ARRAY['done'::text, 'parked'::text, 'cancelled'::text]))),
    CONSTRAINT ended_job_token_check CHECK ((token >= 0)),
    CONSTRAINT ended_job_tries_check CHECK ((tries >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.ended_job_20261201 (
    number bigint NOT NULL,
    day integer NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    lane bigint NOT NULL,
    state text NOT NULL,
    tries integer NOT NULL,
    losses integer NOT NULL,
    due_at double precision NOT NULL,
    token bigint NOT NULL,
    finished_at double precision NOT NULL,
    code integer,
    stripped boolean DEFAULT false NOT NULL,
    result bytea,
    CONSTRAINT ended_job_check CHECK (((state <> 'done'::text) OR ((code IS NOT NULL) AND (tries > 0)))),
    CONSTRAINT ended_job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT ended_job_state_check CHECK ((state = ANY (ARRAY['done'::text, 'parked'::text, 'cancelled'::text]))),
    CONSTRAINT ended_job_token_check CHECK ((token >= 0)),
    CONSTRAINT ended_job_tries_check CHECK ((tries >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.ended_job_20261202 (
    number bigint NOT NULL,
    day integer NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    lane bigint NOT NULL,
    state text NOT NULL,
    tries integer NOT NULL,
    losses integer NOT NULL,
    due_at double precision NOT NULL,
    token bigint NOT NULL,
    finished_at double precision NOT NULL,
    code integer,
    stripped boolean DEFAULT false NOT NULL,
    result bytea,
    CONSTRAINT ended_job_check CHECK (((state <> 'done'::text) OR ((code IS NOT NULL) AND (tries > 0)))),
    CONSTRAINT ended_job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT ended_job_state_check CHECK ((state = ANY (ARRAY['done'::text, 'parked'::text, 'cancelled'::text]))),
    CONSTRAINT ended_job_token_check CHECK ((token >= 0)),
    CONSTRAINT ended_job_tries_check CHECK ((tries >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.ended_job_20261203 (
    number bigint NOT NULL,
    day integer NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    lane bigint NOT NULL,
    state text NOT NULL,
    tries integer NOT NULL,
    losses integer NOT NULL,
    due_at double precision NOT NULL,
    token bigint NOT NULL,
    finished_at double precision NOT NULL,
    code integer,
    stripped boolean DEFAULT false NOT NULL,
    result bytea,
    CONSTRAINT ended_job_check CHECK (((state <> 'done'::text) OR ((code IS NOT NULL) AND (tries > 0)))),
    CONSTRAINT ended_job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT ended_job_state_check CHECK ((state = ANY (ARRAY['done'::text, 'parked'::text, 'cancelled'::text]))),
    CONSTRAINT ended_job_token_check CHECK ((token >= 0)),
    CONSTRAINT ended_job_tries_check CHECK ((tries >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05');
CREATE TABLE public.ended_job_default (
    number bigint NOT NULL,
    day integer NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    lane bigint NOT NULL,
    state text NOT NULL,
    tries integer NOT NULL,
    losses integer NOT NULL,
    due_at double precision NOT NULL,
    token bigint NOT NULL,
    finished_at double precision NOT NULL,
    code integer,
    stripped boolean DEFAULT false NOT NULL,
    result bytea,
    CONSTRAINT ended_job_check CHECK (((state <> 'done'::text) OR ((code IS NOT NULL) AND (tries > 0)))),
    CONSTRAINT ended_job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT ended_job_state_check CHECK ((state = ANY (ARRAY['done'::text, 'parked'::text, 'cancelled'::text]))),
    CONSTRAINT ended_job_token_check CHECK ((token >= 0)),
    CONSTRAINT ended_job_tries_check CHECK ((tries >= 0))
);
CREATE TABLE public.hour (
    first bigint NOT NULL,
    hour bigint NOT NULL
);
CREATE TABLE public.job (
    number bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    lane bigint NOT NULL,
    project text NOT NULL,
    payload bytea NOT NULL,
    parent text COLLATE pg_catalog."C",
    accessor text,
    method text NOT NULL,
    tags text NOT NULL,
    created_at double precision NOT NULL,
    day integer NOT NULL,
    sequence text,
    weight bigint NOT NULL,
    CONSTRAINT job_weight_check CHECK ((weight >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');
CREATE TABLE public.lane (
    id bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    cap integer NOT NULL,
    inflight integer DEFAULT 0 NOT NULL,
    next_due double precision,
    served_at double precision DEFAULT 0 NOT NULL,
    served bigint DEFAULT 0 NOT NULL,
    successes integer DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    openings integer DEFAULT 0 NOT NULL,
    open_until double precision DEFAULT 0 NOT NULL,
    roomy_at double precision DEFAULT 0 NOT NULL,
    ready_at double precision GENERATED ALWAYS AS (
CASE
    WHEN ((next_due IS NOT NULL) AND (inflight <
    CASE
        WHEN (openings > 0) THEN 1
        ELSE cap
    END)) THEN GREATEST(next_due, open_until, served_at)
    ELSE NULL::double precision
END) STORED,
    CONSTRAINT lane_cap_check CHECK ((cap >= 1)),
    CONSTRAINT lane_failures_check CHECK ((failures >= 0)),
    CONSTRAINT lane_inflight_check CHECK ((inflight >= 0)),
    CONSTRAINT lane_openings_check CHECK ((openings >= 0)),
    CONSTRAINT lane_successes_check CHECK ((successes >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.1', autovacuum_vacuum_cost_delay='0');
CREATE TABLE public.live_job (
    number bigint NOT NULL,
    lane bigint NOT NULL,
    state text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    losses integer DEFAULT 0 NOT NULL,
    due_at double precision NOT NULL,
    code integer,
    token bigint DEFAULT 0 NOT NULL,
    holder bigint,
    lease_until double precision,
    sequence text,
    weight bigint NOT NULL,
    CONSTRAINT live_job_check CHECK (((state = 'leased'::text) OR ((holder IS NULL) AND (lease_until IS NULL)))),
    CONSTRAINT live_job_check1 CHECK (((state <> 'leased'::text) OR ((holder IS NOT NULL) AND (lease_until IS NOT NULL) AND (token > 0)))),
    CONSTRAINT live_job_check2 CHECK (((state <> 'held'::text) OR (sequence IS NOT NULL))),
    CONSTRAINT live_job_losses_check CHECK ((losses >= 0)),
    CONSTRAINT live_job_state_check CHECK ((state = ANY (ARRAY['held'::text, 'queued'::text, 'leased'::text]))),
    CONSTRAINT live_job_token_check CHECK ((token >= 0)),
    CONSTRAINT live_job_tries_check CHECK ((tries >= 0)),
    CONSTRAINT live_job_weight_check CHECK ((weight >= 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_insert_scale_factor='0.1', autovacuum_analyze_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');
CREATE VIEW public.job_now AS
 SELECT job.number,
    job.id,
    job.kind,
    lane.name AS lane,
    job.project,
    job.payload,
    job.parent,
    job.accessor,
    job.method,
    job.tags,
    COALESCE(live_job.state, ended_job.state) AS state,
    COALESCE(live_job.tries, ended_job.tries) AS tries,
    COALESCE(live_job.losses, ended_job.losses) AS losses,
    job.created_at,
    COALESCE(live_job.due_at, ended_job.due_at) AS due_at,
    ended_job.finished_at,
    COALESCE(live_job.code, ended_job.code) AS code,
    ended_job.result,
    job.sequence,
    ended_job.code AS ended_code
   FROM (((public.job
     JOIN public.lane ON ((lane.id = job.lane)))
     LEFT JOIN public.live_job ON ((live_job.number = job.number)))
     LEFT JOIN public.ended_job ON (((ended_job.number = job.number) AND (ended_job.day = job.day))));
CREATE SEQUENCE public.job_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.lane ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lane_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE SEQUENCE public.lane_served
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.ledger (
    one integer NOT NULL,
    seen_at double precision NOT NULL,
    CONSTRAINT ledger_one_check CHECK ((one = 1))
);
CREATE TABLE public.node (
    number bigint NOT NULL,
    id text NOT NULL,
    host text NOT NULL,
    roles text NOT NULL,
    version text NOT NULL,
    started_at double precision NOT NULL,
    beat_at double precision NOT NULL
);
ALTER TABLE public.node ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.node_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE UNLOGGED TABLE public.progress (
    job text NOT NULL COLLATE pg_catalog."C",
    seconds double precision NOT NULL,
    duration double precision,
    at double precision NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE public.project (
    id text NOT NULL,
    name text NOT NULL
);
CREATE TABLE public.ringback_schema (
    version integer NOT NULL
);
CREATE TABLE public.signing_secret (
    number bigint NOT NULL,
    key text NOT NULL,
    sealed text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision
);
ALTER TABLE public.signing_secret ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.signing_secret_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE UNLOGGED TABLE public.turn (
    round text NOT NULL,
    taken_at double precision NOT NULL
);
CREATE TABLE public.usage (
    accessor text NOT NULL,
    kind text NOT NULL,
    jobs bigint NOT NULL,
    weight bigint NOT NULL,
    kept bigint NOT NULL,
    CONSTRAINT usage_jobs_check CHECK ((jobs >= 0)),
    CONSTRAINT usage_kept_check CHECK ((kept >= 0)),
    CONSTRAINT usage_weight_check CHECK ((weight >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE public.word (
    accessor text NOT NULL,
    word text NOT NULL,
    job bigint NOT NULL,
    wish bytea NOT NULL,
    until double precision NOT NULL
);
ALTER TABLE ONLY public.attempt ATTACH PARTITION public.attempt_20261130 FOR VALUES FROM (20787) TO (20788);
ALTER TABLE ONLY public.attempt ATTACH PARTITION public.attempt_20261201 FOR VALUES FROM (20788) TO (20789);
ALTER TABLE ONLY public.attempt ATTACH PARTITION public.attempt_20261202 FOR VALUES FROM (20789) TO (20790);
ALTER TABLE ONLY public.attempt ATTACH PARTITION public.attempt_20261203 FOR VALUES FROM (20790) TO (20791);
ALTER TABLE ONLY public.attempt ATTACH PARTITION public.attempt_default DEFAULT;
ALTER TABLE ONLY public.ended_job ATTACH PARTITION public.ended_job_20261130 FOR VALUES FROM (20787) TO (20788);
ALTER TABLE ONLY public.ended_job ATTACH PARTITION public.ended_job_20261201 FOR VALUES FROM (20788) TO (20789);
ALTER TABLE ONLY public.ended_job ATTACH PARTITION public.ended_job_20261202 FOR VALUES FROM (20789) TO (20790);
ALTER TABLE ONLY public.ended_job ATTACH PARTITION public.ended_job_20261203 FOR VALUES FROM (20790) TO (20791);
ALTER TABLE ONLY public.ended_job ATTACH PARTITION public.ended_job_default DEFAULT;
INSERT INTO public.api_key VALUES ('key', '10f8709a-ae04-46d7-9217-6f9a0e39e183', 'of before', '["usage:write"]', '["a"]', 1, NULL, '\x68617368206f66206120736563726574', NULL, NULL, NULL);
INSERT INTO public.attempt_20261130 VALUES (1, 20787, 1, 1, 2, 'done', 200, '\x7b7d');
INSERT INTO public.attempt_20261130 VALUES (2, 20787, 1, 3, 4, 'status', 503, '\x7b7d');
INSERT INTO public.attempt_20261130 VALUES (2, 20787, 2, 7, 8, 'delivered', 204, '\x7b7d');
INSERT INTO public.attempt_20261130 VALUES (3, 20787, 1, 5, 6, 'gone', 410, '\x7b7d');
INSERT INTO public.ended_job_20261130 VALUES (1, 20787, 'transcribe', '10f8709a-ae04-46d7-9217-6f9a0e39e183', 1, 'done', 1, 0, 1796001740.533814, 1, 1796001740.710631, 200, false, '\x726573756c74');
INSERT INTO public.ended_job_20261130 VALUES (4, 20787, 'deliver', '10f8709a-ae04-46d7-9217-6f9a0e39e183', 2, 'cancelled', 0, 0, 1796001740.929765, 0, 1796001741.027459, NULL, false, NULL);
INSERT INTO public.ended_job_20261130 VALUES (2, 20787, 'deliver', '10f8709a-ae04-46d7-9217-6f9a0e39e183', 2, 'done', 2, 0, 1796001740.841548, 2, 1796001741.096653, 204, false, NULL);
INSERT INTO public.ended_job_20261130 VALUES (3, 20787, 'deliver', '10f8709a-ae04-46d7-9217-6f9a0e39e183', 2, 'parked', 1, 0, 1796001740.929765, 1, 1796001741.150696, 410, false, '\x7061726b6564');
INSERT INTO public.hour VALUES (1, 498889);
INSERT INTO public.job VALUES (1, '00000000-0000-4000-8000-000000000001', 'transcribe', 1, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722031', NULL, 'key', 'sync', '["a"]', 1796001740.533814, 20787, NULL, 7);
INSERT INTO public.job VALUES (2, '00000000-0000-4000-8000-000000000002', 'deliver', 2, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722032', '00000000-0000-4000-8000-000000000001', 'key', 'sync', '[]', 1796001740.710631, 20787, NULL, 0);
INSERT INTO public.job VALUES (3, '00000000-0000-4000-8000-000000000003', 'deliver', 2, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722033', NULL, 'key', 'sync', '[]', 1796001740.929765, 20787, NULL, 0);
INSERT INTO public.job VALUES (4, '00000000-0000-4000-8000-000000000004', 'deliver', 2, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722034', NULL, NULL, 'sync', '[]', 1796001740.929765, 20787, NULL, 0);
INSERT INTO public.job VALUES (5, '00000000-0000-4000-8000-000000000020', 'deliver', 3, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f72646572203230', NULL, NULL, 'sync', '[]', 1796001741.217512, 20787, NULL, 0);
INSERT INTO public.job VALUES (6, '00000000-0000-4000-8000-000000000021', 'deliver', 3, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f72646572203231', NULL, NULL, 'sync', '[]', 1796001741.217512, 20787, NULL, 0);
INSERT INTO public.job VALUES (7, '00000000-0000-4000-8000-000000000022', 'deliver', 3, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f72646572203232', NULL, NULL, 'sync', '[]', 1796001741.217512, 20787, NULL, 0);
INSERT INTO public.job VALUES (8, '00000000-0000-4000-8000-000000000023', 'deliver', 3, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f72646572203233', NULL, NULL, 'sync', '[]', 1796001741.217512, 20787, NULL, 0);
INSERT INTO public.job VALUES (9, '00000000-0000-4000-8000-000000000006', 'deliver', 4, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722036', NULL, 'key', 'sync', '[]', 1796001741.664246, 20787, 's', 0);
INSERT INTO public.job VALUES (10, '00000000-0000-4000-8000-000000000007', 'deliver', 5, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722037', NULL, 'key', 'sync', '[]', 1796001741.664246, 20787, 's', 0);
INSERT INTO public.job VALUES (11, '00000000-0000-4000-8000-000000000008', 'deliver', 6, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722038', NULL, 'key', 'sync', '[]', 1796001741.664246, 20787, 's', 0);
INSERT INTO public.job VALUES (12, '00000000-0000-4000-8000-000000000005', 'deliver', 2, '10f8709a-ae04-46d7-9217-6f9a0e39e183', '\x6f726465722035', NULL, 'key', 'sync', '[]', 1796001741.751513, 20787, NULL, 3);
INSERT INTO public.lane OVERRIDING SYSTEM VALUE VALUES (1, 'transcribe', 't', 4, 0, NULL, 1796001740.682087, 1, 0, 0, 0, 0, 0, DEFAULT);
INSERT INTO public.lane OVERRIDING SYSTEM VALUE VALUES (3, 'deliver', 'https://bad.example:443 p', 1, 0, 1796001741.326752, 1796001741.590039, 8, 0, 5, 1, 1796001746.606602, 1796001741.606602, DEFAULT);
INSERT INTO public.lane OVERRIDING SYSTEM VALUE VALUES (5, 'deliver', 'lane 7', 4, 0, NULL, 0, 0, 0, 0, 0, 0, 0, DEFAULT);
INSERT INTO public.lane OVERRIDING SYSTEM VALUE VALUES (6, 'deliver', 'lane 8', 4, 0, NULL, 0, 0, 0, 0, 0, 0, 0, DEFAULT);
INSERT INTO public.lane OVERRIDING SYSTEM VALUE VALUES (4, 'deliver', 'lane 6', 4, 1, NULL, 1796001741.727702, 9, 0, 0, 0, 0, 0, DEFAULT);
INSERT INTO public.lane OVERRIDING SYSTEM VALUE VALUES (2, 'deliver', 'https://a.example:443 p', 1, 0, 1796001742.751513, 1796001741.079837, 3, 0, 2, 0, 0, 1796001741.096653, DEFAULT);
INSERT INTO public.ledger VALUES (1, 1796001739.96823);
INSERT INTO public.live_job VALUES (6, 3, 'queued', 1, 0, 1796001741.326752, 503, 1, NULL, NULL, NULL, 0);
INSERT INTO public.live_job VALUES (7, 3, 'queued', 1, 0, 1796001741.400407, 503, 1, NULL, NULL, NULL, 0);
INSERT INTO public.live_job VALUES (8, 3, 'queued', 1, 0, 1796001741.495638, 503, 1, NULL, NULL, NULL, 0);
INSERT INTO public.live_job VALUES (5, 3, 'queued', 2, 0, 1796001741.606602, 503, 2, NULL, NULL, NULL, 0);
INSERT INTO public.live_job VALUES (10, 5, 'held', 0, 0, 1796001741.664246, NULL, 0, NULL, NULL, 's', 0);
INSERT INTO public.live_job VALUES (11, 6, 'held', 0, 0, 1796001741.664246, NULL, 0, NULL, NULL, 's', 0);
INSERT INTO public.live_job VALUES (12, 2, 'queued', 0, 0, 1796001742.751513, NULL, 0, NULL, NULL, NULL, 3);
INSERT INTO public.live_job VALUES (9, 4, 'leased', 0, 0, 1796001741.664246, NULL, 1, 1, 0, 's', 0);
INSERT INTO public.project VALUES ('10f8709a-ae04-46d7-9217-6f9a0e39e183', 'default');
INSERT INTO public.ringback_schema VALUES (1);
INSERT INTO public.ringback_schema VALUES (2);
INSERT INTO public.ringback_schema VALUES (3);
INSERT INTO public.ringback_schema VALUES (4);
INSERT INTO public.signing_secret OVERRIDING SYSTEM VALUE VALUES (1, 'key', 'sealed', 5, NULL);
INSERT INTO public.usage VALUES ('key', 'transcribe', 0, 0, 1);
INSERT INTO public.usage VALUES ('key', 'deliver', 4, 3, 6);
INSERT INTO public.word VALUES ('key', 'word', 1, '\x77697368', 11796001740.533813);
SELECT pg_catalog.setval('public.job_number', 12, true);
SELECT pg_catalog.setval('public.lane_id_seq', 6, true);
SELECT pg_catalog.setval('public.lane_served', 9, true);
SELECT pg_catalog.setval('public.node_number_seq', 1, true);
SELECT pg_catalog.setval('public.signing_secret_number_seq', 1, true);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_hash_key UNIQUE (hash);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (job, token, day);
ALTER TABLE ONLY public.attempt_20261130
    ADD CONSTRAINT attempt_20261130_pkey PRIMARY KEY (job, token, day);
ALTER TABLE ONLY public.attempt_20261201
    ADD CONSTRAINT attempt_20261201_pkey PRIMARY KEY (job, token, day);
ALTER TABLE ONLY public.attempt_20261202
    ADD CONSTRAINT attempt_20261202_pkey PRIMARY KEY (job, token, day);
ALTER TABLE ONLY public.attempt_20261203
    ADD CONSTRAINT attempt_20261203_pkey PRIMARY KEY (job, token, day);
ALTER TABLE ONLY public.attempt_default
    ADD CONSTRAINT attempt_default_pkey PRIMARY KEY (job, token, day);
ALTER TABLE ONLY public.ended_job
    ADD CONSTRAINT ended_job_pkey PRIMARY KEY (number, day);
ALTER TABLE ONLY public.ended_job_20261130
    ADD CONSTRAINT ended_job_20261130_pkey PRIMARY KEY (number, day);
ALTER TABLE ONLY public.ended_job_20261201
    ADD CONSTRAINT ended_job_20261201_pkey PRIMARY KEY (number, day);
ALTER TABLE ONLY public.ended_job_20261202
    ADD CONSTRAINT ended_job_20261202_pkey PRIMARY KEY (number, day);
ALTER TABLE ONLY public.ended_job_20261203
    ADD CONSTRAINT ended_job_20261203_pkey PRIMARY KEY (number, day);
ALTER TABLE ONLY public.ended_job_default
    ADD CONSTRAINT ended_job_default_pkey PRIMARY KEY (number, day);
ALTER TABLE ONLY public.hour
    ADD CONSTRAINT hour_pkey PRIMARY KEY (first);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_id UNIQUE (id);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.lane
    ADD CONSTRAINT lane_kind_name_key UNIQUE (kind, name);
ALTER TABLE ONLY public.lane
    ADD CONSTRAINT lane_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (one);
ALTER TABLE ONLY public.live_job
    ADD CONSTRAINT live_job_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_id_key UNIQUE (id);
ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.progress
    ADD CONSTRAINT progress_pkey PRIMARY KEY (job);
ALTER TABLE ONLY public.project
    ADD CONSTRAINT project_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.signing_secret
    ADD CONSTRAINT signing_secret_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.turn
    ADD CONSTRAINT turn_pkey PRIMARY KEY (round);
ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (accessor, kind);
ALTER TABLE ONLY public.word
    ADD CONSTRAINT word_pkey PRIMARY KEY (accessor, word);
CREATE INDEX api_key_by_project ON public.api_key USING btree (project, created_at);
CREATE INDEX ended_job_apart_by_lane ON ONLY public.ended_job USING btree (lane, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261130_lane_state_number_idx ON public.ended_job_20261130 USING btree (lane, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_by_code ON ONLY public.ended_job USING btree (project, kind, code, number) WHERE (code >= 300);
CREATE INDEX ended_job_20261130_project_kind_code_number_idx ON public.ended_job_20261130 USING btree (project, kind, code, number) WHERE (code >= 300);
CREATE INDEX ended_job_failed ON ONLY public.ended_job USING btree (project, kind, number) WHERE (code >= 400);
CREATE INDEX ended_job_20261130_project_kind_number_idx ON public.ended_job_20261130 USING btree (project, kind, number) WHERE (code >= 400);
CREATE INDEX ended_job_apart ON ONLY public.ended_job USING btree (project, kind, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261130_project_kind_state_number_idx ON public.ended_job_20261130 USING btree (project, kind, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_by_age ON ONLY public.ended_job USING btree (stripped, kind, finished_at, number);
CREATE INDEX ended_job_20261130_stripped_kind_finished_at_number_idx ON public.ended_job_20261130 USING btree (stripped, kind, finished_at, number);
CREATE INDEX ended_job_20261201_lane_state_number_idx ON public.ended_job_20261201 USING btree (lane, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261201_project_kind_code_number_idx ON public.ended_job_20261201 USING btree (project, kind, code, number) WHERE (code >= 300);
CREATE INDEX ended_job_20261201_project_kind_number_idx ON public.ended_job_20261201 USING btree (project, kind, number) WHERE (code >= 400);
CREATE INDEX ended_job_20261201_project_kind_state_number_idx ON public.ended_job_20261201 USING btree (project, kind, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261201_stripped_kind_finished_at_number_idx ON public.ended_job_20261201 USING btree (stripped, kind, finished_at, number);
CREATE INDEX ended_job_20261202_lane_state_number_idx ON public.ended_job_20261202 USING btree (lane, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261202_project_kind_code_number_idx ON public.ended_job_20261202 USING btree (project, kind, code, number) WHERE (code >= 300);
CREATE INDEX ended_job_20261202_project_kind_number_idx ON public.ended_job_20261202 USING btree (project, kind, number) WHERE (code >= 400);
CREATE INDEX ended_job_20261202_project_kind_state_number_idx ON public.ended_job_20261202 USING btree (project, kind, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261202_stripped_kind_finished_at_number_idx ON public.ended_job_20261202 USING btree (stripped, kind, finished_at, number);
CREATE INDEX ended_job_20261203_lane_state_number_idx ON public.ended_job_20261203 USING btree (lane, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261203_project_kind_code_number_idx ON public.ended_job_20261203 USING btree (project, kind, code, number) WHERE (code >= 300);
CREATE INDEX ended_job_20261203_project_kind_number_idx ON public.ended_job_20261203 USING btree (project, kind, number) WHERE (code >= 400);
CREATE INDEX ended_job_20261203_project_kind_state_number_idx ON public.ended_job_20261203 USING btree (project, kind, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_20261203_stripped_kind_finished_at_number_idx ON public.ended_job_20261203 USING btree (stripped, kind, finished_at, number);
CREATE INDEX ended_job_default_lane_state_number_idx ON public.ended_job_default USING btree (lane, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_default_project_kind_code_number_idx ON public.ended_job_default USING btree (project, kind, code, number) WHERE (code >= 300);
CREATE INDEX ended_job_default_project_kind_number_idx ON public.ended_job_default USING btree (project, kind, number) WHERE (code >= 400);
CREATE INDEX ended_job_default_project_kind_state_number_idx ON public.ended_job_default USING btree (project, kind, state, number) WHERE (state <> 'done'::text);
CREATE INDEX ended_job_default_stripped_kind_finished_at_number_idx ON public.ended_job_default USING btree (stripped, kind, finished_at, number);
CREATE INDEX job_by_lane ON public.job USING btree (lane, number);
CREATE INDEX job_by_parent ON public.job USING btree (parent, number) WHERE (parent IS NOT NULL);
CREATE INDEX job_by_project ON public.job USING btree (project, kind, number);
CREATE INDEX lane_ready ON public.lane USING btree (kind, ready_at, served, id) WHERE (ready_at IS NOT NULL);
CREATE INDEX live_job_by_code ON public.live_job USING btree (code, number) WHERE (code >= 300);
CREATE INDEX live_job_by_sequence ON public.live_job USING btree (sequence, number) WHERE (sequence IS NOT NULL);
CREATE UNIQUE INDEX live_job_in_turn ON public.live_job USING btree (sequence) WHERE ((sequence IS NOT NULL) AND (state <> 'held'::text));
CREATE INDEX live_job_leased ON public.live_job USING btree (lease_until) WHERE (state = 'leased'::text);
CREATE INDEX live_job_queued ON public.live_job USING btree (lane, due_at, number) WHERE (state = 'queued'::text);
CREATE INDEX progress_by_age ON public.progress USING btree (at);
CREATE INDEX signing_secret_by_key ON public.signing_secret USING btree (key);
CREATE INDEX word_by_age ON public.word USING btree (until);
CREATE INDEX word_by_job ON public.word USING btree (job);
ALTER INDEX public.attempt_pkey ATTACH PARTITION public.attempt_20261130_pkey;
ALTER INDEX public.attempt_pkey ATTACH PARTITION public.attempt_20261201_pkey;
ALTER INDEX public.attempt_pkey ATTACH PARTITION public.attempt_20261202_pkey;
ALTER INDEX public.attempt_pkey ATTACH PARTITION public.attempt_20261203_pkey;
ALTER INDEX public.attempt_pkey ATTACH PARTITION public.attempt_default_pkey;
ALTER INDEX public.ended_job_apart_by_lane ATTACH PARTITION public.ended_job_20261130_lane_state_number_idx;
ALTER INDEX public.ended_job_pkey ATTACH PARTITION public.ended_job_20261130_pkey;
ALTER INDEX public.ended_job_by_code ATTACH PARTITION public.ended_job_20261130_project_kind_code_number_idx;
ALTER INDEX public.ended_job_failed ATTACH PARTITION public.ended_job_20261130_project_kind_number_idx;
ALTER INDEX public.ended_job_apart ATTACH PARTITION public.ended_job_20261130_project_kind_state_number_idx;
ALTER INDEX public.ended_job_by_age ATTACH PARTITION public.ended_job_20261130_stripped_kind_finished_at_number_idx;
ALTER INDEX public.ended_job_apart_by_lane ATTACH PARTITION public.ended_job_20261201_lane_state_number_idx;
ALTER INDEX public.ended_job_pkey ATTACH PARTITION public.ended_job_20261201_pkey;
ALTER INDEX public.ended_job_by_code ATTACH PARTITION public.ended_job_20261201_project_kind_code_number_idx;
ALTER INDEX public.ended_job_failed ATTACH PARTITION public.ended_job_20261201_project_kind_number_idx;
ALTER INDEX public.ended_job_apart ATTACH PARTITION public.ended_job_20261201_project_kind_state_number_idx;
ALTER INDEX public.ended_job_by_age ATTACH PARTITION public.ended_job_20261201_stripped_kind_finished_at_number_idx;
ALTER INDEX public.ended_job_apart_by_lane ATTACH PARTITION public.ended_job_20261202_lane_state_number_idx;
ALTER INDEX public.ended_job_pkey ATTACH PARTITION public.ended_job_20261202_pkey;
ALTER INDEX public.ended_job_by_code ATTACH PARTITION public.ended_job_20261202_project_kind_code_number_idx;
ALTER INDEX public.ended_job_failed ATTACH PARTITION public.ended_job_20261202_project_kind_number_idx;
ALTER INDEX public.ended_job_apart ATTACH PARTITION public.ended_job_20261202_project_kind_state_number_idx;
ALTER INDEX public.ended_job_by_age ATTACH PARTITION public.ended_job_20261202_stripped_kind_finished_at_number_idx;
ALTER INDEX public.ended_job_apart_by_lane ATTACH PARTITION public.ended_job_20261203_lane_state_number_idx;
ALTER INDEX public.ended_job_pkey ATTACH PARTITION public.ended_job_20261203_pkey;
ALTER INDEX public.ended_job_by_code ATTACH PARTITION public.ended_job_20261203_project_kind_code_number_idx;
ALTER INDEX public.ended_job_failed ATTACH PARTITION public.ended_job_20261203_project_kind_number_idx;
ALTER INDEX public.ended_job_apart ATTACH PARTITION public.ended_job_20261203_project_kind_state_number_idx;
ALTER INDEX public.ended_job_by_age ATTACH PARTITION public.ended_job_20261203_stripped_kind_finished_at_number_idx;
ALTER INDEX public.ended_job_apart_by_lane ATTACH PARTITION public.ended_job_default_lane_state_number_idx;
ALTER INDEX public.ended_job_pkey ATTACH PARTITION public.ended_job_default_pkey;
ALTER INDEX public.ended_job_by_code ATTACH PARTITION public.ended_job_default_project_kind_code_number_idx;
ALTER INDEX public.ended_job_failed ATTACH PARTITION public.ended_job_default_project_kind_number_idx;
ALTER INDEX public.ended_job_apart ATTACH PARTITION public.ended_job_default_project_kind_state_number_idx;
ALTER INDEX public.ended_job_by_age ATTACH PARTITION public.ended_job_default_stripped_kind_finished_at_number_idx;
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_project_fkey FOREIGN KEY (project) REFERENCES public.project(id);
