-- Audio that keys and projects use in a day.

-- name: count
-- Add to what a holder has used on a day.
insert into daily_audio (holder, day, seconds) values (:holder, :day, :seconds)
on conflict (holder, day) do update set seconds = seconds + excluded.seconds;

-- name: used
-- What a holder has used on one day.
select seconds from daily_audio where holder = :holder and day = :day;

-- name: forget
-- Delete what was used before a day.
delete from daily_audio where day < :day;
