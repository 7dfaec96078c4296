-- Audio that keys and projects use in a day.

-- name: count
-- Holders have used so much more on the day of this moment. In order, so that nodes do not wait for each other.
insert into daily_audio (holder, day, seconds)
select used.holder, floor($1::double precision / 86400)::integer, used.seconds
from unnest($2::text[], $3::double precision[]) as used (holder, seconds) order by used.holder
on conflict (holder, day) do update set seconds = daily_audio.seconds + excluded.seconds;

-- name: count_now
-- The same, at this moment.
insert into daily_audio (holder, day, seconds)
select used.holder, floor(ledger_now() / 86400)::integer, used.seconds
from unnest($1::text[], $2::double precision[]) as used (holder, seconds) order by used.holder
on conflict (holder, day) do update set seconds = daily_audio.seconds + excluded.seconds;

-- name: used
-- What some holders have used today; those that have used nothing are missing.
select holder, seconds from daily_audio
where holder = any($1::text[]) and day = floor(ledger_now() / 86400)::integer;

-- name: forget
-- What was used so many days ago, and before.
delete from daily_audio where day < floor(ledger_now() / 86400)::integer - $1::integer;
