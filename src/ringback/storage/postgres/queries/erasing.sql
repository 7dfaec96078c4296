-- Projects and their deletion, and requests that are being erased.

-- name: lock_names
-- Changes of names run one after the other, so that a name is not given twice.
select pg_advisory_xact_lock(7276235118);

-- name: named
-- The project that has this name.
select id from project where name = $1 and deleted_at is null;

-- name: add_project
-- The id is new.
insert into project (id, name, created_at) values ($1, $2, ledger_now());

-- name: rename_project
-- No row is returned if there is no such project.
update project set name = $2 where id = $1 and deleted_at is null returning id;

-- name: delete_project
-- It is no longer found. The first project cannot be deleted.
update project set name = '', deleted_at = ledger_now() where id = $1 and deleted_at is null
    and id <> (select id from project where deleted_at is null order by created_at, name, id limit 1)
returning id;

-- name: remove_keys
-- The keys of a deleted project.
delete from api_key where project = $1 returning id;

-- name: deleted_projects
-- Those that still have a job, also one that was added after the deletion; along job_by_project.
select id from project
where deleted_at is not null and exists (select from job where job.project = project.id);

-- name: forget_projects
-- Deleted so long ago that no request for them can still be running.
delete from project where deleted_at <= ledger_now() - $1::double precision
    and not exists (select from job where job.project = project.id)
    and not exists (select from api_key where api_key.project = project.id) returning id;

-- name: begin_erasing
-- On record until it is erased, also if this process ends before.
insert into erasing (request, asked_at) values ($1, ledger_now()) on conflict do nothing;

-- name: erasing
-- Erasures that were begun some time ago and have not ended, along erasing_by_age.
select request from erasing where asked_at <= ledger_now() - $1::double precision order by asked_at limit $2;

-- name: end_erasing
-- The request is erased.
delete from erasing where request = $1;

-- name: ended_numbers
-- Those of these jobs that have ended.
select job.id, job.number, job.day from job
join ended_job on ended_job.number = job.number and ended_job.day = job.day where job.id = any($1::text[]);
