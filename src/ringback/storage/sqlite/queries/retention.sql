-- Deleting ended jobs: first their contents, later all of their rows.

-- name: ended
-- Ended jobs that still have their contents, the longest ended first, along ended_job_by_age.
select job_now.* from (
    select number, finished_at from ended_job
    where stripped = 0 and kind = :kind and finished_at <= :until
    order by finished_at, number limit :limit
) as old cross join job_now where job_now.number = old.number;

-- name: strip_end
-- Remove an ended job's result; no row if it has not ended.
update ended_job set result = :result, stripped = 1 where number = (select number from job where id = :id)
returning number;

-- name: strip_job
-- The same for its payload.
update job set payload = :payload where number = :number;

-- name: kinds
-- The kinds of all jobs.
select distinct kind from lane;

-- name: old
-- Jobs that ended before a time, after a place, along ended_job_by_age; and whether they have children.
select old.finished_at, old.number, not exists (
    select 1 from job join job as child on child.parent = job.id where job.number = old.number
) as childless
from (
    select finished_at, number from ended_job
    where stripped = :stripped and kind = :kind and (finished_at, number) > (:after, :number)
        and finished_at <= :until
    order by finished_at, number limit :limit
) as old;

-- name: childless
-- The job, unless it has children.
select job.lane, job.accessor, job.kind from job
where number = :number and not exists (select 1 from job as child where child.parent = job.id);

-- name: drop_attempts
-- The attempts at a job.
delete from attempt where job = :number;

-- name: drop_keys
-- The idempotency keys that mean a job.
delete from idempotency_key where job = :number;

-- name: drop_end
-- The row of a job's end.
delete from ended_job where number = :number;

-- name: drop_job
-- The job's own row; no other row refers to it any more.
delete from job where number = :number;

-- name: decrement_kept
-- An accessor has one job less of a kind.
update usage set kept = max(kept - 1, 0) where accessor = :accessor and kind = :kind;

-- name: drop_lane
-- A lane without jobs; its health is out of date.
delete from lane where id = :lane and not exists (select 1 from job where lane = :lane);

-- name: drop_usage
-- An accessor that has no job of a kind any more.
delete from usage where accessor = :accessor and kind = :kind and kept = 0 and jobs = 0;

-- name: drop_secrets
-- Signing secrets of a removed key to which no job refers any more.
delete from signing_secret where key = :key
    and not exists (select 1 from api_key where id = :key)
    and not exists (select 1 from usage where accessor = :key);

-- name: drop_old_keys
-- Expired idempotency keys, along idempotency_key_by_age.
delete from idempotency_key where (accessor, key) in (
    select accessor, key from idempotency_key where until <= :now order by until limit :limit
);

-- name: drop_hours
-- Hours without jobs. The newest stays.
delete from hour where first in (
    select first from (
        select first, lead(first) over (order by first) as next from hour order by first limit :limit
    ) where next <= (select coalesce(min(number), 0) from job)
);
