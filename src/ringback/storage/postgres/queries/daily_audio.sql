-- Audio that keys and projects use in a day.

-- name: count
-- Add to what holders have used today. Rows are sorted, so that nodes do not deadlock.
insert into daily_audio (holder, day, seconds)
select used.holder, floor(ledger_now() / 86400)::integer, used.seconds
from unnest($1::text[], $2::double precision[]) as used (holder, seconds) order by used.holder
on conflict (holder, day) do update set seconds = daily_audio.seconds + excluded.seconds;

-- name: used
-- What some holders have used today; those that have used nothing are missing.
select holder, seconds from daily_audio
where holder = any($1::text[]) and day = floor(ledger_now() / 86400)::integer;

-- name: forget
-- Delete what was used so many days ago, or earlier.
delete from daily_audio where day < floor(ledger_now() / 86400)::integer - $1::integer;
