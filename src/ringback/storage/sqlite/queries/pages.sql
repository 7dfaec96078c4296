-- Pages, newest first: a walk along an index yields the candidates, then `matching` filters them.

-- name: number_by_id
-- A job's number in the order of arrival.
select number from job where id = :id;

-- name: first_since
-- The first job that may have been added after a moment, by the hour.
select min(first) as number from hour where hour >= :hour;

-- name: last_until
-- The last job that may have been added before a moment, by the hour. Null: the newest.
select max(coalesce(next - 1, :newest)) as number from (
    select hour, lead(first) over (order by first) as next from hour
) where hour <= :hour;

-- name: walk_all
-- All of a kind, along job_by_project.
select number from job
where project = :project and kind = :kind and number between :first and :last
order by number desc limit :limit;

-- name: walk_lane
-- All of a lane, along job_by_lane.
select job.number from lane join job on job.lane = lane.id
where lane.kind = :kind and lane.name = :lane and job.number between :first and :last
order by job.number desc limit :limit;

-- name: walk_children
-- The children of one job, along job_by_parent.
select number from job where parent = :parent and number between :first and :last
order by number desc limit :limit;

-- name: walk_live
-- All live jobs.
select number from live_job where number between :first and :last order by number desc limit :limit;

-- name: walk_leased
-- Leased jobs: few, along live_job_leased, then sorted.
select number from live_job indexed by live_job_leased
where state = 'leased' and number between :first and :last order by number desc limit :limit;

-- name: walk_live_code
-- Live jobs whose last attempt had one code, along live_job_by_code.
select number from live_job
where code = :code and code >= 300 and number between :first and :last order by number desc limit :limit;

-- name: walk_apart
-- Parked or cancelled ones, along ended_job_apart.
select number from ended_job
where project = :project and kind = :kind and state = :state and state <> 'done'
    and number between :first and :last
order by number desc limit :limit;

-- name: walk_apart_by_lane
-- Parked or cancelled ones of a lane, along ended_job_apart_by_lane.
select ended_job.number from lane join ended_job on ended_job.lane = lane.id
where lane.kind = :kind and lane.name = :lane and ended_job.state = :state and ended_job.state <> 'done'
    and ended_job.number between :first and :last
order by ended_job.number desc limit :limit;

-- name: walk_code
-- Ended ones with one code, along ended_job_by_code.
select number from ended_job
where project = :project and kind = :kind and code = :code and code >= 300
    and number between :first and :last
order by number desc limit :limit;

-- name: walk_failed
-- Those that ended badly, along ended_job_failed.
select number from ended_job
where project = :project and kind = :kind and code >= 400 and number between :first and :last
order by number desc limit :limit;

-- name: matching
-- Of these candidates, a JSON array, the jobs that match; in the array's order.
select job_now.* from json_each(:numbers) as candidate cross join job_now
where job_now.number = candidate.value and job_now.project = :project and job_now.kind = :kind
    and (:accessor is null or job_now.accessor = :accessor)
    and (:method is null or job_now.method = :method)
    and (:succeeded is null or (:succeeded = 1 and job_now.ended_code < 300)
        or (:succeeded = 0 and job_now.ended_code >= 400))
    and (:since is null or job_now.created_at >= :since)
    and (:until is null or job_now.created_at <= :until)
    and (:states is null or job_now.state in (select value from json_each(:states)))
    and (:lane is null or job_now.lane = :lane)
    and (:code is null or job_now.code = :code)
    and not exists (
        select 1 from json_each(:tags) as tag
        where tag.value not in (select value from json_each(job_now.tags))
    )
limit :limit;
