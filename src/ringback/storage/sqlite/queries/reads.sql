-- Queries of readers, on connections of their own beside the writer's.

-- name: job_by_id
-- One job, live or ended.
select * from job_now where id = :id;

-- name: states
-- The states of some jobs; `ids` is a JSON array.
select job.id, coalesce(live_job.state, ended_job.state) as state
from json_each(:ids) as given join job on job.id = given.value
left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number;

-- name: open_breakers
-- Breakers that are not closed, of some lanes; `lanes` is a JSON array.
select lane.name, lane.open_until, lane.failures
from json_each(:lanes) as given join lane on lane.kind = :kind and lane.name = given.value
where lane.openings > 0;

-- name: jobs_by_parent
-- The children of some jobs, a JSON array; the latest `most` of each.
select job_now.* from json_each(:parents) as given cross join job_now
where job_now.number in (select number from job where parent = given.value order by number desc limit :most);

-- name: attempts
-- The latest attempts at a job, the last one first.
select started_at, ended_at, outcome, code, detail
from attempt where job = (select number from job where id = :id) order by token desc limit :most;

-- name: waiting
-- How many live jobs a sequence has, along live_job_by_sequence.
select count(*) as jobs from (select 1 from live_job where sequence = :sequence limit :most);

-- name: queued_by_kind
-- The number of queued jobs, along live_job_queued alone.
select lane.kind, sum(waiting.jobs) as value
from (select live_job.lane as lane, count(*) as jobs from live_job where state = 'queued' group by live_job.lane)
    as waiting
join lane on lane.id = waiting.lane
group by lane.kind;

-- name: leased_by_kind
-- The number of leased jobs.
select lane.kind, count(*) as value from live_job join lane on lane.id = live_job.lane
where live_job.state = 'leased' group by lane.kind;

-- name: oldest_due_by_kind
-- The first due job of every kind, from the lanes.
select kind, min(next_due) as value from lane where next_due is not null group by kind;

-- name: oldest_ready_by_kind
-- Since when a claim would have found a job, from the lanes.
select kind, min(max(ready_at, roomy_at)) as value from lane
where ready_at is not null and ready_at <= :now group by kind;

-- name: next_ready
-- The time from which a claim of this kind will find a job, and in which lane; no row: not before a lane
-- changes.
select ready_at, name from lane where kind = :kind and ready_at is not null order by ready_at limit :limit;

-- name: parked_by_kind
-- The number of parked jobs, along ended_job_apart.
select kind, count(*) as jobs from ended_job where state = 'parked' and state <> 'done' group by kind;

-- name: lane_standing
-- How many lanes of a kind are healthy, failing, or have an open breaker.
select count(*) filter (where openings = 0 and failures = 0) as healthy,
    count(*) filter (where openings = 0 and failures > 0) as failing,
    count(*) filter (where openings > 0) as open
from lane where kind = :kind;

-- name: lane_reports
-- Lanes one by one, those with the most failures first. Their last success is searched for in their latest jobs.
select lane.name, lane.failures, lane.openings, lane.open_until, lane.next_due, lane.inflight as running,
    (select count(*) from live_job where live_job.lane = lane.id and state = 'queued')
        + (select count(*) from live_job join job on job.number = live_job.number
            where live_job.sequence is not null and live_job.state = 'held' and job.lane = lane.id) as waiting,
    (select count(*) from ended_job where ended_job.lane = lane.id and state = 'parked' and state <> 'done')
        as parked,
    (select max(ended_job.finished_at) from (
        select number from job where job.lane = lane.id order by number desc limit :looked_through
    ) as latest cross join ended_job on ended_job.number = latest.number where ended_job.state = 'done')
        as last_success_at
from (
    select * from lane
    where kind = :kind and failures >= :least and (:ending = '' or substr(name, -length(:ending)) = :ending)
        and (:names is null or name in (select value from json_each(:names)))
    order by failures desc, name limit :limit
) as lane order by lane.failures desc, lane.name;
