-- Usage by the hour. Lists are JSON arrays; an element is found by its JSON after a bracket or a comma.

-- name: count
-- Requests that ended add to the sums of their hour.
insert into usage_hour
    (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
    succeeded, requests, seconds, channel_seconds, input_tokens, output_tokens)
values (:project, :hour, :accessor, :endpoint, :method, :model, :model_id, :language, :features, :parameters,
    :tags, :succeeded, :requests, :seconds, :channel_seconds, :input_tokens, :output_tokens)
on conflict do update set requests = requests + excluded.requests, seconds = seconds + excluded.seconds,
    channel_seconds = channel_seconds + excluded.channel_seconds,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens;

-- name: subtract
-- A request that was erased no longer counts under its tags. No row if it was not counted.
update usage_hour set requests = requests - :requests, seconds = max(seconds - :seconds, 0),
    channel_seconds = max(channel_seconds - :channel_seconds, 0),
    input_tokens = max(input_tokens - :input_tokens, 0), output_tokens = max(output_tokens - :output_tokens, 0)
where project = :project and hour = :hour and accessor = :accessor and endpoint = :endpoint
    and method = :method and model = :model and model_id = :model_id and language = :language
    and features = :features and parameters = :parameters and tags = :tags and succeeded = :succeeded
    and requests >= :requests
returning requests;

-- name: drop_empty
-- Sums that no request is in any more.
delete from usage_hour
where project = :project and hour = :hour and accessor = :accessor and tags = :tags and requests = 0;

-- name: forget
-- Hours that are older than reports reach, along the primary key of each project.
delete from usage_hour where project in (select id from project) and hour < :hour;

-- name: forget_project
-- All sums of a deleted project.
delete from usage_hour where project = :project;

-- fragment: matching
-- The conditions of a `jobs.usage.UsageFilter`; lists of texts are JSON arrays of the elements' JSON.
where project = :project and hour between :first_hour and :last_hour
    and (:accessor is null or accessor = :accessor) and (:endpoint is null or endpoint = :endpoint)
    and (:method is null or method = :method) and (:succeeded is null or succeeded = :succeeded)
    and (:model_id is null or model_id = :model_id or (model_id = '' and model = :model))
    and not exists (
        select 1 from json_each(:tags) as given
        where instr(',' || substr(usage_hour.tags, 2), ',' || given.value) = 0
    ) and (:any_of = '[]' or exists (
        select 1 from json_each(:any_of) as given
        where instr(',' || substr(parameters, 2), ',' || given.value) > 0
    )) and not exists (
        select 1 from json_each(:none_of) as given
        where instr(',' || substr(parameters, 2), ',' || given.value) > 0
    )

-- name: daily_usage
-- The sums per day, and per value of one column.
select hour / 24 as day,
    case :by when 'accessor' then accessor when 'endpoint' then endpoint when 'method' then method
        when 'model' then model when 'features' then features when 'tags' then tags else '' end as label,
    sum(requests) as requests, sum(seconds) as seconds, sum(channel_seconds) as channel_seconds,
    sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens
from usage_hour
{matching}
group by 1, 2 order by 1, 2 limit :most;

-- name: used_labels
-- The labels of requests: rows with tags alone, and rows with all other labels.
with narrowed as (
    select method, model, language, model_id, features, tags from usage_hour
    {matching}
)
select * from (
    select distinct method, model, language, model_id, features, null as tags from narrowed limit :most
) union all select * from (
    select distinct null as method, null as model, null as language, null as model_id, null as features, tags
    from narrowed where tags <> '[]' limit :most
);
