-- What nodes tell one another beside jobs. None of it is missed after a crash.

-- How far recordings are that run just now: a row per recording, written once a second at most.
create unlogged table progress (
    job text primary key collate "C",
    seconds double precision not null,
    duration double precision,
    at double precision not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);
create index progress_by_age on progress (at);

-- Rounds that one node makes for all: when somebody last set out.
create unlogged table turn (
    round text primary key,
    taken_at double precision not null
);
