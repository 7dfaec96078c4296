-- What readers ask.

-- name: job_by_id
-- One job, wherever it stands.
select * from job_now where id = $1;

-- name: states
-- How many jobs stand at once.
select job.id, coalesce(live_job.state, ended_job.state) as state
from job left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number and ended_job.day = job.day
where job.id = any($1);

-- name: open_breakers
-- Breakers that are not closed, of some lanes.
select name, open_until, failures from lane where kind = $1 and name = any($2) and openings > 0;

-- name: jobs_by_parent
-- What followed from some jobs; the latest of each.
select job_now.* from unnest($1::text[]) as asked (id)
cross join lateral (select number from job where parent = asked.id order by number desc limit $2) as child
join job_now on job_now.number = child.number order by job_now.number;

-- name: attempts
-- The latest tries at a job, the last one first.
select started_at, ended_at, outcome, attempt.code as code, detail
from job join attempt on attempt.job = job.number and attempt.day = job.day
where job.id = $1 order by attempt.token desc limit $2;

-- name: waiting
-- How many live jobs a sequence has, along live_job_by_sequence.
select count(*) from (select from live_job where sequence = $1 limit $2) as live;

-- name: gauges
-- How many jobs of a kind wait and are worked on; since when one is due, and could have been claimed.
with moment as materialized (select ledger_now() as now),
queued as (
    select lane.kind, sum(waiting.jobs)::bigint as jobs
    from (select lane, count(*) as jobs from live_job where state = 'queued' group by lane) as waiting
    join lane on lane.id = waiting.lane group by lane.kind
), leased as (
    select lane.kind, sum(held.jobs)::bigint as jobs
    from (select lane, count(*) as jobs from live_job where state = 'leased' group by lane) as held
    join lane on lane.id = held.lane group by lane.kind
), due as (
    select lane.kind, min(next_due) filter (where next_due <= now) as first,
        min(greatest(ready_at, roomy_at)) filter (where ready_at <= now) as ready
    from lane, moment where next_due is not null group by lane.kind
)
select kind, coalesce(queued.jobs, 0) as queued, coalesce(leased.jobs, 0) as leased,
    now - due.first as oldest_due, now - due.ready as oldest_ready
from queued full join leased using (kind) left join due using (kind) cross join moment;

-- name: next_ready
-- How long until a claim of this kind will find something, and in which lane; no row: not before something
-- changes.
select ready_at - ledger_now() as wait, name from lane
where kind = $1 and ready_at is not null order by ready_at limit $2;

-- name: ended_of
-- Which of these jobs are over; one that is forgotten is over, too.
select asked.id from unnest($1::text[]) as asked (id)
where not exists (select from job join live_job on live_job.number = job.number where job.id = asked.id);

-- name: parked_by_kind
-- How many are parked, along ended_job_apart.
select kind, count(*)::integer as jobs from ended_job where state = 'parked' and state <> 'done' group by kind;

-- name: lane_standing
-- How many lanes of a kind do well.
select count(*) filter (where openings = 0 and failures = 0)::integer as healthy,
    count(*) filter (where openings = 0 and failures > 0)::integer as failing,
    count(*) filter (where openings > 0)::integer as open
from lane where kind = $1;

-- name: size
-- Bytes of the whole database.
select pg_database_size(current_database());

-- name: lane_reports
-- Lanes one by one, those with the most failures first. Their last success is looked for in their latest jobs.
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
