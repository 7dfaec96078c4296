-- What requests amount to, by the hour in which they were accepted. Written with their ends; the sums stay when
-- the requests are dropped. Lists are JSON arrays.
create table usage_hour (
    project text not null,
    hour integer not null,                      -- since 1970
    accessor text not null,                     -- '' where none is known
    endpoint text not null,
    method text not null,
    model text not null,                        -- the name of the one that was promised
    model_id text not null,                     -- the uuid of the one that ran, or ''
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

-- From the requests that are there. What cannot be read counts as a request without audio.
insert into usage_hour
    (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
    succeeded, requests, seconds, channel_seconds, input_tokens, output_tokens)
with told as (
    select job.project, job.kind, job.created_at, coalesce(job.accessor, '') as accessor, job.method, job.tags,
        ended_job.code,
        case when json_valid(cast(job.payload as text)) then cast(job.payload as text) else '{}' end as asked,
        case when json_valid(cast(ended_job.result as text)) then cast(ended_job.result as text) else '{}' end
            as answered
    from job join ended_job on ended_job.number = job.number
    where job.kind in ('transcribe', 'stream', 'read') and ended_job.state = 'done'
)
select project, cast(created_at / 3600 as integer), accessor, iif(kind = 'read', 'read', 'listen'), method,
    coalesce(json_extract(asked, '$.model'), ''), coalesce(json_extract(answered, '$.model'), ''),
    case when coalesce(json_extract(asked, '$.options.detect_language'), 0) not in (0, '[]') then 'multi'
        else coalesce(json_extract(asked, '$.options.language'), 'en') end,
    (select json_group_array(key) from json_each(asked, '$.options') where type = 'true'),
    (
        select json_group_array(key) from (
            select key from json_each(asked, '$.options')
            where key not in ('callback', 'unserved', 'tag', 'extra')
            union all select 'callback'
            where coalesce(json_extract(asked, '$.callback'), json_extract(asked, '$.callback_origin')) is not null
        )
    ),
    -- A text with a NUL would be cut off there.
    case when instr(tags, '\u0000') then tags
        else (select json_group_array(value) from (select distinct value from json_each(tags) order by value)) end,
    code < 400, count(*), sum(coalesce(json_extract(answered, '$.duration'), 0.0)),
    sum(coalesce(json_extract(answered, '$.duration'), 0.0) * max(1, coalesce(json_extract(answered, '$.channels'), 1))),
    sum(coalesce(json_extract(answered, '$.input_tokens'), 0)),
    sum(coalesce(json_extract(answered, '$.output_tokens'), 0))
from told group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
