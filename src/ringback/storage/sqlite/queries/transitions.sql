-- Every change of a job, one named statement each. All run in the writer's transaction.

-- name: lane_by_name
-- The lane that a new job stands in.
select id, next_due from lane where kind = :kind and name = :name;

-- name: open_lane
-- The first job for a lane makes it.
insert into lane (kind, name, cap, next_due) values (:kind, :name, :cap, :next_due) returning id;

-- name: add_job
-- What was asked. An id that is already there breaks the unique constraint.
insert into job (id, kind, lane, project, payload, parent, accessor, method, tags, created_at, sequence, weight)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: queue_job
-- A new job's first state.
insert into live_job (number, lane, state, tries, losses, due_at, token, sequence, weight)
values (?, ?, 'queued', 0, 0, ?, 0, null, ?);

-- name: hold_job
-- A new job's first state in a sequence, until it is seen to be its turn.
insert into live_job (number, lane, state, tries, losses, due_at, token, sequence, weight)
values (?, ?, 'held', 0, 0, ?, 0, ?, ?);

-- name: begin_job
-- A new job's first state when its adder works on it.
insert into live_job (number, lane, state, tries, losses, due_at, token, holder, lease_until, weight)
values (?, ?, 'leased', 0, 0, ?, 1, ?, ?, ?);

-- name: lane_begun
-- A job is in flight here that nobody claimed.
update lane set inflight = inflight + 1 where id = ?;

-- name: last_hour
-- The hour in which the newest job was added.
select hour from hour order by first desc limit 1;

-- name: open_hour
-- From this job on, another hour.
insert into hour (first, hour) values (?, ?);

-- name: lane_due_earlier
-- A job has come to the lane that is due before all others there.
update lane set next_due = :due_at where id = :lane and (next_due is null or next_due > :due_at);

-- name: ready_lanes
-- The lanes that may be served now, those that have waited longest first: one walk along lane_ready.
select id, name, (case when openings > 0 then 1 else cap end) - inflight as room
from lane where kind = :kind and ready_at <= :now
order by ready_at, served limit :limit;

-- name: due_jobs
-- The jobs of one lane that are due, oldest first, along live_job_queued.
select live_job.number, job.id, job.project, job.payload, job.parent, job.accessor, job.method, job.tags,
    live_job.tries, live_job.losses, job.created_at, live_job.due_at, live_job.code, live_job.token,
    live_job.sequence
from live_job join job on job.number = live_job.number
where live_job.lane = :lane and live_job.state = 'queued' and live_job.due_at <= :now
order by live_job.due_at limit :limit;

-- name: lease_job
-- queued → leased. The raised token fences off whoever held it before.
update live_job set state = 'leased', token = token + 1, holder = ?, lease_until = ?
where number = ? and state = 'queued';

-- name: lane_served
-- After a claim: what is in flight, and which job is now the first.
update lane set inflight = inflight + :claimed, served_at = :now, served = :served,
    next_due = (select min(due_at) from live_job where live_job.lane = :lane and state = 'queued')
where id = :lane;

-- name: leased_job
-- The job of a lease that is still held; no row: the lease was lost.
select number, lane, state, tries, losses, due_at, code, token, sequence, weight from live_job
where number = (select number from job where id = ?) and token = ? and state = 'leased';

-- name: leave_leased
-- leased → ended, first half, for whoever still holds the lease; no row: it was lost.
delete from live_job
where number = (select number from job where id = ?) and token = ? and state = 'leased'
returning number, lane, state, tries, losses, due_at, code, token, sequence, weight;

-- name: live_job
-- A job that may be cancelled.
select live_job.number, live_job.lane, live_job.state, live_job.tries, live_job.losses, live_job.due_at,
    live_job.code, live_job.token, live_job.sequence, live_job.weight, job.id, job.kind, job.project, job.accessor
from job join live_job on live_job.number = job.number
where job.id = ?;

-- name: extend_lease
-- A longer lease for whoever still holds it.
update live_job set lease_until = :until
where number = (select number from job where id = :id) and token = :token and state = 'leased';

-- name: leave_live
-- held, queued or leased → ended, first half.
delete from live_job where number = ?;

-- name: enter_ended
-- held, queued or leased → ended, second half.
insert into ended_job
    (number, kind, project, lane, state, tries, losses, due_at, token, finished_at, code, result)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: requeue_leased
-- leased → queued, for a retry, an interruption or a lost lease.
update live_job set state = 'queued', holder = null, lease_until = null,
    due_at = ?, tries = ?, losses = ?, code = ?
where number = ? and state = 'leased';

-- name: lane_released
-- A job of this lane is no longer in flight.
update lane set inflight = max(inflight - 1, 0),
    roomy_at = case when inflight < (case when openings > 0 then 1 else cap end) then roomy_at else :now end
where id = :lane;

-- name: lane_health
-- What the last attempts said of a lane.
select cap, successes, failures, openings, open_until from lane where id = ?;

-- name: lane_settled
-- Some jobs of this lane are no longer in flight, and this is what their attempts said of it.
update lane set inflight = max(inflight - ?, 0), cap = ?, successes = ?, failures = ?, openings = ?,
    open_until = ?,
    roomy_at = case when inflight < (case when openings > 0 then 1 else cap end) then roomy_at else ? end
where id = ?;

-- name: lane_first_due
-- A queued job has left: which is the first one now?
update lane set next_due =
    (select min(due_at) from live_job where live_job.lane = :lane and state = 'queued')
where id = :lane;

-- name: record_attempt
-- One try that is over.
insert into attempt (job, token, started_at, ended_at, outcome, code, detail) values (?, ?, ?, ?, ?, ?, ?);

-- name: expired_leases
-- Leases that ran out, along live_job_leased.
select live_job.number, live_job.lane, live_job.state, live_job.tries, live_job.losses, live_job.due_at,
    live_job.code, live_job.token, live_job.sequence, live_job.weight, job.id, job.kind, job.project, job.accessor
from live_job join job on job.number = live_job.number
where live_job.state = 'leased' and live_job.lease_until <= :now
order by live_job.lease_until;

-- name: parked_job
-- A job that may be asked for again.
select ended_job.number, ended_job.token, ended_job.lane, ended_job.kind, job.accessor, job.sequence, job.weight
from job join ended_job on ended_job.number = job.number
where job.id = ? and ended_job.state = 'parked';

-- name: leave_parked
-- parked → queued, first half.
delete from ended_job where number = ? and state = 'parked';

-- name: enter_live
-- parked → queued, or held, second half. The token goes on from where it was: an old lease stays refused.
insert into live_job (number, lane, state, tries, losses, due_at, token, sequence, weight)
values (?, ?, ?, 0, 0, ?, ?, ?, ?);

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
-- A new process serves from this file.
update ledger set boot = boot + 1 where one = 1 returning boot;

-- name: seen_at
-- How far the ledger's clock had come when somebody last looked.
select seen_at from ledger where one = 1;

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

-- name: shift_words
-- The same for the words that are remembered.
update word set until = until - :seconds;

-- name: recount_lanes
-- At the start: the first due job of every lane, nothing in flight, and nothing served later than now.
update lane set inflight = 0, served_at = min(served_at, :now), roomy_at = min(roomy_at, :now),
    next_due = (select min(due_at) from live_job where live_job.lane = lane.id and state = 'queued');

-- name: last_served
-- Where the count that breaks ties goes on.
select coalesce(max(served), 0) from lane;

-- name: fix_caps
-- The settings' fixed caps for lanes without health.
update lane set cap = :cap, successes = 0, failures = 0, openings = 0, open_until = 0 where kind = :kind;
