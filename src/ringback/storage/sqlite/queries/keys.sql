-- API keys and projects.

-- name: add_default_project
-- The ledger always has a project.
insert into project (id, name) select :id, 'default' where not exists (select 1 from project);

-- name: projects
-- All of them; as yet there is only the default one.
select id, name from project order by name, id;

-- name: add_key
-- A hash or an id that is already there breaks a unique constraint.
insert into api_key (id, project, comment, scopes, tags, created_at, expires_at, hash)
values (:id, :project, :comment, :scopes, :tags, :created_at, :expires_at, :hash);

-- name: key_by_hash
-- Who asks?
select id, project, comment, scopes, tags, created_at, expires_at from api_key where hash = :hash;

-- name: keys_of_project
-- Oldest first.
select id, project, comment, scopes, tags, created_at, expires_at
from api_key where project = :project order by created_at, id;

-- name: remove_key
-- It works no longer.
delete from api_key where project = :project and id = :id;
