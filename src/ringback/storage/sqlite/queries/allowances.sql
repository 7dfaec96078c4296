-- What the jobs of an accessor amount to, and the words by which its wishes are known again.

-- name: usage
-- The live jobs of one accessor in one kind, and their weight.
select jobs, weight from usage where accessor = ? and kind = ?;

-- name: use
-- Jobs were added, ended or asked for again.
insert into usage (accessor, kind, jobs, weight, kept) values (?1, ?2, max(?3, 0), max(?4, 0), max(?5, 0))
on conflict (accessor, kind) do update set
    jobs = max(jobs + ?3, 0), weight = max(weight + ?4, 0), kept = max(kept + ?5, 0);

-- name: forget_usage
-- Counted anew: nothing is live …
update usage set jobs = 0, weight = 0 where jobs > 0 or weight > 0;

-- name: recount_usage
-- … but these. The cross join keeps SQLite to the live jobs.
insert into usage (accessor, kind, jobs, weight, kept)
select job.accessor, job.kind, count(*), sum(live_job.weight), count(*)
from live_job cross join job on job.number = live_job.number
where job.accessor is not null group by job.accessor, job.kind
on conflict (accessor, kind) do update set jobs = excluded.jobs, weight = excluded.weight,
    kept = max(kept, excluded.jobs);

-- name: word
-- What was asked with this word, if it is still remembered.
select job.id, word.wish from word join job on job.number = word.job
where word.accessor = ? and word.word = ? and word.until > ?;

-- name: remember_word
-- From now on the word means this job. One that is there has had its time.
insert into word (accessor, word, job, wish, until) values (?, ?, ?, ?, ?)
on conflict (accessor, word) do update set job = excluded.job, wish = excluded.wish, until = excluded.until;
