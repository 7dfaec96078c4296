-- What the hot paths do, as functions: their plans are kept by the server, although no statement is
-- prepared (PgBouncer in transaction mode could not follow), and a whole group of moves takes a few round
-- trips. Names end in the number of the schema that made them, so that the nodes of the last release go on
-- with theirs. The settings keep their plans to nested loops over indexes, whatever the statistics say.

-- Take the locks of a group of moves, always in this order: sequences, lanes by id. Missing lanes are made.
-- Named lanes are for new jobs; the other moves name their jobs.
create function lock_2(
    p_sequences text[], p_kinds text[], p_names text[], p_caps integer[], p_jobs text[], p_new integer,
    out moment double precision, out transaction text, out numbers bigint[], out lanes bigint[],
    out kinds text[], out names text[], out caps integer[], out successes integer[],
    out failures integer[], out openings integer[], out open_untils double precision[]
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
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

-- How some jobs stand that are not over.
create function live_2(p_jobs text[]) returns table (
    id text, kind text, project text, accessor text, day integer, number bigint, lane bigint, state text,
    tries integer, losses integer, due_at double precision, code integer, token bigint,
    lease_until double precision, sequence text, weight bigint
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query select job.id, job.kind, job.project, job.accessor, job.day, live_job.number, live_job.lane,
        live_job.state, live_job.tries, live_job.losses, live_job.due_at, live_job.code, live_job.token,
        live_job.lease_until, live_job.sequence, live_job.weight
    from job join live_job on live_job.number = job.number where job.id = any(p_jobs);
end $$;

-- New jobs, and how they stand at first.
create function add_2(
    p_now double precision, p_numbers bigint[], p_ids text[], p_kinds text[], p_lanes bigint[],
    p_projects text[], p_payloads bytea[], p_parents text[], p_accessors text[], p_methods text[],
    p_tags text[], p_sequences text[], p_weights bigint[], p_states text[], p_dues double precision[],
    p_tokens bigint[], p_holders bigint[], p_lease_untils double precision[]
) returns void language plpgsql
as $$
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

-- From now on these words mean these jobs. A word that another node has just taken is a unique violation:
-- the group is run again, and finds it.
create function remember_2(
    p_now double precision, p_accessors text[], p_words text[], p_jobs bigint[], p_wishes bytea[],
    p_untils double precision[]
) returns void language plpgsql
as $$
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

-- held, queued or leased → ended.
create function end_2(
    p_now double precision, p_numbers bigint[], p_days integer[], p_kinds text[], p_projects text[],
    p_lanes bigint[], p_states text[], p_tries integer[], p_losses integer[], p_dues double precision[],
    p_tokens bigint[], p_codes integer[], p_results bytea[]
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
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

-- Tries that are over.
create function record_2(
    p_jobs bigint[], p_days integer[], p_tokens bigint[], p_starts double precision[],
    p_ends double precision[], p_outcomes text[], p_codes integer[], p_details bytea[]
) returns void language plpgsql
as $$
begin
    insert into attempt (job, day, token, started_at, ended_at, outcome, code, detail)
    select new.* from unnest(p_jobs, p_days, p_tokens, p_starts, p_ends, p_outcomes, p_codes, p_details) as new;
end $$;

-- leased → queued, for a retry, an interruption or a lost lease.
create function queue_2(
    p_numbers bigint[], p_dues double precision[], p_tries integer[], p_losses integer[], p_codes integer[]
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
    update live_job set state = 'queued', holder = null, lease_until = null, due_at = moved.due_at,
        tries = moved.tries, losses = moved.losses, code = moved.code
    from unnest(p_numbers, p_dues, p_tries, p_losses, p_codes) as moved (number, due_at, tries, losses, code)
    where live_job.number = moved.number and live_job.state = 'leased';
end $$;

-- Longer leases.
create function extend_2(p_numbers bigint[], p_untils double precision[]) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
    update live_job set lease_until = held.until
    from unnest(p_numbers, p_untils) as held (number, until)
    where live_job.number = held.number and live_job.state = 'leased';
end $$;

-- Those held behind a parked job could only come out of order: they are parked too.
create function park_behind_2(p_now double precision, p_sequences text[], p_numbers bigint[])
returns table (id text, kind text, accessor text, weight bigint) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
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

-- Whose turn is it now in a sequence? The kind of the job that was let go, if one was.
create function put_in_order_2(p_now double precision, p_sequence text) returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
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

-- The end of a group: sequences in order, what accessors use, and the lanes as they stand after it. The
-- kinds of jobs that were let go.
create function finish_2(
    p_now double precision, p_sequences text[], p_accessors text[], p_kinds text[], p_jobs bigint[],
    p_weights bigint[], p_kept bigint[], p_lanes bigint[], p_begun integer[], p_released integer[],
    p_caps integer[], p_successes integer[], p_failures integer[], p_openings integer[],
    p_open_untils double precision[]
) returns text[] language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
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

-- A claim: the lanes that have waited longest first, each dealt its share, none past its cap or its open
-- breaker. Locked lanes are another claimer's: they are passed by, unless there is nothing else.
create function claim_2(p_kind text, p_limit integer, p_seconds double precision, p_holder bigint)
returns table (
    id text, lane text, project text, payload bytea, parent text, accessor text, method text, tags text,
    tries integer, losses integer, created_at double precision, due_at double precision, code integer,
    token bigint, sequence text
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan set lock_timeout = '5s'
as $$
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
