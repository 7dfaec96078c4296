-- Projects are made, named and deleted; what is being erased is on record until nothing is left of it.

-- The operator's project is the first: the oldest, and never deleted.
alter table project add column created_at real not null default 0;
-- From then on nobody finds it; the row stays until its jobs are gone, and a while longer.
alter table project add column deleted_at real;
update project set created_at = 1
where id <> (select id from project order by name, id limit 1);

create table erasing (
    request text primary key,
    asked_at real not null
) strict, without rowid;
create index erasing_by_age on erasing (asked_at);
