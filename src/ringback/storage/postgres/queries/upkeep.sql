-- Nodes, the sweep, and the deletion of ended jobs.

-- name: join
-- A process begins to serve; its number.
insert into node (id, host, roles, version, started_at, beat_at)
values ($1, $2, $3, $4, ledger_now(), ledger_now()) returning number;

-- name: beat
-- The process is alive.
update node set beat_at = ledger_now() where number = $1;

-- name: leave
-- It serves no longer.
delete from node where number = $1;

-- name: expire_leases
-- The leases that it still holds: the next sweep of any node returns their jobs to the queue.
update live_job set lease_until = 0 where state = 'leased' and holder = $1;

-- name: forget_nodes
-- Nodes that have not updated their row for a long time.
delete from node where beat_at < ledger_now() - $1::double precision;

-- name: nodes
-- Nodes that serve, or died recently.
select id, host, roles, version, started_at, beat_at, ledger_now() - beat_at as silent from node order by number;

-- name: fix_caps
-- A kind whose lanes have a fixed cap, and no health.
update lane set cap = $2, slots = $2, successes = 0, failures = 0, openings = 0, open_until = 0
where kind = $1 and (cap <> $2 or openings <> 0);

-- name: now
-- The time by the ledger's clock.
select ledger_now();

-- name: today
-- The day since 1970.
select floor(ledger_now() / 86400)::integer;

-- name: see_clock
-- Correct waiting times if the database's clock was set back.
select see_clock();

-- name: expired
-- Expired leases, along live_job_leased.
select job.id, live_job.sequence, live_job.losses from live_job join job on job.number = live_job.number
where live_job.state = 'leased' and live_job.lease_until <= ledger_now()
order by live_job.lease_until limit $1;

-- name: sweep_lock
-- One node at a time does the rest of the sweep.
select pg_try_advisory_xact_lock(7276235117);

-- name: repair
-- Correct the lanes' counters.
select repair();

-- name: make_days
-- Partitions of some days.
select make_days($1, $2);

-- name: drop_days
-- Empty partitions.
select drop_days($1);

-- name: ended
-- Ended jobs that still have their contents, the longest ended first, along ended_job_by_age.
select job_now.* from (
    select number from ended_job
    where stripped = false and kind = $1 and finished_at <= ledger_now() - $2::double precision
    order by finished_at, number limit $3
) as old join job_now on job_now.number = old.number
order by job_now.finished_at, job_now.number;

-- name: strip
-- Remove the contents of ended jobs; jobs that have not ended are unchanged.
with stripped as (
    select job.number, job.day, given.payload, given.result
    from unnest($1::text[], $2::bytea[], $3::bytea[]) as given (id, payload, result)
    join job on job.id = given.id
), ended as (
    update ended_job set result = stripped.result, stripped = true from stripped
    where ended_job.number = stripped.number and ended_job.day = stripped.day
    returning ended_job.number
)
update job set payload = stripped.payload from stripped join ended on ended.number = stripped.number
where job.number = stripped.number returning job.number;

-- name: kinds
-- The kinds of all jobs.
select distinct kind from lane order by kind;

-- name: old
-- Jobs that ended before a time, after a place, along ended_job_by_age; and whether they have children.
select finished_at, number, day, not exists (
    select from job join job as child on child.parent = job.id where job.number = old.number
) as childless
from (
    select ended_job.finished_at, ended_job.number, ended_job.day from ended_job
    where stripped = $1 and kind = $2 and (finished_at, number) > ($3, $4)
        and finished_at <= $5
    order by finished_at, number limit $6
) as old order by finished_at, number;

-- name: drop
-- Delete jobs that have no children.
select * from drop_jobs($1, $2);

-- name: lock
-- Lock those of these jobs that exist, until the end of the transaction.
select number from job where number = any($1::bigint[]) order by number for update;

-- name: clear_up
-- Delete rows to which no job refers any more.
select clear_up($1, $2, $3, $4);

-- name: drop_old_keys
-- Expired idempotency keys, along idempotency_key_by_age.
delete from idempotency_key where (accessor, key) in (
    select accessor, key from idempotency_key where until <= ledger_now() order by until limit $1
);

-- name: drop_hours
-- Hours without jobs. The newest stays.
delete from hour where first in (
    select first from (
        select first, lead(first) over (order by first) as next from hour order by first limit $1
    ) as oldest where next <= (select coalesce(min(number), 0) from job)
);
