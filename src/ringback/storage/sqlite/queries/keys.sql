-- API keys, their signing secrets, and projects.

-- fragment: key_columns
-- A `keys.ApiKey` with its limits.
id, project, comment, scopes, tags, created_at, expires_at, requests, queued_bytes, schedule,
    daily_audio_seconds

-- name: add_default_project
-- A new ledger gets its first project.
insert into project (id, name) select :id, 'default' where not exists (select 1 from project);

-- name: projects
-- All but deleted ones. The first is the operator's.
select id, name from project where deleted_at is null order by created_at, name, id;

-- name: add_key
-- A hash or an id that is already there violates a unique constraint. No row if the project is deleted.
insert into api_key
    (id, project, comment, scopes, tags, created_at, expires_at, hash, requests, queued_bytes, schedule,
    daily_audio_seconds)
select :id, :project, :comment, :scopes, :tags, :created_at, :expires_at, :hash, :requests, :queued_bytes,
    :schedule, :daily_audio_seconds
where exists (select 1 from project where id = :project and deleted_at is null);

-- name: key_by_hash
-- The key that a request shows.
select {key_columns}
from api_key where hash = :hash;

-- name: keys_of_project
-- Oldest first.
select {key_columns}
from api_key where project = :project order by created_at, id;

-- name: set_limits
-- The limits of one key.
update api_key set requests = :requests, queued_bytes = :queued_bytes, schedule = :schedule,
    daily_audio_seconds = :daily_audio_seconds
where project = :project and id = :id;

-- name: remove_key
-- It is no longer accepted.
delete from api_key where project = :project and id = :id;

-- name: signing_secrets
-- Secrets that have not expired, the newest first.
select sealed, created_at, expires_at from signing_secret
where key = :key and (expires_at is null or expires_at > :now) order by number desc;

-- name: let_secrets_expire
-- The existing secrets stay valid until a time, or until their own expiry if that is earlier.
update signing_secret set expires_at = min(coalesce(expires_at, :until), :until) where key = :key;

-- name: forget_expired_secrets
-- So that a key never has more than a few secrets.
delete from signing_secret where key = :key and expires_at <= :now;

-- name: add_secret
-- Callbacks are signed with it from now on.
insert into signing_secret (key, sealed, created_at) values (:key, :sealed, :now);

-- name: blob_store
-- The identity of the store that has the ledger's recordings and results.
select blob_store from ledger where one = 1;

-- name: tie_blob_store
-- Only if none is set.
update ledger set blob_store = :identity where one = 1 and blob_store is null;
