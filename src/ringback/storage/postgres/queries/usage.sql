-- Usage by the hour. Lists are JSON arrays; an element is found by its JSON after a bracket or a comma.

-- name: count
-- Requests that ended add to the sums of their hours. The function is in ../batches.sql, for batches call it, too.
select count_usage($1::usage_hour[]);

-- name: subtract
-- A request that was erased no longer counts under its tags. No row if it was not counted.
update usage_hour set requests = usage_hour.requests - erased.requests,
    seconds = greatest(usage_hour.seconds - erased.seconds, 0),
    channel_seconds = greatest(usage_hour.channel_seconds - erased.channel_seconds, 0),
    input_tokens = greatest(usage_hour.input_tokens - erased.input_tokens, 0),
    output_tokens = greatest(usage_hour.output_tokens - erased.output_tokens, 0)
from unnest($1::usage_hour[]) as erased
where usage_hour.project = erased.project and usage_hour.hour = erased.hour
    and usage_hour.accessor = erased.accessor and usage_hour.endpoint = erased.endpoint
    and usage_hour.method = erased.method and usage_hour.model = erased.model
    and usage_hour.model_id = erased.model_id and usage_hour.language = erased.language
    and usage_hour.features = erased.features and usage_hour.parameters = erased.parameters
    and usage_hour.tags = erased.tags and usage_hour.succeeded = erased.succeeded
    and usage_hour.requests >= erased.requests
returning usage_hour.requests;

-- name: drop_empty
-- Sums that no request is in any more.
delete from usage_hour using unnest($1::usage_hour[]) as erased
where usage_hour.project = erased.project and usage_hour.hour = erased.hour
    and usage_hour.accessor = erased.accessor and usage_hour.tags = erased.tags and usage_hour.requests = 0;

-- name: forget
-- Hours that are older than reports reach, along the primary key of each project.
delete from usage_hour using project
where usage_hour.project = project.id
    and usage_hour.hour < floor((ledger_now() - $1::double precision) / 3600)::bigint;

-- name: forget_project
-- All sums of a deleted project.
delete from usage_hour where project = $1;

-- fragment: matching
-- The conditions of a `jobs.usage.UsageFilter`; lists of texts are arrays of the elements' JSON.
where project = :project and hour between :first_hour and :last_hour
    and (:accessor::text is null or accessor = :accessor) and (:endpoint::text is null or endpoint = :endpoint)
    and (:method::text is null or method = :method)
    and (:succeeded::boolean is null or succeeded = :succeeded)
    and (:model_id::text is null or model_id = :model_id or (model_id = '' and model = :model::text))
    and not exists (
        select from unnest(:tags::text[]) as given (value)
        where strpos(',' || substr(usage_hour.tags, 2), ',' || given.value) = 0
    ) and (cardinality(:any_of::text[]) = 0 or exists (
        select from unnest(:any_of) as given (value)
        where strpos(',' || substr(parameters, 2), ',' || given.value) > 0
    )) and not exists (
        select from unnest(:none_of::text[]) as given (value)
        where strpos(',' || substr(parameters, 2), ',' || given.value) > 0
    )

-- name: daily_usage
-- The sums per day, and per value of one column.
select hour / 24 as day,
    (case :by::text when 'accessor' then accessor when 'endpoint' then endpoint when 'method' then method
        when 'model' then model when 'features' then features when 'tags' then tags else '' end) collate "C"
        as label,
    sum(requests)::bigint as requests, sum(seconds) as seconds, sum(channel_seconds) as channel_seconds,
    sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens
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
) as described union all select * from (
    select distinct null, null, null, null, null, tags from narrowed where tags <> '[]' limit :most
) as tagged;
