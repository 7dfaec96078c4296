-- Usage by the hour. Lists are JSON arrays; an element is looked for by its JSON behind a bracket or a comma.

-- name: count
-- Requests that ended add to the sums of their hours. In order, so that nodes do not wait for each other.
insert into usage_hour
    (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
    succeeded, requests, seconds, channel_seconds, input_tokens, output_tokens)
select used.project, used.hour, used.accessor, used.endpoint, used.method, used.model, used.model_id,
    used.language, used.features, used.parameters, used.tags, used.succeeded, used.requests, used.seconds,
    used.channel_seconds, used.input_tokens, used.output_tokens
from unnest($1::usage_hour[]) as used
on conflict (project, hour, accessor, digest) do update set requests = usage_hour.requests + excluded.requests,
    seconds = usage_hour.seconds + excluded.seconds,
    channel_seconds = usage_hour.channel_seconds + excluded.channel_seconds,
    input_tokens = usage_hour.input_tokens + excluded.input_tokens,
    output_tokens = usage_hour.output_tokens + excluded.output_tokens;

-- name: take
-- A request that was erased no longer counts under its tags. No row: it never did.
update usage_hour set requests = usage_hour.requests - taken.requests,
    seconds = greatest(usage_hour.seconds - taken.seconds, 0),
    channel_seconds = greatest(usage_hour.channel_seconds - taken.channel_seconds, 0),
    input_tokens = greatest(usage_hour.input_tokens - taken.input_tokens, 0),
    output_tokens = greatest(usage_hour.output_tokens - taken.output_tokens, 0)
from unnest($1::usage_hour[]) as taken
where usage_hour.project = taken.project and usage_hour.hour = taken.hour
    and usage_hour.accessor = taken.accessor and usage_hour.endpoint = taken.endpoint
    and usage_hour.method = taken.method and usage_hour.model = taken.model
    and usage_hour.model_id = taken.model_id and usage_hour.language = taken.language
    and usage_hour.features = taken.features and usage_hour.parameters = taken.parameters
    and usage_hour.tags = taken.tags and usage_hour.succeeded = taken.succeeded
    and usage_hour.requests >= taken.requests
returning usage_hour.requests;

-- name: drop_empty
-- Nothing is left under these tags.
delete from usage_hour using unnest($1::usage_hour[]) as taken
where usage_hour.project = taken.project and usage_hour.hour = taken.hour
    and usage_hour.accessor = taken.accessor and usage_hour.tags = taken.tags and usage_hour.requests = 0;

-- name: forget
-- Hours of which nobody asks any more, along the primary key of each project.
delete from usage_hour using project
where usage_hour.project = project.id
    and usage_hour.hour < floor((ledger_now() - $1::double precision) / 3600)::bigint;

-- name: forget_project
-- All of a project that was deleted.
delete from usage_hour where project = $1;

-- name: daily_usage
-- The sums per day, and per value of one column.
select hour / 24 as day,
    (case :by::text when 'accessor' then accessor when 'endpoint' then endpoint when 'method' then method
        when 'model' then model when 'features' then features when 'tags' then tags else '' end) collate "C"
        as label,
    sum(requests)::bigint as requests, sum(seconds) as seconds, sum(channel_seconds) as channel_seconds,
    sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens
from usage_hour
where project = :project and hour between :first_hour and :last_hour
    and (:accessor::text is null or accessor = :accessor) and (:endpoint::text is null or endpoint = :endpoint)
    and (:method::text is null or method = :method)
    and (:succeeded::boolean is null or succeeded = :succeeded)
    and (:model_id::text is null or model_id = :model_id or (model_id = '' and model = :model::text))
    and not exists (
        select from unnest(:tags::text[]) as asked (value)
        where strpos(',' || substr(usage_hour.tags, 2), ',' || asked.value) = 0
    ) and (cardinality(:any_of::text[]) = 0 or exists (
        select from unnest(:any_of) as asked (value)
        where strpos(',' || substr(parameters, 2), ',' || asked.value) > 0
    )) and not exists (
        select from unnest(:none_of::text[]) as asked (value)
        where strpos(',' || substr(parameters, 2), ',' || asked.value) > 0
    )
group by 1, 2 order by 1, 2 limit :most;

-- name: used_labels
-- What requests had: rows with tags alone, and rows with all else.
with narrowed as (
    select method, model, language, model_id, features, tags from usage_hour
    where project = :project and hour between :first_hour and :last_hour
        and (:accessor::text is null or accessor = :accessor)
        and (:endpoint::text is null or endpoint = :endpoint)
        and (:method::text is null or method = :method)
        and (:succeeded::boolean is null or succeeded = :succeeded)
        and (:model_id::text is null or model_id = :model_id or (model_id = '' and model = :model::text))
        and not exists (
            select from unnest(:tags::text[]) as asked (value)
            where strpos(',' || substr(usage_hour.tags, 2), ',' || asked.value) = 0
        ) and (cardinality(:any_of::text[]) = 0 or exists (
            select from unnest(:any_of) as asked (value)
            where strpos(',' || substr(parameters, 2), ',' || asked.value) > 0
        )) and not exists (
            select from unnest(:none_of::text[]) as asked (value)
            where strpos(',' || substr(parameters, 2), ',' || asked.value) > 0
        )
)
select * from (
    select distinct method, model, language, model_id, features, null as tags from narrowed limit :most
) as described union all select * from (
    select distinct null, null, null, null, null, tags from narrowed where tags <> '[]' limit :most
) as tagged;
