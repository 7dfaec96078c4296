-- Pages, newest first: a walk along an index yields the candidates, then `matching` filters them.

-- name: number_by_id
-- A job's number in the order of arrival.
select number from job where id = :id;

-- name: first_since
-- The first job that may have been added after a moment, by the hour; the hour before it may still be going
-- on at another node.
select min(first) as number from hour where hour >= :hour::bigint - 1;

-- name: last_until
-- The last job that may have been added before a moment, by the hour. Null: the newest.
select max(coalesce(next - 1, :newest)) as number from (
    select hour, lead(first) over (order by first) as next from hour
) as hours where hour <= :hour::bigint + 1;

-- name: walk_all
-- All of a kind, along job_by_project.
select number from job
where project = :project and kind = :kind and number between :first and :last
order by number desc limit :limit;

-- name: walk_lane
-- All of a lane, along job_by_lane.
select number from job
where lane = (select id from lane where kind = :kind and name = :lane) and number between :first and :last
order by number desc limit :limit;

-- name: walk_children
-- The children of one job, along job_by_parent.
select number from job where parent = :parent and number between :first and :last order by number desc limit :limit;

-- name: walk_live
-- All live jobs.
select number from live_job where number between :first and :last order by number desc limit :limit;

-- name: walk_leased
-- Leased jobs: few, along live_job_leased, then sorted.
with leased as materialized (select number from live_job where state = 'leased')
select number from leased where number between :first and :last order by number desc limit :limit;

-- name: walk_live_code
-- Live jobs whose last attempt had one code, along live_job_by_code.
select number from live_job
where code = :code and code >= 300 and number between :first and :last order by number desc limit :limit;

-- name: walk_apart
-- Parked or cancelled ones, along ended_job_apart.
select number from ended_job
where project = :project and kind = :kind and state = :state and state <> 'done' and number between :first and :last
order by number desc limit :limit;

-- name: walk_apart_by_lane
-- Parked or cancelled ones of a lane, along ended_job_apart_by_lane.
select number from ended_job
where lane = (select id from lane where kind = :kind and name = :lane) and state = :state and state <> 'done'
    and number between :first and :last
order by number desc limit :limit;

-- name: walk_code
-- Ended ones with one code, along ended_job_by_code.
select number from ended_job
where project = :project and kind = :kind and code = :code and code >= 300 and number between :first and :last
order by number desc limit :limit;

-- name: walk_failed
-- Those that ended badly, along ended_job_failed.
select number from ended_job
where project = :project and kind = :kind and code >= 400 and number between :first and :last
order by number desc limit :limit;

-- name: matching
-- Of these candidates the jobs that match, the newest first. A tag may match part of another one: `pages` checks
-- tags again.
select * from job_now
where number = any(:numbers) and project = :project and kind = :kind
    and (:accessor::text is null or accessor = :accessor)
    and (:method::text is null or method = :method)
    and (:succeeded::boolean is null or (:succeeded and ended_code < 300) or (not :succeeded and ended_code >= 400))
    and (:since::double precision is null or created_at >= :since)
    and (:until::double precision is null or created_at <= :until)
    and (:states::text[] is null or state = any(:states))
    and (:lane::text is null or lane = :lane)
    and (:code::integer is null or code = :code)
    and not exists (select from unnest(:tags::text[]) as given (tag) where position(given.tag in tags) = 0)
order by number desc limit case when cardinality(:tags::text[]) = 0 then :limit::bigint end;
