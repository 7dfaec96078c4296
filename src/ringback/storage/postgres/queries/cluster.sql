-- What nodes share beside jobs.

-- name: show_progress
-- The progress of some recordings. It need not survive a crash.
insert into progress (job, seconds, duration, at)
select reached.job, reached.seconds, reached.duration, ledger_now()
from unnest($1::text[], $2::double precision[], $3::double precision[]) as reached (job, seconds, duration)
order by reached.job
on conflict (job) do update set seconds = excluded.seconds, duration = excluded.duration, at = excluded.at;

-- name: forget_progress
-- Recordings whose progress has not changed for so many seconds have ended. Along progress_by_age.
delete from progress where at < ledger_now() - $1::double precision;

-- name: progress
-- The progress of one recording.
select seconds, duration from progress where job = $1;

-- name: take_turn
-- Ours, if no node has taken the turn within so many seconds. If another node took it while we waited for the
-- row, its time may be later than ours: then it is not ours. A time far in the future is from before the clock
-- was set back.
insert into turn as last (round, taken_at) values ($1, ledger_now())
on conflict (round) do update set taken_at = excluded.taken_at
where last.taken_at <= excluded.taken_at - $2::double precision
    or last.taken_at > excluded.taken_at + greatest($2::double precision, 60)
returning true;
