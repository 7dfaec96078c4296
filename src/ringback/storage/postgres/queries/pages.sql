-- Lists, newest first: a walk along an index names the candidates, then the candidates are looked at.

-- name: number_by_id
-- A job's place in the order of arrival.
select number from job where id = $1;

-- name: first_since
-- The first job that may have been added after a moment, by the hour; the hour before it may still be going
-- on at another node.
select min(first) from hour where hour >= $1 - 1;

-- name: last_until
-- The last job that may have been added before a moment, by the hour. Null: the newest.
select max(coalesce(next - 1, $2)) from (
    select hour, lead(first) over (order by first) as next from hour
) as hours where hour <= $1 + 1;

-- name: walk_all
-- All of a kind, along job_by_project.
select number from job
where project = $4 and kind = $5 and number between $1 and $2
order by number desc limit $3;

-- name: walk_lane
-- All of a lane, along job_by_lane.
select number from job
where lane = (select id from lane where kind = $4 and name = $5) and number between $1 and $2
order by number desc limit $3;

-- name: walk_children
-- What followed from one job, along job_by_parent.
select number from job where parent = $4 and number between $1 and $2 order by number desc limit $3;

-- name: walk_live
-- Whatever has not ended.
select number from live_job where number between $1 and $2 order by number desc limit $3;

-- name: walk_leased
-- Whatever is being worked on: few, along live_job_leased, and then put in order.
with leased as materialized (select number from live_job where state = 'leased')
select number from leased where number between $1 and $2 order by number desc limit $3;

-- name: walk_live_code
-- Live ones whose last try had one code, along live_job_by_code.
select number from live_job
where code = $4 and code >= 300 and number between $1 and $2 order by number desc limit $3;

-- name: walk_apart
-- Parked or cancelled ones, along ended_job_apart.
select number from ended_job
where project = $4 and kind = $5 and state = $6 and state <> 'done' and number between $1 and $2
order by number desc limit $3;

-- name: walk_apart_by_lane
-- Parked or cancelled ones of a lane, along ended_job_apart_by_lane.
select number from ended_job
where lane = (select id from lane where kind = $4 and name = $5) and state = $6 and state <> 'done'
    and number between $1 and $2
order by number desc limit $3;

-- name: walk_code
-- Ended ones with one code, along ended_job_by_code.
select number from ended_job
where project = $4 and kind = $5 and code = $6 and code >= 300 and number between $1 and $2
order by number desc limit $3;

-- name: walk_failed
-- Those that ended badly, along ended_job_failed.
select number from ended_job
where project = $4 and kind = $5 and code >= 400 and number between $1 and $2
order by number desc limit $3;

-- name: matching
-- Of these candidates those that are asked for, the newest first. Tags may fit by chance: they are looked at
-- again.
select * from job_now
where number = any($1) and project = $2 and kind = $3
    and ($4::text is null or accessor = $4)
    and ($5::text is null or method = $5)
    and ($6::boolean is null or ($6 and ended_code < 300) or (not $6 and ended_code >= 400))
    and ($7::double precision is null or created_at >= $7)
    and ($8::double precision is null or created_at <= $8)
    and ($9::text[] is null or state = any($9))
    and ($10::text is null or lane = $10)
    and ($11::integer is null or code = $11)
    and not exists (select from unnest($12::text[]) as wanted (tag) where position(wanted.tag in tags) = 0)
order by number desc;
