-- What requests amount to, by the hour: see `schema.sql`.
create table usage_hour (
    project text not null,
    hour bigint not null,
    accessor text not null,
    endpoint text not null,
    method text not null,
    model text not null,
    model_id text not null,
    language text not null,
    features text not null,
    parameters text not null,
    tags text not null,
    succeeded boolean not null,
    requests bigint not null,
    seconds double precision not null,
    channel_seconds double precision not null,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    digest text not null generated always as (md5(
        endpoint || E'\n' || method || E'\n' || model || E'\n' || model_id || E'\n' || language || E'\n'
        || features || E'\n' || parameters || E'\n' || tags || case when succeeded then '+' else '-' end
    )) stored,
    primary key (project, hour, accessor, digest)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

create function pg_temp.read_json(p_text bytea) returns json language plpgsql as $$
begin
    -- No text here can have a NUL; what a caller put into its tags or `extra` is not read from this.
    return replace(coalesce(convert_from(p_text, 'UTF8'), '{}'), '\u0000', '\ufffd')::json;
exception when others then
    return '{}'::json;
end $$;

-- From the requests that are there. What cannot be read counts as a request without audio.
with told as (
    select job.project, floor(job.created_at / 3600)::bigint as hour, coalesce(job.accessor, '') as accessor,
        case when job.kind = 'read' then 'read' else 'listen' end as endpoint, job.method, job.tags, ended_job.code, pg_temp.read_json(job.payload) as asked,
        pg_temp.read_json(ended_job.result) as answered
    from job join ended_job on ended_job.number = job.number and ended_job.day = job.day
    where job.kind in ('transcribe', 'stream', 'read') and ended_job.state = 'done'
), counted as (
    select project, hour, accessor, endpoint, method, coalesce(asked ->> 'model', '') as model,
        coalesce(answered ->> 'model', '') as model_id,
        case when coalesce(asked #>> '{options,detect_language}', 'false') not in ('false', '[]') then 'multi'
            else coalesce(asked #>> '{options,language}', 'en') end as language,
        coalesce((
            select json_agg(key) from json_each(asked -> 'options') where value::text = 'true'
        ), '[]') as features,
        coalesce((
            select json_agg(key) from (
                select key from json_each(asked -> 'options')
                where key not in ('callback', 'unserved', 'tag', 'extra')
                union all select 'callback'
                where coalesce(asked ->> 'callback', asked ->> 'callback_origin') is not null
            ) as given
        ), '[]') as parameters,
        -- As they were written: nothing is decoded, which a NUL could spoil.
        '[' || coalesce((
            select string_agg(distinct value::text collate "C", ',' order by value::text collate "C")
            from json_array_elements(tags::json)
        ), '') || ']' as tags,
        code < 400 as succeeded, coalesce((answered ->> 'duration')::double precision, 0) as seconds,
        greatest(1, coalesce((answered ->> 'channels')::integer, 1)) as channels,
        coalesce((answered ->> 'input_tokens')::bigint, 0) as input_tokens,
        coalesce((answered ->> 'output_tokens')::bigint, 0) as output_tokens
    from told
)
insert into usage_hour
    (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
    succeeded, requests, seconds, channel_seconds, input_tokens, output_tokens)
select project, hour, accessor, endpoint, method, model, model_id, language,
    replace(features::text, '", "', '","'), replace(parameters::text, '", "', '","'),
    tags, succeeded, count(*), sum(seconds), sum(seconds * channels),
    sum(input_tokens), sum(output_tokens)
from counted group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;

drop function pg_temp.read_json(bytea);
