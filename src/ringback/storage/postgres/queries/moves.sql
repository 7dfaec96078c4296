-- The steps of a group of moves, and claims. What they do stands in the migrations.

-- name: begin
-- A node that is stopped in the middle of a group must not keep its lanes locked.
begin;
set local lock_timeout = '5s';
set local statement_timeout = '15s';
set local idle_in_transaction_session_timeout = '5s';

-- name: commit
-- Durable when it returns: synchronous_commit is left alone.
commit;

-- name: rollback
-- Nothing of it has happened.
rollback;

-- name: lock
-- The locks of a group, and its moment.
select * from lock_2($1, $2, $3, $4, $5, $6);

-- name: live
-- How some jobs stand.
select * from live_2($1);

-- name: parked
-- Jobs that may be asked for again.
select job.id, ended_job.number, ended_job.day, ended_job.token, ended_job.lane, ended_job.kind, job.accessor,
    job.sequence, job.weight
from job join ended_job on ended_job.number = job.number and ended_job.day = job.day
where job.id = any($1) and ended_job.state = 'parked';

-- name: words
-- What was asked with these words, if they are still remembered.
select word.accessor, word.word, job.id, word.wish
from unnest($1::text[], $2::text[]) as said (accessor, word)
join word on word.accessor = said.accessor and word.word = said.word
join job on job.number = word.job
where word.until > $3;

-- name: usage
-- What accessors have live in some kinds; theirs to change until the end of the group.
select usage.accessor, usage.kind, usage.jobs, usage.weight
from usage join unnest($1::text[], $2::text[]) as asked (accessor, kind)
    on usage.accessor = asked.accessor and usage.kind = asked.kind
order by usage.accessor, usage.kind for update of usage;

-- name: make_usage
-- A row to lock for each.
insert into usage (accessor, kind, jobs, weight, kept)
select asked.accessor, asked.kind, 0, 0, 0 from unnest($1::text[], $2::text[]) as asked (accessor, kind)
order by asked.accessor, asked.kind on conflict do nothing;

-- name: add
-- New jobs.
select add_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18);

-- name: remember
-- Words of new jobs.
select remember_2($1, $2, $3, $4, $5, $6);

-- name: end
-- Live jobs end.
select end_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: record
-- Tries.
select record_2($1, $2, $3, $4, $5, $6, $7, $8);

-- name: queue
-- Leased jobs wait again.
select queue_2($1, $2, $3, $4, $5);

-- name: extend
-- Leases last longer.
select extend_2($1, $2);

-- name: leave_parked
-- parked → queued, first half.
delete from ended_job using unnest($1::bigint[], $2::integer[]) as asked (number, day)
where ended_job.number = asked.number and ended_job.day = asked.day and ended_job.state = 'parked';

-- name: enter_live
-- parked → queued, or held, second half. The token goes on from where it was: an old lease stays refused.
insert into live_job (number, lane, state, due_at, token, sequence, weight)
select again.number, again.lane, again.state, $1::double precision, again.token, again.sequence, again.weight
from unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bigint[])
    as again (number, lane, state, token, sequence, weight);

-- name: park_behind
-- Those held behind parked ones.
select * from park_behind_2($1, $2, $3);

-- name: finish
-- Sequences, use and lanes.
select finish_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: claim
-- Due jobs of one kind.
select * from claim_2($1, $2, $3, $4);

-- name: ready_callers
-- The lanes that may be served now, those that have waited longest first, along lane_ready.
select id, name, (case when openings > 0 then 1 else cap end) - inflight as room
from lane where kind = $1 and ready_at <= ledger_now() order by ready_at, served, id limit $2;

-- name: claim_shared
-- Due jobs of some lanes, so many of each.
select * from claim_6($1, $2, $3, $4);

-- name: outcome
-- Whether a transaction was committed whose answer was lost: null, 'in progress', 'committed' or 'aborted'.
select pg_xact_status($1::text::xid8);
