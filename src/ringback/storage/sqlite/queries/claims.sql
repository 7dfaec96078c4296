-- Claims, in the writer's transaction.

-- name: ready_lanes
-- The lanes that are ready, the longest waiting first: one walk along lane_ready.
select id, name, slots - inflight as room
from lane where kind = :kind and ready_at <= :now order by ready_at, served limit :limit;

-- name: due_jobs
-- The jobs of one lane that are due, oldest first, along live_job_queued; with the token of the new lease.
select live_job.number, job.id, :kind as kind, :name as lane, job.project, job.payload, job.parent, job.accessor,
    job.method, job.tags, live_job.tries, live_job.losses, job.created_at, live_job.due_at, live_job.code,
    live_job.token + 1 as token, live_job.sequence
from live_job join job on job.number = live_job.number
where live_job.lane = :lane and live_job.state = 'queued' and live_job.due_at <= :now
order by live_job.due_at limit :share;

-- name: lease_job
-- queued → leased. The higher token invalidates every lease before.
update live_job set state = 'leased', token = token + 1, holder = :holder, lease_until = :until
where number = :number and state = 'queued';

-- name: lane_served
-- After a claim: the jobs in flight, and when the first of the others is due.
update lane set inflight = inflight + :claimed, served_at = :now, served = :served,
    next_due = (select min(due_at) from live_job where live_job.lane = :lane and state = 'queued')
where id = :lane;

-- name: last_served
-- The last value of the counter that breaks ties of served_at.
select coalesce(max(served), 0) as served from lane;
