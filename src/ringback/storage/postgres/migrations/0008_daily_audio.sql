-- Seconds of audio, every channel counted, that a key or a project has used on a day (UTC, since 1970).
create table daily_audio (
    holder text not null,                       -- the id of a key, or of a project
    day integer not null,
    seconds double precision not null check (seconds >= 0),
    primary key (holder, day)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);
alter table api_key add column daily_audio_seconds bigint check (daily_audio_seconds >= 0);
