-- A batch of commands and its transaction, and claims. The functions are in ../batches.sql.

-- name: begin
-- A node that is stopped in the middle of a batch must not keep its lanes locked.
begin;
set local lock_timeout = '5s';
set local statement_timeout = '15s';
set local idle_in_transaction_session_timeout = '5s';

-- name: generic_plans
-- Behind `begin`, for statements that call functions: their plans need not fit their parameters.
; set local plan_cache_mode = force_generic_plan;

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
-- Write what the batch has decided; then the lanes that are ready for its claims.
select * from write_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: ready_lanes
-- The lanes of some kinds that are ready, of each up to a number.
select * from ready_lanes($1, $2);

-- name: claim_from
-- Lease due jobs of some lanes, up to a number for each.
select * from claim_from($1, $2, $3, $4, $5);

-- name: outcome
-- The outcome of a transaction whose answer was lost: null, 'in progress', 'committed' or 'aborted'.
select pg_xact_status($1::text::xid8);

-- name: process
-- The process of the server that answers.
select pg_backend_pid();
