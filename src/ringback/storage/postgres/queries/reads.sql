-- Queries of readers.

-- name: job_by_id
-- One job, live or ended.
select * from job_now where id = $1;

-- name: states
-- The states of some jobs.
select job.id, coalesce(live_job.state, ended_job.state) as state
from job left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number and ended_job.day = job.day
where job.id = any($1);

-- name: open_breakers
-- Breakers that are not closed, of some lanes.
select name, open_until, failures from lane where kind = $1 and name = any($2) and openings > 0;

-- name: jobs_by_parent
-- The children of some jobs; the latest of each.
select job_now.* from unnest($1::text[]) as given (id)
cross join lateral (select number from job where parent = given.id order by number desc limit $2) as child
join job_now on job_now.number = child.number order by job_now.number;

-- name: attempts
-- The latest attempts at a job, the last one first.
select started_at, ended_at, outcome, attempt.code as code, detail
from job join attempt on attempt.job = job.number and attempt.day = job.day
where job.id = $1 order by attempt.token desc limit $2;

-- name: waiting
-- How many live jobs a sequence has, along live_job_by_sequence.
select count(*) from (select from live_job where sequence = $1 limit $2) as live;

-- name: gauges
-- By kind: queued and leased jobs; since when one is due, and since when one could have been claimed.
with moment as materialized (select ledger_now() as now),
queued as (
    select lane.kind, sum(waiting.jobs)::bigint as jobs
    from (select lane, count(*) as jobs from live_job where state = 'queued' group by lane) as waiting
    join lane on lane.id = waiting.lane group by lane.kind
), leased as (
    select lane.kind, sum(running.jobs)::bigint as jobs
    from (select lane, count(*) as jobs from live_job where state = 'leased' group by lane) as running
    join lane on lane.id = running.lane group by lane.kind
), due as (
    select lane.kind, min(next_due) filter (where next_due <= now) as first,
        min(greatest(ready_at, roomy_at)) filter (where ready_at <= now) as ready
    from lane, moment where next_due is not null group by lane.kind
)
select kind, coalesce(queued.jobs, 0) as queued, coalesce(leased.jobs, 0) as leased,
    now - due.first as oldest_due, now - due.ready as oldest_ready
from queued full join leased using (kind) left join due using (kind) cross join moment;

-- name: next_ready
-- Seconds until a claim of this kind will find a job, and in which lane; no row: not before a lane changes.
select ready_at - ledger_now() as wait, name from lane
where kind = $1 and ready_at is not null order by ready_at limit $2;

-- name: ended_of
-- Those of these jobs that are not live; a job that was dropped is not, either.
select given.id from unnest($1::text[]) as given (id)
where not exists (select from job join live_job on live_job.number = job.number where job.id = given.id);

-- name: parked_by_kind
-- The number of parked jobs, along ended_job_apart.
select kind, count(*)::integer as jobs from ended_job where state = 'parked' and state <> 'done' group by kind;

-- name: lane_standing
-- How many lanes of a kind are healthy, failing, or have an open breaker.
select count(*) filter (where openings = 0 and failures = 0)::integer as healthy,
    count(*) filter (where openings = 0 and failures > 0)::integer as failing,
    count(*) filter (where openings > 0)::integer as open
from lane where kind = $1;

-- name: size
-- Bytes of the whole database.
select pg_database_size(current_database());

-- name: lane_reports
-- Lanes one by one, those with the most failures first. Their last success is searched for in their latest jobs.
select lane.name, lane.failures, lane.openings, lane.open_until, lane.next_due, lane.inflight as running,
    ((select count(*) from live_job where live_job.lane = lane.id and state = 'queued')
        + (select count(*) from live_job where live_job.sequence is not null and live_job.state = 'held'
            and live_job.lane = lane.id))::integer as waiting,
    (select count(*) from ended_job where ended_job.lane = lane.id and state = 'parked' and state <> 'done')::integer
        as parked,
    (select max(ended_job.finished_at) from (
        select number, day from job where job.lane = lane.id order by number desc limit $6
    ) as latest join ended_job on ended_job.number = latest.number and ended_job.day = latest.day
        where ended_job.state = 'done') as last_success_at
from (
    select * from lane
    where kind = $1 and failures >= $2 and ($3 = '' or right(name, length($3)) = $3)
        and ($4::text[] is null or name = any($4::text[]))
    order by failures desc, name limit $5
) as lane order by lane.failures desc, lane.name;
