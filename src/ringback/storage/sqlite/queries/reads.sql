-- What readers ask; on connections of their own, beside the writer.

-- name: job_by_id
-- One job, wherever it stands.
select job.number, job.id, job.kind, lane.name, job.project, job.payload, job.parent, job.accessor, job.method,
    job.tags, coalesce(live_job.state, ended_job.state), coalesce(live_job.tries, ended_job.tries),
    coalesce(live_job.losses, ended_job.losses), job.created_at, coalesce(live_job.due_at, ended_job.due_at),
    ended_job.finished_at, coalesce(live_job.code, ended_job.code), ended_job.result
from job join lane on lane.id = job.lane
left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number
where job.id = :id;

-- name: states
-- How many jobs stand at once; `ids` is a JSON array.
select job.id, coalesce(live_job.state, ended_job.state)
from json_each(:ids) asked join job on job.id = asked.value
left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number;

-- name: jobs_by_parent
-- What followed from a job, oldest first.
select job.number, job.id, job.kind, lane.name, job.project, job.payload, job.parent, job.accessor, job.method,
    job.tags, coalesce(live_job.state, ended_job.state), coalesce(live_job.tries, ended_job.tries),
    coalesce(live_job.losses, ended_job.losses), job.created_at, coalesce(live_job.due_at, ended_job.due_at),
    ended_job.finished_at, coalesce(live_job.code, ended_job.code), ended_job.result
from job join lane on lane.id = job.lane
left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number
where job.parent = :parent
order by job.number;

-- name: number_by_id
-- A job's place in the order of arrival.
select number from job where id = :id;

-- name: page
-- A project's jobs, newest first: a walk along job_by_project from the key of the page before.
select job.number, job.id, job.kind, lane.name, job.project, job.payload, job.parent, job.accessor, job.method,
    job.tags, coalesce(live_job.state, ended_job.state), coalesce(live_job.tries, ended_job.tries),
    coalesce(live_job.losses, ended_job.losses), job.created_at, coalesce(live_job.due_at, ended_job.due_at),
    ended_job.finished_at, coalesce(live_job.code, ended_job.code), ended_job.result
from job join lane on lane.id = job.lane
left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number
where job.project = :project and job.kind = :kind and job.number between :first and :last
    and (:accessor is null or job.accessor = :accessor)
    and (:method is null or job.method = :method)
    and (:succeeded is null or (:succeeded = 1 and ended_job.code < 300)
        or (:succeeded = 0 and ended_job.code >= 400))
    and (:since is null or job.created_at >= :since)
    and (:until is null or job.created_at <= :until)
    and not exists (
        select 1 from json_each(:tags) as wanted
        where wanted.value not in (select value from json_each(job.tags))
    )
order by job.number desc limit :limit;

-- name: attempts
-- The tries at a job, oldest first.
select started_at, ended_at, outcome, code, detail
from attempt where job = (select number from job where id = :id) order by token;

-- name: queued_by_kind
-- How many wait, along live_job_queued alone.
select lane.kind, sum(waiting.jobs)
from (select live_job.lane as lane, count(*) as jobs from live_job where state = 'queued' group by live_job.lane)
    as waiting
join lane on lane.id = waiting.lane
group by lane.kind;

-- name: leased_by_kind
-- How many are being worked on.
select lane.kind, count(*) from live_job join lane on lane.id = live_job.lane
where live_job.state = 'leased' group by lane.kind;

-- name: oldest_due_by_kind
-- The first due job of every kind, from the lanes.
select kind, min(next_due) from lane where next_due is not null group by kind;

-- name: next_ready
-- From when on a claim of this kind will find something; no row: not before something changes.
select ready_at from lane where kind = :kind and ready_at is not null order by ready_at limit 1;
