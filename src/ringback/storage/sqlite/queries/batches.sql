-- What a batch of commands reads and writes: see `jobs.records`. All run in the writer's transaction.

-- fragment: live_columns
-- A `jobs.records.LiveJob`.
job.id, job.kind, job.project, job.accessor, live_job.number, live_job.lane, live_job.state,
    live_job.tries, live_job.losses, live_job.due_at, live_job.code, live_job.token, live_job.lease_until,
    live_job.sequence, live_job.weight, 0 as partition

-- fragment: lane_columns
-- A `jobs.records.LaneRecord`.
lane.id, lane.kind, lane.name, lane.cap, lane.inflight, lane.next_due, lane.successes, lane.failures,
    lane.openings, lane.open_until, lane.roomy_at

-- name: live_jobs
-- Live jobs by their ids, a JSON array.
select {live_columns}
from json_each(:ids) as given cross join job on job.id = given.value
cross join live_job on live_job.number = job.number;

-- name: next_in_sequence
-- Of one sequence: the job that is not held, and the first one whose number is not in `numbers`, a JSON array.
select {live_columns}
from (
    select number from (
        select number from live_job where sequence = :sequence
        and number not in (select value from json_each(:numbers)) order by number limit 1
    )
    union select number from live_job
    where sequence = :sequence and sequence is not null and state <> 'held'
) as next cross join live_job on live_job.number = next.number cross join job on job.number = next.number;

-- name: whole_sequence
-- All live jobs of one sequence.
select {live_columns}
from live_job join job on job.number = live_job.number where live_job.sequence = :sequence;

-- name: parked_jobs
-- Jobs that can be sent again; `ids` is a JSON array.
select job.id, job.kind, job.project, job.accessor, ended_job.number, ended_job.lane, ended_job.token,
    job.sequence, job.weight, 0 as partition
from json_each(:ids) as given cross join job on job.id = given.value
cross join ended_job on ended_job.number = job.number
where ended_job.state = 'parked';

-- name: lanes_by_name
-- The lanes of new jobs; `lanes` is a JSON array of kinds and names.
select {lane_columns}
from json_each(:lanes) as given
cross join lane on lane.kind = given.value ->> 0 and lane.name = given.value ->> 1;

-- name: lanes_by_id
-- The lanes of existing jobs; `ids` is a JSON array.
select {lane_columns}
from json_each(:ids) as given cross join lane on lane.id = given.value;

-- name: open_lane
-- The first job for a lane makes it.
insert into lane (kind, name, cap, slots) values (:kind, :name, :cap, :cap)
returning id, kind, name, cap, inflight, next_due, successes, failures, openings, open_until, roomy_at;

-- name: known_keys
-- The requests of idempotency keys that have not expired; `keys` is a JSON array of accessors and keys.
select idempotency_key.accessor, idempotency_key.key, job.id, idempotency_key.fingerprint
from json_each(:keys) as given cross join idempotency_key
    on idempotency_key.accessor = given.value ->> 0 and idempotency_key.key = given.value ->> 1
cross join job on job.number = idempotency_key.job
where idempotency_key.until > :now;

-- name: usages
-- Number and weight of live jobs; `usages` is a JSON array of accessors and kinds.
select usage.accessor, usage.kind, usage.jobs, usage.weight
from json_each(:usages) as given
cross join usage on usage.accessor = given.value ->> 0 and usage.kind = given.value ->> 1;

-- name: last_number
-- The largest number that a job has had.
select coalesce(max(seq), 0) as number from sqlite_sequence where name = 'job';

-- name: leave_parked
-- parked → queued or held, first half.
delete from ended_job where number = :number and state = 'parked';

-- name: leave_live
-- held, queued or leased → ended, first half.
delete from live_job where number = :number;

-- name: move_live
-- The new state of a live job. A job that is not leased has no holder.
update live_job set state = :state, tries = :tries, losses = :losses, due_at = :due_at, code = :code,
    lease_until = :lease_until, holder = case when :state = 'leased' then holder end
where number = :number;

-- name: add_job
-- An id that is already there violates the unique constraint.
insert into job
    (number, id, kind, lane, project, payload, parent, accessor, method, tags, created_at, sequence, weight)
values (:number, :id, :kind, :lane, :project, :payload, :parent, :accessor, :method, :tags, :created_at,
    :sequence, :weight);

-- name: open_hour
-- This job is the first of a new hour.
insert into hour (first, hour)
select :first, :hour where :hour is not (select hour from hour order by first desc limit 1);

-- name: enter_live
-- The first state of a new job, or of a parked job that is sent again.
insert into live_job
    (number, lane, state, tries, losses, due_at, token, holder, lease_until, sequence, weight)
values (:number, :lane, :state, 0, 0, :due_at, :token, :holder, :lease_until, :sequence, :weight);

-- name: enter_ended
-- held, queued or leased → ended, second half.
insert into ended_job
    (number, kind, project, lane, state, tries, losses, due_at, token, finished_at, code, result)
values (:number, :kind, :project, :lane, :state, :tries, :losses, :due_at, :token, :finished_at, :code,
    :result);

-- name: record_attempt
-- One attempt that has ended.
insert into attempt (job, token, started_at, ended_at, outcome, code, detail)
values (:job, :token, :started_at, :ended_at, :outcome, :code, :detail);

-- name: remember_key
-- From now on the key means this job. A row that is there has expired.
insert into idempotency_key (accessor, key, job, fingerprint, until)
values (:accessor, :key, :job, :fingerprint, :until)
on conflict (accessor, key) do update
    set job = excluded.job, fingerprint = excluded.fingerprint, until = excluded.until;

-- name: change_usage
-- Jobs were added, have ended, or are sent again.
insert into usage (accessor, kind, jobs, weight, kept)
values (:accessor, :kind, max(:jobs, 0), max(:weight, 0), max(:kept, 0))
on conflict (accessor, kind) do update set
    jobs = max(jobs + :jobs, 0), weight = max(weight + :weight, 0), kept = max(kept + :kept, 0);

-- name: change_lane
-- A lane at the end of the batch.
update lane set inflight = :inflight, next_due = :next_due, roomy_at = :roomy_at, cap = :cap,
    successes = :successes, failures = :failures, openings = :openings, open_until = :open_until, slots = :slots
where id = :id;

-- name: find_next_due
-- A queued job has left the lane: when is the first of the others due?
update lane set next_due =
    (select min(due_at) from live_job where live_job.lane = :id and state = 'queued')
where id = :id;

-- name: number_of
-- The number of the job with this id.
select number from job where id = :id;
