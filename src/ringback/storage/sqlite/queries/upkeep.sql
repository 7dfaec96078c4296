-- What a serving process does at its start, and its sweep regularly.

-- name: expired_leases
-- Expired leases, along live_job_leased.
select job.id, live_job.sequence, live_job.losses
from live_job join job on job.number = live_job.number
where live_job.state = 'leased' and live_job.lease_until <= :now
order by live_job.lease_until;

-- name: repair_inflight
-- Correct the lanes' counters by counting the leases. Few jobs are leased at a time.
with leased (lane, jobs) as (
    select live_job.lane, count(*) from live_job where state = 'leased' group by live_job.lane
)
update lane set inflight = coalesce((select jobs from leased where leased.lane = lane.id), 0)
where inflight <> coalesce((select jobs from leased where leased.lane = lane.id), 0);

-- name: record_time
-- The latest time by the ledger's clock.
update ledger set seen_at = :now where one = 1;

-- name: raise_boot
-- Number this process among all that have served from the file; with the latest recorded time.
update ledger set boot = boot + 1 where one = 1 returning boot, seen_at;

-- name: expire_all_leases
-- When a process takes the file over, all leases are those of ended processes.
update live_job set lease_until = :now where state = 'leased';

-- name: shift_due
-- The machine's clock was set back while no process served: without this, a wait of 30 s could take hours.
update live_job set due_at = due_at - :seconds;

-- name: shift_lanes
-- The same for the breakers and the lanes' order.
update lane set open_until = max(open_until - :seconds, 0), served_at = max(served_at - :seconds, 0),
    roomy_at = max(roomy_at - :seconds, 0);

-- name: shift_keys
-- The same for idempotency keys.
update idempotency_key set until = until - :seconds;

-- name: recount_lanes
-- At the start: no lane has jobs in flight, or was served in the future; the first due job is looked up.
update lane set inflight = 0, served_at = min(served_at, :now), roomy_at = min(roomy_at, :now),
    next_due = (select min(due_at) from live_job where live_job.lane = lane.id and state = 'queued');

-- name: fix_caps
-- Kinds whose lanes have a fixed cap, and no health.
update lane set cap = :cap, slots = :cap, successes = 0, failures = 0, openings = 0, open_until = 0
where kind = :kind;

-- name: forget_usage
-- Before `recount_usage`: no accessor has live jobs.
update usage set jobs = 0, weight = 0 where jobs > 0 or weight > 0;

-- name: recount_usage
-- Count the live jobs of each accessor. The cross join makes SQLite begin with the live jobs.
insert into usage (accessor, kind, jobs, weight, kept)
select job.accessor, job.kind, count(*), sum(live_job.weight), count(*)
from live_job cross join job on job.number = live_job.number
where job.accessor is not null group by job.accessor, job.kind
on conflict (accessor, kind) do update set jobs = excluded.jobs, weight = excluded.weight,
    kept = max(kept, excluded.jobs);
