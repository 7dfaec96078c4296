"""Tables with a past: rows that each queue would have kept of so many jobs that are over."""

import asyncpg

_OURS = """
insert into lane (kind, name, cap, served_at)
    select kind, kind || ' ' || number, 1000000, 1
    from unnest(array['recording', 'delivery']) as kind, generate_series(0, 15) as number;
insert into usage (accessor, kind, jobs, weight, kept)
    select 'key-' || number, kind, 0, 0, {rows} / 32
    from unnest(array['recording', 'delivery']) as kind, generate_series(0, 15) as number;
create temp table past as
    select nextval('job_number') as number, gen_random_uuid()::text as id,
        at % 2 as half, at / 2 % 16 as lane, ledger_now() - 86400 * (1 - at / {rows}.0) as moment
    from generate_series(1, {rows}) as at;
insert into job (number, id, kind, lane, project, payload, parent, accessor, method, tags, created_at, day,
        weight)
    select past.number, past.id, lane.kind, lane.id, 'default', convert_to(repeat('p', 500), 'UTF8'),
        case past.half when 0 then lag(past.id) over (order by past.number) end, 'key-' || past.lane, 'async',
        '[]', past.moment, floor(past.moment / 86400)::integer, past.half * 100000
    from past join lane
        on lane.name = case past.half when 1 then 'recording ' else 'delivery ' end || past.lane;
insert into ended_job (number, day, kind, project, lane, state, tries, losses, due_at, token, finished_at,
        code, result)
    select number, day, kind, project, lane, 'done', 1, 0, created_at, 1, created_at + 1, 200,
        case kind when 'recording' then convert_to(repeat('r', 2000), 'UTF8') end from job;
insert into attempt (job, day, token, started_at, ended_at, outcome, code, detail)
    select number, day, 1, created_at, created_at + 1, 'done', 200,
        '{{"phases": {{"connect": 0.01, "send": 0.02}}, "address": "192.0.2.1"}}' from job;
drop table past;
"""

_PROCRASTINATE = """
set session_replication_role = replica;
insert into procrastinate_jobs (queue_name, task_name, args, status, attempts)
    select kind, kind, jsonb_build_object('payload', repeat('p', 500)), 'succeeded', 1
    from generate_series(1, {rows} / 2), unnest(array['recording', 'delivery']) as kind;
insert into procrastinate_events (job_id, type)
    select id, type::procrastinate_job_event_type
    from procrastinate_jobs, unnest(array['deferred', 'started', 'succeeded']) as type;
set session_replication_role = default;
"""

_PGQUEUER = """
insert into pgqueuer_log (job_id, status, priority, entrypoint, aggregated)
    select job, status::pgqueuer_status, 0, case job % 2 when 1 then 'recording' else 'delivery' end, true
    from (select nextval('pgqueuer_id_seq') as job from generate_series(1, {rows})) as jobs,
        unnest(array['queued', 'picked', 'successful']) as status;
"""

_PASTS = {"ringback": _OURS, "procrastinate": _PROCRASTINATE, "pgqueuer": _PGQUEUER}


async def give_past(url: str, whose: str, rows: int) -> None:
    """So many jobs that ended, deliveries half of them, in a schema that is there; vacuumed and analysed."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_PASTS[whose].format(rows=rows))
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
