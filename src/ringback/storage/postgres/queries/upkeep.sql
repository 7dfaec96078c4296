-- Nodes, the sweep, and what becomes of jobs that have ended.

-- name: join
-- A process serves from now on; its number.
insert into node (id, host, roles, version, started_at, beat_at)
values ($1, $2, $3, $4, ledger_now(), ledger_now()) returning number;

-- name: beat
-- It is alive.
update node set beat_at = ledger_now() where number = $1;

-- name: leave
-- It serves no longer …
delete from node where number = $1;

-- name: let_go
-- … and whatever it still held is lost: the next sweep of any node returns it to the queue.
update live_job set lease_until = 0 where state = 'leased' and holder = $1;

-- name: forget_nodes
-- Those that have not been heard of for days.
delete from node where beat_at < ledger_now() - $1::double precision;

-- name: nodes
-- Those that serve, or died lately.
select id, host, roles, version, started_at, beat_at, ledger_now() - beat_at as silent from node order by number;

-- name: fix_caps
-- The settings' fixed caps for lanes without health.
update lane set cap = $2, slots = $2, successes = 0, failures = 0, openings = 0, open_until = 0
where kind = $1 and (cap <> $2 or openings <> 0);

-- name: now
-- What the ledger's clock says.
select ledger_now();

-- name: today
-- The day since 1970.
select floor(ledger_now() / 86400)::integer;

-- name: see_clock
-- Has the database's clock been set back?
select see_clock();

-- name: expired
-- Leases that ran out, along live_job_leased.
select job.id, live_job.sequence, live_job.losses from live_job join job on job.number = live_job.number
where live_job.state = 'leased' and live_job.lease_until <= ledger_now()
order by live_job.lease_until limit $1;

-- name: sweep_lock
-- One node at a time does the rest of the sweep.
select pg_try_advisory_xact_lock(7276235117);

-- name: repair
-- The counters of the lanes.
select repair();

-- name: make_days
-- Partitions of some days.
select make_days($1, $2);

-- name: drop_days
-- Partitions of which nothing is left.
select drop_days($1);

-- name: ended
-- Those that still have their contents, the longest ended of them, along ended_job_by_age.
select job_now.* from (
    select number from ended_job
    where stripped = false and kind = $1 and finished_at <= ledger_now() - $2::double precision
    order by finished_at, number limit $3
) as old join job_now on job_now.number = old.number
order by job_now.finished_at, job_now.number;

-- name: strip
-- Contents that are no longer kept; a job that has not ended is left alone.
with told as (
    select job.number, job.day, said.payload, said.result
    from unnest($1::text[], $2::bytea[], $3::bytea[]) as said (id, payload, result)
    join job on job.id = said.id
), ended as (
    update ended_job set result = told.result, stripped = true from told
    where ended_job.number = told.number and ended_job.day = told.day
    returning ended_job.number
)
update job set payload = told.payload from told join ended on ended.number = told.number
where job.number = told.number returning job.number;

-- name: kinds
-- Of all jobs that there are.
select distinct kind from lane order by kind;

-- name: old
-- Some that ended long ago, from a place on, along ended_job_by_age; and whether others follow from them.
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
-- Some jobs.
select * from drop_jobs($1, $2);

-- name: lock
-- Of these those that are there still, until the end of the transaction.
select number from job where number = any($1::bigint[]) order by number for update;

-- name: clear_up
-- What they were the last to refer to.
select clear_up($1, $2, $3, $4);

-- name: drop_old_keys
-- Idempotency keys that have had their time, along idempotency_key_by_age.
delete from idempotency_key where (accessor, key) in (
    select accessor, key from idempotency_key where until <= ledger_now() order by until limit $1
);

-- name: drop_hours
-- Those of which no job is left. The newest stays.
delete from hour where first in (
    select first from (
        select first, lead(first) over (order by first) as next from hour order by first limit $1
    ) as oldest where next <= (select coalesce(min(number), 0) from job)
);
