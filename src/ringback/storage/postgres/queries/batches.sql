-- A batch of commands and its transaction, and claims. The functions are in functions.sql.

-- name: begin
-- A node that is stopped in the middle of a batch must not keep its lanes locked.
begin;
set local lock_timeout = '5s';
set local statement_timeout = '15s';
set local idle_in_transaction_session_timeout = '5s';

-- name: commit
-- Durable when it returns: synchronous_commit is left alone.
commit;

-- name: rollback
-- Undo the transaction.
rollback;

-- name: read_batch
-- Lock and read the rows that a batch needs.
select * from read_batch($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: write_batch
-- Write what the batch has decided.
select write_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: write_batch_and_usage
-- The same, and the usage of requests that ended. Rows are sorted, so that nodes do not deadlock.
with counted as (
    insert into usage_hour
        (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
        succeeded, requests, seconds, channel_seconds, input_tokens, output_tokens)
    select used.project, used.hour, used.accessor, used.endpoint, used.method, used.model, used.model_id,
        used.language, used.features, used.parameters, used.tags, used.succeeded, used.requests, used.seconds,
        used.channel_seconds, used.input_tokens, used.output_tokens
    from unnest($12::usage_hour[]) as used
    on conflict (project, hour, accessor, digest) do update
    set requests = usage_hour.requests + excluded.requests, seconds = usage_hour.seconds + excluded.seconds,
        channel_seconds = usage_hour.channel_seconds + excluded.channel_seconds,
        input_tokens = usage_hour.input_tokens + excluded.input_tokens,
        output_tokens = usage_hour.output_tokens + excluded.output_tokens
)
select write_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: ready_lanes
-- The lanes that are ready, the longest waiting first, along lane_ready.
select id, name, slots - inflight as room
from lane where kind = $1 and ready_at <= ledger_now() order by ready_at, served, id limit $2;

-- name: claim_from
-- Lease due jobs of some lanes, up to a number for each.
select * from claim_from($1, $2, $3, $4);

-- name: outcome
-- The outcome of a transaction whose answer was lost: null, 'in progress', 'committed' or 'aborted'.
select pg_xact_status($1::text::xid8);

-- name: process
-- The process of the server that answers.
select pg_backend_pid();
