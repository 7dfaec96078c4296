-- Projects come and go; requests are erased.

-- name: lock_names
-- Two projects are not given one name at the same moment.
select pg_advisory_xact_lock(7276235118);

-- name: named
-- The project that has this name.
select id from project where name = $1 and deleted_at is null;

-- name: add_project
-- With a fresh id.
insert into project (id, name, created_at) values ($1, $2, ledger_now());

-- name: rename_project
-- No row: there is no such project.
update project set name = $2 where id = $1 and deleted_at is null returning id;

-- name: delete_project
-- Nobody finds it from now on. Not the first one.
update project set name = '', deleted_at = ledger_now() where id = $1 and deleted_at is null
    and id <> (select id from project where deleted_at is null order by created_at, name, id limit 1)
returning id;

-- name: remove_keys
-- Of a deleted project.
delete from api_key where project = $1 returning id;

-- name: deleted_projects
-- Those of which a job is left, also one that was added after the deletion; along job_by_project.
select id from project
where deleted_at is not null and exists (select from job where job.project = project.id);

-- name: forget_projects
-- By now nothing can come in for them any more.
delete from project where deleted_at <= ledger_now() - $1::double precision
    and not exists (select from job where job.project = project.id)
    and not exists (select from api_key where api_key.project = project.id) returning id;

-- name: begin_erasing
-- It stays on record until it is erased, whatever happens to this process.
insert into erasing (request, asked_at) values ($1, ledger_now()) on conflict do nothing;

-- name: erasing
-- Those that were asked for some time ago, along erasing_by_age.
select request from erasing where asked_at <= ledger_now() - $1::double precision order by asked_at limit $2;

-- name: end_erasing
-- Nothing is left of it.
delete from erasing where request = $1;

-- name: ended_numbers
-- Of these jobs those that have ended.
select job.id, job.number, job.day from job
join ended_job on ended_job.number = job.number and ended_job.day = job.day where job.id = any($1::text[]);
