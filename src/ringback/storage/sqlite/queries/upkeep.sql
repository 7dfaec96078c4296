-- What is done at the start of a process that serves, and now and then by its sweep.

-- name: expired_leases
-- Leases that ran out, along live_job_leased.
select job.id, live_job.sequence, live_job.losses
from live_job join job on job.number = live_job.number
where live_job.state = 'leased' and live_job.lease_until <= :now
order by live_job.lease_until;

-- name: repair_inflight
-- Count the leases anew: the sweep behind the counters. Few jobs are leased at a time.
with held (lane, jobs) as (
    select live_job.lane, count(*) from live_job where state = 'leased' group by live_job.lane
)
update lane set inflight = coalesce((select jobs from held where held.lane = lane.id), 0)
where inflight <> coalesce((select jobs from held where held.lane = lane.id), 0);

-- name: seen
-- How far the ledger's clock has come.
update ledger set seen_at = :now where one = 1;

-- name: raise_boot
-- A new process serves from this file. And how far the ledger's clock had come when somebody last looked.
update ledger set boot = boot + 1 where one = 1 returning boot, seen_at;

-- name: expire_all_leases
-- Nobody holds a lease when a process takes the file over: all are lost.
update live_job set lease_until = :now where state = 'leased';

-- name: shift_due
-- The machine's clock was set back while nobody served: what waited for 30 s shall not wait for an hour.
update live_job set due_at = due_at - :seconds;

-- name: shift_lanes
-- The same for the breakers and the order of lanes.
update lane set open_until = max(open_until - :seconds, 0), served_at = max(served_at - :seconds, 0),
    roomy_at = max(roomy_at - :seconds, 0);

-- name: shift_keys
-- The same for the idempotency keys that are remembered.
update idempotency_key set until = until - :seconds;

-- name: recount_lanes
-- At the start: the first due job of every lane, nothing in flight, and nothing served later than now.
update lane set inflight = 0, served_at = min(served_at, :now), roomy_at = min(roomy_at, :now),
    next_due = (select min(due_at) from live_job where live_job.lane = lane.id and state = 'queued');

-- name: fix_caps
-- The settings' fixed caps for lanes without health.
update lane set cap = :cap, slots = :cap, successes = 0, failures = 0, openings = 0, open_until = 0
where kind = :kind;

-- name: forget_usage
-- Counted anew: nothing is live …
update usage set jobs = 0, weight = 0 where jobs > 0 or weight > 0;

-- name: recount_usage
-- … but these. The cross join keeps SQLite to the live jobs.
insert into usage (accessor, kind, jobs, weight, kept)
select job.accessor, job.kind, count(*), sum(live_job.weight), count(*)
from live_job cross join job on job.number = live_job.number
where job.accessor is not null group by job.accessor, job.kind
on conflict (accessor, kind) do update set jobs = excluded.jobs, weight = excluded.weight,
    kept = max(kept, excluded.jobs);
