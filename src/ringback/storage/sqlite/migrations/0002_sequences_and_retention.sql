-- Sequences, words, allowances, retention, and what a key has of its own.

alter table job add column sequence text;
alter table job add column weight integer not null default 0 check (weight >= 0);
-- For lists by lane, and to see that nothing refers to a lane any more.
create index job_by_lane on job (lane);

-- The jobs from `first` on, up to the next row's, were added in this hour since 1970. One row per change
-- of the hour: lists by time look up a range of numbers here, also after the machine's clock was set back.
create table hour (
    first integer primary key,
    hour integer not null
) strict;
insert into hour (first, hour)
select number, hour from (
    select number, hour, lag(hour) over (order by number) as before
    from (select number, cast(created_at / 3600 as integer) as hour from job)
) where before is null or before <> hour;

-- How a job stands while it is not over: the hot table, small rows, live jobs only. Jobs of one sequence
-- are held until it is their turn. (`in` with three words would make a table of them at each write: 2 µs.)
create table new_live_job (
    number integer primary key references job (number),
    lane integer not null,
    state text not null check (state = 'held' or state = 'queued' or state = 'leased'),
    tries integer not null check (tries >= 0),
    losses integer not null check (losses >= 0),
    due_at real not null,
    code integer,
    token integer not null check (token >= 0),  -- raised at each claim
    holder integer,                             -- the boot that holds the lease
    lease_until real,
    sequence text,                              -- as in `job`
    weight integer not null check (weight >= 0),
    check (state = 'leased' or (holder is null and lease_until is null)),
    check (state <> 'leased' or (holder is not null and lease_until is not null and token > 0)),
    check (state <> 'held' or sequence is not null)
) strict;
insert into new_live_job
    (number, lane, state, tries, losses, due_at, code, token, holder, lease_until, sequence, weight)
select number, lane, state, tries, losses, due_at, code, token, holder, lease_until, null, 0 from live_job;
drop table live_job;
alter table new_live_job rename to live_job;
-- One partial index per state, the state a literal: with a bound parameter SQLite would scan the table.
-- `state` stands in the first once more because only so SQLite sees that it need not look at the rows.
create index live_job_queued on live_job (lane, due_at, state) where state = 'queued';
create index live_job_leased on live_job (lease_until) where state = 'leased';
create index live_job_by_sequence on live_job (sequence) where sequence is not null;
-- Strictly one at a time.
create unique index live_job_in_turn on live_job (sequence) where sequence is not null and state <> 'held';

-- For lists of what is tried again.
create index live_job_by_code on live_job (code) where code >= 300;

-- How a job ended: append-only, but for a parked one that is asked for again.
create table new_ended_job (
    number integer primary key references job (number),
    kind text not null,                         -- these three as in `job`, for the indexes below
    project text not null,
    lane integer not null,
    state text not null check (state = 'done' or state = 'parked' or state = 'cancelled'),
    tries integer not null check (tries >= 0),
    losses integer not null check (losses >= 0),
    due_at real not null,
    token integer not null check (token >= 0),
    finished_at real not null,
    code integer,
    stripped integer not null default 0 check (stripped in (0, 1)),   -- its contents are no longer kept
    result blob,
    check (state <> 'done' or (code is not null and tries > 0))
) strict;
insert into new_ended_job
    (number, kind, project, lane, state, tries, losses, due_at, token, finished_at, code, result)
select ended_job.number, job.kind, job.project, job.lane, ended_job.state, ended_job.tries, ended_job.losses,
    ended_job.due_at, ended_job.token, ended_job.finished_at, ended_job.code, ended_job.result
from ended_job join job on job.number = ended_job.number;
drop table ended_job;
alter table new_ended_job rename to ended_job;
create index ended_job_by_age on ended_job (stripped, kind, finished_at);
-- Lists of what is rare, in order of arrival. Done jobs are not in them, and pay nothing.
create index ended_job_apart on ended_job (project, kind, state) where state <> 'done';
create index ended_job_apart_by_lane on ended_job (lane, state) where state <> 'done';
create index ended_job_by_code on ended_job (project, kind, code) where code >= 300;
create index ended_job_failed on ended_job (project, kind) where code >= 400;

-- A job wherever it stands.
create view job_now as
select job.number, job.id, job.kind, lane.name as lane, job.project, job.payload, job.parent, job.accessor,
    job.method, job.tags, coalesce(live_job.state, ended_job.state) as state,
    coalesce(live_job.tries, ended_job.tries) as tries, coalesce(live_job.losses, ended_job.losses) as losses,
    job.created_at, coalesce(live_job.due_at, ended_job.due_at) as due_at, ended_job.finished_at,
    coalesce(live_job.code, ended_job.code) as code, ended_job.result, job.sequence,
    ended_job.code as ended_code
from job join lane on lane.id = job.lane
left join live_job on live_job.number = job.number
left join ended_job on ended_job.number = job.number;

-- Since when a lane that was full has room again: how long its jobs could have been claimed is counted
-- from there.
alter table lane add column roomy_at real not null default 0;

-- What the jobs of one accessor amount to: the live ones with their weight, and all that are remembered.
create table usage (
    accessor text not null,
    kind text not null,
    jobs integer not null check (jobs >= 0),
    weight integer not null check (weight >= 0),
    kept integer not null check (kept >= 0),
    primary key (accessor, kind)
) strict, without rowid;
insert into usage (accessor, kind, jobs, weight, kept)
select job.accessor, job.kind, count(live_job.number), 0, count(*)
from job left join live_job on live_job.number = job.number
where job.accessor is not null group by job.accessor, job.kind;

-- Callers' words for their wishes. An accessor that is not known is ''.
create table word (
    accessor text not null,
    word text not null,
    job integer not null references job (number),
    wish blob not null,
    until real not null,
    primary key (accessor, word)
) strict, without rowid;
create index word_by_job on word (job);
create index word_by_age on word (until);

alter table api_key add column requests integer check (requests >= 0);
alter table api_key add column queued_bytes integer check (queued_bytes >= 0);
alter table api_key add column schedule text;

-- Of keys, removed ones too: what was accepted with a key is signed with its secrets.
create table signing_secret (
    number integer primary key autoincrement,   -- order of making
    key text not null,
    sealed text not null,
    created_at real not null,
    expires_at real
) strict;
create index signing_secret_by_key on signing_secret (key);
