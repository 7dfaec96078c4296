-- The ledger as a new file gets it: jobs, their lanes and attempts, API keys and projects. Times are Unix
-- seconds. Older files are brought to the same shape by `migrations`.

-- One row about the file itself.
create table ledger (
    one integer primary key check (one = 1),
    boot integer not null check (boot >= 0),    -- raised by each process that serves from this file
    seen_at real not null,                      -- a recent moment by the ledger's clock
    blob_store text                             -- identity of the store that recordings and results lie in
) strict;
insert into ledger (one, boot, seen_at) values (1, 0, 0);

-- The operator's project is the first: the oldest, and never deleted.
create table project (
    id text primary key,
    name text not null,
    created_at real not null default 0,
    deleted_at real                             -- it is no longer found; the row stays until its jobs are deleted
) strict, without rowid;

create table api_key (
    id text primary key,
    project text not null references project (id),
    comment text not null,
    scopes text not null check (json_valid(scopes)),
    tags text not null check (json_valid(tags)),
    created_at real not null,
    expires_at real,
    hash blob not null unique,
    requests integer check (requests >= 0),
    queued_bytes integer check (queued_bytes >= 0),
    schedule text,
    daily_audio_seconds integer check (daily_audio_seconds >= 0)
) strict, without rowid;
create index api_key_by_project on api_key (project, created_at);

-- Also of removed keys: callbacks of requests that were accepted with a key are signed with its secrets.
create table signing_secret (
    number integer primary key autoincrement,   -- order of making
    key text not null,
    sealed text not null,
    created_at real not null,
    expires_at real
) strict;
create index signing_secret_by_key on signing_secret (key);

-- Requests that are being erased; a row stays until its request is erased.
create table erasing (
    request text primary key,
    asked_at real not null
) strict, without rowid;
create index erasing_by_age on erasing (asked_at);

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
    roomy_at real not null default 0,                            -- since when it has room again
    slots integer not null default 1 check (slots >= 1),         -- as `jobs.lane.Health.slots` says
    ready_at real generated always as (
        case when next_due is not null and inflight < slots then max(next_due, open_until, served_at) end
    ) virtual,
    unique (kind, name)
) strict;
create index lane_ready on lane (kind, ready_at, served) where ready_at is not null;

-- What was requested: written once and never changed, so that its indexes are written once.
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
    created_at real not null,
    sequence text,
    weight integer not null default 0 check (weight >= 0)
) strict;
create index job_by_project on job (project, kind, number);
create index job_by_parent on job (parent) where parent is not null;
-- For pages by lane, and to find lanes to which no job refers any more.
create index job_by_lane on job (lane);

-- The jobs from `first` on, up to the next row's, were added in this hour since 1970. One row per change
-- of the hour: lists by time look up a range of numbers here, also after the machine's clock was set back.
create table hour (
    first integer primary key,
    hour integer not null
) strict;

-- The state of live jobs: a small table that changes often. Jobs of one sequence are held until it is their turn.
-- (`in` with three values would make a temporary table at each write: 2 µs.)
create table live_job (
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
-- One partial index per state, the state a literal: with a bound parameter SQLite would scan the table.
-- The first repeats `state` as a column, because SQLite uses it as a covering index only then.
create index live_job_queued on live_job (lane, due_at, state) where state = 'queued';
create index live_job_leased on live_job (lease_until) where state = 'leased';
create index live_job_by_sequence on live_job (sequence) where sequence is not null;
-- Strictly one at a time.
create unique index live_job_in_turn on live_job (sequence) where sequence is not null and state <> 'held';
-- For pages of live jobs by the code of their last attempt.
create index live_job_by_code on live_job (code) where code >= 300;

-- How a job ended: append-only, except for a parked job that is sent again.
create table ended_job (
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
create index ended_job_by_age on ended_job (stripped, kind, finished_at);
-- For pages of rare jobs, in order of arrival. Done jobs are not in these indexes, and cost nothing.
create index ended_job_apart on ended_job (project, kind, state) where state <> 'done';
create index ended_job_apart_by_lane on ended_job (lane, state) where state <> 'done';
create index ended_job_by_code on ended_job (project, kind, code) where code >= 300;
create index ended_job_failed on ended_job (project, kind) where code >= 400;

-- Attempts that have ended, by the token of their lease.
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

-- A job, live or ended.
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

-- The jobs of one accessor: number and weight of live ones, and the number of all.
create table usage (
    accessor text not null,
    kind text not null,
    jobs integer not null check (jobs >= 0),
    weight integer not null check (weight >= 0),
    kept integer not null check (kept >= 0),
    primary key (accessor, kind)
) strict, without rowid;

-- Callers' idempotency keys. An accessor that is not known is ''.
create table idempotency_key (
    accessor text not null,
    key text not null,
    job integer not null references job (number),
    fingerprint blob not null,                  -- a hash of the whole request
    until real not null,
    primary key (accessor, key)
) strict, without rowid;
create index idempotency_key_by_job on idempotency_key (job);
create index idempotency_key_by_age on idempotency_key (until);

-- Seconds of audio, every channel counted, that a key or a project has used on a day (UTC, since 1970).
create table daily_audio (
    holder text not null,                       -- the id of a key, or of a project
    day integer not null,
    seconds real not null check (seconds >= 0),
    primary key (holder, day)
) strict, without rowid;

-- The sums of requests, by the hour in which they were accepted. Written with their ends; the sums stay when
-- the requests are dropped. Lists are JSON arrays.
create table usage_hour (
    project text not null,
    hour integer not null,                      -- since 1970
    accessor text not null,                     -- '' if none is known
    endpoint text not null,
    method text not null,
    model text not null,                        -- the name of the requested model
    model_id text not null,                     -- the uuid of the model that ran, or ''
    language text not null,
    features text not null,                     -- parameters that were true
    parameters text not null,                   -- those that were not left at their defaults
    tags text not null,
    succeeded integer not null check (succeeded in (0, 1)),
    requests integer not null,
    seconds real not null,                      -- of audio
    channel_seconds real not null,              -- the same, every channel counted
    input_tokens integer not null default 0,    -- of an operator's language model
    output_tokens integer not null default 0,
    primary key (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
        succeeded)
) strict, without rowid;
