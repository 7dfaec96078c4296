-- A claim by a worker that deals its slots to callers itself: due jobs of these lanes, so many of each at most.
-- Lanes that another claimer holds are passed by, unless there is nothing else.
create function claim_6(p_lanes bigint[], p_shares integer[], p_seconds double precision, p_holder bigint)
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
        select l.id, least(asked.share, (case when l.openings > 0 then 1 else l.cap end) - l.inflight) as share
        from unnest(p_lanes, p_shares) as asked (id, share) join lane as l on l.id = asked.id
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
        select asked.id, (
            select count(*) from live_job as j where j.number = any(taken) and j.lane = asked.id
        ) as jobs, (
            select j.due_at from live_job as j where j.lane = asked.id and j.state = 'queued'
            order by j.due_at, j.number limit 1
        ) as next_due
        from unnest(lanes) as asked (id)
    ) as claimed
    where l.id = claimed.id;
    return query select job.id, lane.name, job.project, job.payload, job.parent, job.accessor, job.method,
        job.tags, j.tries, j.losses, job.created_at, j.due_at, j.code, j.token, job.sequence
    from unnest(taken) as claimed (number)
    join live_job as j on j.number = claimed.number join job on job.number = claimed.number
    join lane on lane.id = j.lane order by j.due_at, j.number;
end $$;
