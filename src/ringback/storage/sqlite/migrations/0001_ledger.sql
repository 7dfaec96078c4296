-- The ledger: jobs, their lanes and attempts, API keys and projects. Times are Unix seconds.

-- One row about the file itself.
create table ledger (
    one integer primary key check (one = 1),
    boot integer not null check (boot >= 0),    -- raised by each process that serves from this file
    seen_at real not null                       -- a recent moment by the ledger's clock
) strict;
insert into ledger (one, boot, seen_at) values (1, 0, 0);

create table project (
    id text primary key,
    name text not null
) strict, without rowid;

create table api_key (
    id text primary key,
    project text not null references project (id),
    comment text not null,
    scopes text not null check (json_valid(scopes)),
    tags text not null check (json_valid(tags)),
    created_at real not null,
    expires_at real,
    hash blob not null unique
) strict, without rowid;
create index api_key_by_project on api_key (project, created_at);

-- Jobs of one lane share its cap and its breaker. `ready_at` is the moment from which a claim may take
-- a job here; null while nothing waits or there is no room. A lane that was just served stands behind
-- those that were not: that makes a claim round robin, and one walk along one index.
create table lane (
    id integer primary key,
    kind text not null,
    name text not null,
    cap integer not null check (cap >= 1),
    inflight integer not null default 0 check (inflight >= 0),
    next_due real,                                               -- of its queued jobs
    served_at real not null default 0,
    served integer not null default 0,                           -- breaks ties of served_at
    successes integer not null default 0 check (successes >= 0), -- since the cap last moved
    failures integer not null default 0 check (failures >= 0),   -- in a row
    openings integer not null default 0 check (openings >= 0),   -- of the breaker, in a row; 0: closed
    open_until real not null default 0,
    ready_at real generated always as (
        case when next_due is not null and inflight < (case when openings > 0 then 1 else cap end)
            then max(next_due, open_until, served_at) end
    ) virtual,
    unique (kind, name)
) strict;
create index lane_ready on lane (kind, ready_at, served) where ready_at is not null;

-- What was asked: written once, never changed, so that its indexes are paid for once.
create table job (
    number integer primary key autoincrement,   -- order of arrival, and the key of pages
    id text not null unique,
    kind text not null,
    lane integer not null references lane (id),
    project text not null,
    payload blob not null,
    parent text,
    accessor text,
    method text not null,
    tags text not null,
    created_at real not null
) strict;
create index job_by_project on job (project, kind, number);
create index job_by_parent on job (parent) where parent is not null;

-- How a job stands while it is not over: the hot table, small rows, live jobs only.
create table live_job (
    number integer primary key references job (number),
    lane integer not null,
    state text not null check (state in ('queued', 'leased')),
    tries integer not null check (tries >= 0),
    losses integer not null check (losses >= 0),
    due_at real not null,
    code integer,
    token integer not null check (token >= 0),  -- raised at each claim
    holder integer,                             -- the boot that holds the lease
    lease_until real,
    check (state <> 'queued' or (holder is null and lease_until is null)),
    check (state <> 'leased' or (holder is not null and lease_until is not null and token > 0))
) strict;
-- One partial index per state, the state a literal: with a bound parameter SQLite would scan the table.
-- `state` stands in the first once more because only so SQLite sees that it need not look at the rows.
create index live_job_queued on live_job (lane, due_at, state) where state = 'queued';
create index live_job_leased on live_job (lease_until) where state = 'leased';

-- How a job ended: append-only, but for a parked one that is asked for again.
create table ended_job (
    number integer primary key references job (number),
    state text not null check (state in ('done', 'parked', 'cancelled')),
    tries integer not null check (tries >= 0),
    losses integer not null check (losses >= 0),
    due_at real not null,
    token integer not null check (token >= 0),
    finished_at real not null,
    code integer,
    result blob,
    check (state <> 'done' or (code is not null and tries > 0))
) strict;

-- Tries that are over; the token of the lease tells them apart.
create table attempt (
    job integer not null references job (number),
    token integer not null check (token > 0),
    started_at real not null,
    ended_at real not null,
    outcome text not null,
    code integer,
    detail blob not null,
    primary key (job, token)
) strict, without rowid;
