-- Projects and their deletion, and requests that are being erased.

-- name: add_project
-- No row is returned if a project has this name already.
insert into project (id, name, created_at)
select :id, :name, :now where not exists (select 1 from project where name = :name and deleted_at is null)
returning id;

-- name: named
-- The project that has this name.
select id from project where name = :name and deleted_at is null;

-- name: rename_project
-- No row is returned if there is no such project.
update project set name = :name where id = :id and deleted_at is null returning id;

-- name: delete_project
-- It is no longer found. The first project cannot be deleted.
update project set name = '', deleted_at = :now where id = :id and deleted_at is null
    and id <> (select id from project where deleted_at is null order by created_at, name, id limit 1)
returning id;

-- name: deleted_projects
-- Those that still have a job, also one that was added after the deletion; along job_by_project.
select id from project
where deleted_at is not null and exists (select 1 from job where job.project = project.id);

-- name: forget_projects
-- Deleted so long ago that no request for them can still be running.
delete from project where deleted_at <= :until and not exists (select 1 from job where job.project = project.id)
    and not exists (select 1 from api_key where api_key.project = project.id)
returning id;

-- name: begin_erasing
-- On record until it is erased, also if this process ends before.
insert into erasing (request, asked_at) values (:request, :now) on conflict do nothing;

-- name: erasing
-- Erasures that were begun some time ago and have not ended, along erasing_by_age.
select request from erasing where asked_at <= :until order by asked_at limit :limit;

-- name: end_erasing
-- The request is erased.
delete from erasing where request = :request;

-- name: ended_number
-- The number of an ended job; no row if it has not ended or is not known.
select ended_job.number from job join ended_job on ended_job.number = job.number where job.id = :id;
