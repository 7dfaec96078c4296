-- API keys, their signing secrets, and projects.

-- name: add_default_project
-- The ledger always has a project.
insert into project (id, name) select :id, 'default' where not exists (select 1 from project);

-- name: projects
-- The first is the operator's; those that are being deleted are not among them.
select id, name from project where deleted_at is null order by created_at, name, id;

-- name: add_key
-- A hash or an id that is already there breaks a unique constraint. Nothing is added to a deleted project.
insert into api_key
    (id, project, comment, scopes, tags, created_at, expires_at, hash, requests, queued_bytes, schedule,
    daily_audio_seconds)
select :id, :project, :comment, :scopes, :tags, :created_at, :expires_at, :hash, :requests, :queued_bytes,
    :schedule, :daily_audio_seconds
where exists (select 1 from project where id = :project and deleted_at is null);

-- name: key_by_hash
-- Who asks?
select id, project, comment, scopes, tags, created_at, expires_at, requests, queued_bytes, schedule,
    daily_audio_seconds
from api_key where hash = :hash;

-- name: keys_of_project
-- Oldest first.
select id, project, comment, scopes, tags, created_at, expires_at, requests, queued_bytes, schedule,
    daily_audio_seconds
from api_key where project = :project order by created_at, id;

-- name: set_limits
-- What a key has of its own.
update api_key set requests = :requests, queued_bytes = :queued_bytes, schedule = :schedule,
    daily_audio_seconds = :daily_audio_seconds
where project = :project and id = :id;

-- name: remove_key
-- It works no longer.
delete from api_key where project = :project and id = :id;

-- name: signing_secrets
-- Those that still sign, the newest first.
select sealed, created_at, expires_at from signing_secret
where key = :key and (expires_at is null or expires_at > :now) order by number desc;

-- name: let_secrets_expire
-- The old ones sign for a while yet, none longer than it did anyway.
update signing_secret set expires_at = min(coalesce(expires_at, :until), :until) where key = :key;

-- name: forget_expired_secrets
-- A key has a few secrets at a time, however often they are rotated.
delete from signing_secret where key = :key and expires_at <= :now;

-- name: add_secret
-- It signs from now on.
insert into signing_secret (key, sealed, created_at) values (:key, :sealed, :now);

-- name: blob_store
-- The identity of the store that recordings and results lie in.
select blob_store from ledger where one = 1;

-- name: tie_blob_store
-- The first one that is seen stays.
update ledger set blob_store = :identity where one = 1 and blob_store is null;
