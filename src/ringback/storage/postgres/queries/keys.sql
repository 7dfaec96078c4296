-- API keys, their signing secrets, and projects.

-- fragment: key_columns
-- A `keys.ApiKey` with its limits.
id, project, comment, scopes, tags, created_at, expires_at, requests, queued_bytes, schedule,
    daily_audio_seconds

-- name: projects
-- All but deleted ones. The first is the operator's.
select id, name from project where deleted_at is null order by created_at, name, id;

-- name: add_key
-- A hash or an id that is already there violates a unique constraint. No row if the project is deleted.
insert into api_key
    (id, project, comment, scopes, tags, created_at, expires_at, hash, requests, queued_bytes, schedule,
    daily_audio_seconds)
select $1, project.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
from project where project.id = $2 and project.deleted_at is null for share
returning id;

-- name: key_by_hash
-- The key that a request shows.
select {key_columns}
from api_key where hash = $1;

-- name: keys_of_project
-- Oldest first.
select {key_columns}
from api_key where project = $1 order by created_at, id;

-- name: set_limits
-- The limits of one key.
update api_key set requests = $3, queued_bytes = $4, schedule = $5,
    daily_audio_seconds = $6
where project = $1 and id = $2 returning id;

-- name: remove_key
-- It is no longer accepted.
delete from api_key where project = $1 and id = $2 returning id;

-- name: drop_secrets
-- Signing secrets of a removed key, when no job refers to it any more.
delete from signing_secret where key = $1
    and not exists (select from api_key where id = $1)
    and not exists (select from usage where accessor = $1);

-- name: signing_secrets
-- Secrets that have not expired, the newest first.
select sealed, created_at, expires_at from signing_secret
where key = $1 and (expires_at is null or expires_at > $2) order by number desc;

-- name: lock_key
-- Rotations of one key run one after the other.
select pg_advisory_xact_lock(hashtextextended($1, 3));

-- name: let_secrets_expire
-- The existing secrets stay valid until a time, or until their own expiry if that is earlier.
update signing_secret set expires_at = least(coalesce(expires_at, $2), $2) where key = $1;

-- name: forget_expired_secrets
-- So that a key never has more than a few secrets.
delete from signing_secret where key = $1 and expires_at <= $2;

-- name: add_secret
-- Callbacks are signed with it from now on.
insert into signing_secret (key, sealed, created_at) values ($1, $2, $3);

-- name: blob_store
-- The identity of the store that has the ledger's recordings and results.
select blob_store from ledger where one = 1;

-- name: tie_blob_store
-- Only if none is set.
update ledger set blob_store = $1 where one = 1 and blob_store is null;
