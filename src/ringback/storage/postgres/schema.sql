-- The ledger as a new database gets it: jobs, their lanes and attempts, API keys and projects, nodes. Times are
-- Unix seconds. Older databases are brought to the same shape by `migrations`. The tables are
-- explained in docs/adr/0017-postgres.md.

-- The one clock of all nodes: no decision depends on a node's own clock.
create function ledger_now() returns double precision language sql volatile
    as $$ select extract(epoch from clock_timestamp())::double precision $$;

-- One row about the ledger itself.
create table ledger (
    one integer primary key check (one = 1),
    seen_at double precision not null,          -- a recent moment by the ledger's clock
    blob_store text                             -- identity of the store that recordings and results lie in
);
insert into ledger (one, seen_at) values (1, 0);

-- The operator's project is the first: the oldest, and never deleted.
create table project (
    id text primary key,
    name text not null,
    created_at double precision not null default 0,
    deleted_at double precision                 -- it is no longer found; the row stays until its jobs are deleted
);
insert into project (id, name) values (gen_random_uuid()::text, 'default');

create table api_key (
    id text primary key,
    project text not null references project (id),
    comment text not null,
    scopes text not null,                       -- a JSON array, as are tags everywhere
    tags text not null,
    created_at double precision not null,
    expires_at double precision,
    hash bytea not null unique,
    requests bigint check (requests >= 0),
    queued_bytes bigint check (queued_bytes >= 0),
    schedule text,
    daily_audio_seconds bigint check (daily_audio_seconds >= 0)
);
create index api_key_by_project on api_key (project, created_at);

-- Also of removed keys: callbacks of requests that were accepted with a key are signed with its secrets.
create table signing_secret (
    number bigint generated always as identity primary key,     -- order of making
    key text not null,
    sealed text not null,
    created_at double precision not null,
    expires_at double precision
);
create index signing_secret_by_key on signing_secret (key);

-- Requests that are being erased; a row stays until its request is erased.
create table erasing (
    request text primary key collate "C",
    asked_at double precision not null
);
create index erasing_by_age on erasing (asked_at);

-- The processes that serve. A holder of leases is named by its number.
create table node (
    number bigint generated always as identity primary key,
    id text not null unique,
    host text not null,
    roles text not null,                        -- a JSON array
    version text not null,
    started_at double precision not null,
    beat_at double precision not null
);

-- Jobs of one lane share its cap and its breaker. `ready_at` is the moment from which a claim may take
-- a job here; null while nothing waits or there is no room. A lane that was just served stands behind
-- those that were not: that makes a claim round robin, and one walk along one index.
-- A transaction that moves a job locks its lane's row, so that the counters here are always right.
create table lane (
    id bigint generated always as identity primary key,
    kind text not null,
    name text not null,
    cap integer not null check (cap >= 1),
    inflight integer not null default 0 check (inflight >= 0),
    next_due double precision,                                   -- of its queued jobs
    served_at double precision not null default 0,
    served bigint not null default 0,                            -- breaks ties of served_at
    successes integer not null default 0 check (successes >= 0), -- since the cap last moved
    failures integer not null default 0 check (failures >= 0),   -- in a row
    openings integer not null default 0 check (openings >= 0),   -- of the breaker, in a row; 0: closed
    open_until double precision not null default 0,
    roomy_at double precision not null default 0,                -- since when it has room again
    slots integer not null default 1 check (slots >= 1),         -- as `jobs.lane.Health.slots` says
    ready_at double precision generated always as (
        case when next_due is not null and inflight < slots then greatest(next_due, open_until, served_at) end
    ) stored,
    unique (kind, name)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
create index lane_ready on lane (kind, ready_at, served, id) where ready_at is not null;
create sequence lane_served cache 1;

-- What was requested: written once and never changed, so that its indexes are written once.
create sequence job_number cache 1;
create table job (
    number bigint primary key,                  -- order of arrival, and the key of pages
    id text not null collate "C",
    kind text not null,
    lane bigint not null,
    project text not null,
    payload bytea not null,
    parent text collate "C",
    accessor text,
    method text not null,
    tags text not null,
    created_at double precision not null,
    day integer not null,                       -- of created_at, since 1970: names the partition of its logs
    sequence text,
    weight bigint not null check (weight >= 0),
    constraint job_id unique (id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
create index job_by_project on job (project, kind, number);
create index job_by_parent on job (parent, number) where parent is not null;
create index job_by_lane on job (lane, number);

-- The jobs from `first` on, up to the next row's, were added in this hour since 1970, or in one beside it
-- (several nodes add at once). One row per change of the hour: lists by time look up a range of numbers here.
create table hour (
    first bigint primary key,
    hour bigint not null
);

-- The state of live jobs: a small table that changes often. Jobs of one sequence are held until it is their turn.
create table live_job (
    number bigint primary key,
    lane bigint not null,
    state text not null check (state in ('held', 'queued', 'leased')),
    tries integer not null default 0 check (tries >= 0),
    losses integer not null default 0 check (losses >= 0),
    due_at double precision not null,
    code integer,
    token bigint not null default 0 check (token >= 0),  -- raised at each claim
    holder bigint,                              -- the node that holds the lease
    lease_until double precision,
    sequence text,                              -- these as in `job`
    weight bigint not null check (weight >= 0),
    check (state = 'leased' or (holder is null and lease_until is null)),
    check (state <> 'leased' or (holder is not null and lease_until is not null and token > 0)),
    check (state <> 'held' or sequence is not null)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0);
-- One partial index per state, the state a literal.
create index live_job_queued on live_job (lane, due_at, number) where state = 'queued';
create index live_job_leased on live_job (lease_until) where state = 'leased';
create index live_job_by_sequence on live_job (sequence, number) where sequence is not null;
create index live_job_by_code on live_job (code, number) where code >= 300;
-- Strictly one at a time.
create unique index live_job_in_turn on live_job (sequence) where sequence is not null and state <> 'held';

-- How a job ended: append-only, except for a parked job that is sent again. In partitions by the day on
-- which the job was added, so that all rows of a job are in one partition.
create table ended_job (
    number bigint not null,
    day integer not null,
    kind text not null,                         -- these three as in `job`, for the indexes below
    project text not null,
    lane bigint not null,
    state text not null check (state in ('done', 'parked', 'cancelled')),
    tries integer not null check (tries >= 0),
    losses integer not null check (losses >= 0),
    due_at double precision not null,
    token bigint not null check (token >= 0),
    finished_at double precision not null,
    code integer,
    stripped boolean not null default false,    -- its contents are no longer kept
    result bytea,
    check (state <> 'done' or (code is not null and tries > 0)),
    primary key (number, day)
) partition by range (day);
create table ended_job_default partition of ended_job default;
create index ended_job_by_age on ended_job (stripped, kind, finished_at, number);
-- For pages of rare jobs, in order of arrival. Done jobs are not in these indexes, and cost nothing.
create index ended_job_apart on ended_job (project, kind, state, number) where state <> 'done';
create index ended_job_apart_by_lane on ended_job (lane, state, number) where state <> 'done';
create index ended_job_by_code on ended_job (project, kind, code, number) where code >= 300;
create index ended_job_failed on ended_job (project, kind, number) where code >= 400;

-- Attempts that have ended, by the token of their lease. In partitions, as ended_job.
create table attempt (
    job bigint not null,
    day integer not null,
    token bigint not null check (token > 0),
    started_at double precision not null,
    ended_at double precision not null,
    outcome text not null,
    code integer,
    detail bytea not null,
    primary key (job, token, day)
) partition by range (day);
create table attempt_default partition of attempt default;

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
left join ended_job on ended_job.number = job.number and ended_job.day = job.day;

-- The jobs of one accessor: number and weight of live ones, and the number of all.
create table usage (
    accessor text not null,
    kind text not null,
    jobs bigint not null check (jobs >= 0),
    weight bigint not null check (weight >= 0),
    kept bigint not null check (kept >= 0),
    primary key (accessor, kind)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

-- Callers' idempotency keys. An accessor that is not known is ''.
create table idempotency_key (
    accessor text not null,
    key text not null,
    job bigint not null,
    fingerprint bytea not null,                 -- a hash of the whole request
    until double precision not null,
    primary key (accessor, key)
);
create index idempotency_key_by_job on idempotency_key (job);
create index idempotency_key_by_age on idempotency_key (until);

-- Seconds of audio, every channel counted, that a key or a project has used on a day (UTC, since 1970).
create table daily_audio (
    holder text not null,                       -- the id of a key, or of a project
    day integer not null,
    seconds double precision not null check (seconds >= 0),
    primary key (holder, day)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

-- The sums of requests, by the hour in which they were accepted. Written with their ends; the sums stay when
-- the requests are dropped. Lists are JSON arrays.
create table usage_hour (
    project text not null,
    hour bigint not null,                       -- since 1970
    accessor text not null,                     -- '' if none is known
    endpoint text not null,
    method text not null,
    model text not null,                        -- the name of the requested model
    model_id text not null,                     -- the uuid of the model that ran, or ''
    language text not null,
    features text not null,                     -- parameters that were true
    parameters text not null,                   -- those that were not left at their defaults
    tags text not null,
    succeeded boolean not null,
    requests bigint not null,
    seconds double precision not null,          -- of audio
    channel_seconds double precision not null,  -- the same, every channel counted
    input_tokens bigint not null default 0,     -- of an operator's language model
    output_tokens bigint not null default 0,
    -- Of all that may be long: an index takes no more than 2.7 KB.
    digest text not null generated always as (md5(
        endpoint || E'\n' || method || E'\n' || model || E'\n' || model_id || E'\n' || language || E'\n'
        || features || E'\n' || parameters || E'\n' || tags || case when succeeded then '+' else '-' end
    )) stored,
    primary key (project, hour, accessor, digest)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

-- What nodes share beside jobs. None of it needs to survive a crash.

-- The progress of recordings that are being transcribed: one row each, written at most once a second.
create unlogged table progress (
    job text primary key collate "C",
    seconds double precision not null,
    duration double precision,
    at double precision not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);
create index progress_by_age on progress (at);

-- Rounds that one node makes for all: when a node last took the turn.
create unlogged table turn (
    round text primary key,
    taken_at double precision not null
);
