-- What becomes of jobs that have ended: their contents go first, then all trace of them.

-- name: ended
-- Those that still have their contents, the longest ended of them, along ended_job_by_age.
select job_now.* from (
    select number, finished_at from ended_job
    where stripped = 0 and kind = :kind and finished_at <= :until
    order by finished_at, number limit :limit
) as old cross join job_now where job_now.number = old.number;

-- name: strip_end
-- Its contents are no longer kept; no row: it has not ended.
update ended_job set result = :result, stripped = 1 where number = (select number from job where id = :id)
returning number;

-- name: strip_job
-- The other half of the contents.
update job set payload = :payload where number = :number;

-- name: kinds
-- Of all jobs that there are.
select distinct kind from lane;

-- name: old
-- Some that ended long ago, from a place on, along ended_job_by_age; and whether others follow from them.
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
-- The job, unless one that followed from it is there.
select job.lane, job.accessor, job.kind from job
where number = :number and not exists (select 1 from job as child where child.parent = job.id);

-- name: drop_attempts
-- The tries at a job.
delete from attempt where job = :number;

-- name: drop_keys
-- The idempotency keys that mean a job.
delete from idempotency_key where job = :number;

-- name: drop_end
-- How a job ended.
delete from ended_job where number = :number;

-- name: drop_job
-- What was asked; nothing else refers to the job by now.
delete from job where number = :number;

-- name: keep_one_less
-- Of an accessor's jobs in one kind.
update usage set kept = max(kept - 1, 0) where accessor = :accessor and kind = :kind;

-- name: drop_lane
-- Nothing stands there any more, and what was learnt of it is old.
delete from lane where id = :lane and not exists (select 1 from job where lane = :lane);

-- name: drop_usage
-- Nothing of this accessor is left in this kind.
delete from usage where accessor = :accessor and kind = :kind and kept = 0 and jobs = 0;

-- name: drop_secrets
-- Signing secrets of a removed key, when no job refers to it any more.
delete from signing_secret where key = :key
    and not exists (select 1 from api_key where id = :key)
    and not exists (select 1 from usage where accessor = :key);

-- name: drop_old_keys
-- Idempotency keys that have had their time, along idempotency_key_by_age.
delete from idempotency_key where (accessor, key) in (
    select accessor, key from idempotency_key where until <= :now order by until limit :limit
);

-- name: drop_hours
-- Those of which no job is left. The newest stays.
delete from hour where first in (
    select first from (
        select first, lead(first) over (order by first) as next from hour order by first limit :limit
    ) where next <= (select coalesce(min(number), 0) from job)
);
