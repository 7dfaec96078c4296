-- Projects come and go; requests are erased.

-- name: add_project
-- No row: a project has this name already.
insert into project (id, name, created_at)
select :id, :name, :now where not exists (select 1 from project where name = :name and deleted_at is null)
returning id;

-- name: named
-- The project that has this name.
select id from project where name = :name and deleted_at is null;

-- name: rename_project
-- No row: there is no such project.
update project set name = :name where id = :id and deleted_at is null returning id;

-- name: delete_project
-- Nobody finds it from now on. Not the first one.
update project set name = '', deleted_at = :now where id = :id and deleted_at is null
    and id <> (select id from project where deleted_at is null order by created_at, name, id limit 1)
returning id;

-- name: deleted_projects
-- Those of which a job is left, also one that was added after the deletion; along job_by_project.
select id from project
where deleted_at is not null and exists (select 1 from job where job.project = project.id);

-- name: forget_projects
-- By now nothing can come in for them any more.
delete from project where deleted_at <= :until and not exists (select 1 from job where job.project = project.id)
    and not exists (select 1 from api_key where api_key.project = project.id)
returning id;

-- name: begin_erasing
-- It stays on record until it is erased, whatever happens to this process.
insert into erasing (request, asked_at) values (:request, :now) on conflict do nothing;

-- name: erasing
-- Those that were asked for some time ago, along erasing_by_age.
select request from erasing where asked_at <= :until order by asked_at limit :limit;

-- name: end_erasing
-- Nothing is left of it.
delete from erasing where request = :request;

-- name: ended_number
-- A job that has ended; no row: it has not, or is not known.
select ended_job.number from job join ended_job on ended_job.number = job.number where job.id = :id;
