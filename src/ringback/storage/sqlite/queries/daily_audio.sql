-- Audio that keys and projects use in a day.

-- name: count
-- A holder has used so much more.
insert into daily_audio (holder, day, seconds) values (:holder, :day, :seconds)
on conflict (holder, day) do update set seconds = seconds + excluded.seconds;

-- name: used
-- What a holder has used on one day.
select seconds from daily_audio where holder = :holder and day = :day;

-- name: forget
-- What was used before a day.
delete from daily_audio where day < :day;
