-- Jobs that are worked on strictly one at a time, in the order in which they were added.

-- name: in_turn
-- The one job of a sequence that is not held, if any.
select number, lane, state from live_job
where sequence = :sequence and sequence is not null and state <> 'held';

-- name: first_of_sequence
-- The live job that was added first.
select live_job.number, live_job.lane, live_job.due_at, lane.kind
from live_job join lane on lane.id = live_job.lane
where live_job.sequence = :sequence order by live_job.number limit 1;

-- name: hold
-- queued → held.
update live_job set state = 'held' where number = ? and state = 'queued';

-- name: release
-- held → queued: the one before it has ended.
update live_job set state = 'queued', due_at = ? where number = ? and state = 'held';

-- name: held_behind
-- The held jobs that were added after another.
select live_job.number, live_job.lane, live_job.state, live_job.tries, live_job.losses, live_job.due_at,
    live_job.code, live_job.token, live_job.sequence, live_job.weight, job.id, job.kind, job.project, job.accessor
from live_job join job on job.number = live_job.number
where live_job.sequence = :sequence and live_job.number > :number and live_job.state = 'held'
order by live_job.number;
