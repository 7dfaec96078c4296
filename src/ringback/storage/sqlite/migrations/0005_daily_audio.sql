-- Seconds of audio, every channel counted, that a key or a project has used on a day (UTC, since 1970).
create table daily_audio (
    holder text not null,                       -- the id of a key, or of a project
    day integer not null,
    seconds real not null check (seconds >= 0),
    primary key (holder, day)
) strict, without rowid;
alter table api_key add column daily_audio_seconds integer check (daily_audio_seconds >= 0);
