-- What nodes tell one another beside jobs.

-- name: show_progress
-- How far these recordings are. Nobody waits for it: it need not be durable.
insert into progress (job, seconds, duration, at)
select told.job, told.seconds, told.duration, ledger_now()
from unnest($1::text[], $2::double precision[], $3::double precision[]) as told (job, seconds, duration)
order by told.job
on conflict (job) do update set seconds = excluded.seconds, duration = excluded.duration, at = excluded.at;

-- name: forget_progress
-- Of recordings that have not moved for so many seconds: they have ended. Along progress_by_age.
delete from progress where at < ledger_now() - $1::double precision;

-- name: progress
-- How far one recording is.
select seconds, duration from progress where job = $1;

-- name: take_turn
-- Ours, if nobody has set out within so many seconds. What another node is just taking is not ours, although its
-- moment may lie behind ours, by as long as we waited for it; one far ahead is of a clock that was set back.
insert into turn as last (round, taken_at) values ($1, ledger_now())
on conflict (round) do update set taken_at = excluded.taken_at
where last.taken_at <= excluded.taken_at - $2::double precision
    or last.taken_at > excluded.taken_at + greatest($2::double precision, 60)
returning true;
