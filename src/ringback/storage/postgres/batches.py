"""A batch of commands in PostgreSQL: what it reads and what it writes, a round trip each.

The decisions are `jobs.batch`'s. Locks are taken in one order by everybody (sequences, lanes by their ids,
what accessors use), so that nodes do not wait for each other in a circle. Whoever moves a live job holds its
lane: a lane's counters and the states of its jobs are read and written as if there were one writer.
"""

from collections.abc import Mapping
from typing import Any

from ringback.jobs.job import LIVE
from ringback.jobs.records import KnownKey, LiveJob, ReadSet, RowSet, WriteSet
from ringback.storage.postgres.database import Connection
from ringback.storage.postgres.queries import load
from ringback.storage.rows import lane_from, live_job_from, parked_job_from, tags_to_json

_SQL = load("batches.sql")

Fields = Mapping[str, Any]
"""Of a composite type, by their names."""


class LaneGone(Exception):
    """A lane was dropped between its making and its locking; the batch starts again."""


async def look(connection: Connection, reads: ReadSet) -> tuple[RowSet, str]:
    """Lock what a batch concerns, and read how it stands; with the transaction's id. Raises `LaneGone`."""
    [row] = await connection.fetch(
        _SQL["read_batch"],
        list(reads.live),
        list(reads.parked),
        list(reads.sequences),
        list(reads.whole_sequences),
        [{"kind": kind, "name": name, "cap": cap} for (kind, name), cap in reads.lanes.items()],
        [{"accessor": accessor, "key": key} for accessor, key in reads.keys],
        [{"accessor": accessor, "kind": kind} for accessor, kind in reads.usages],
        reads.checks_usages,
        reads.new,
    )
    lanes = [lane_from(dict(one)) for one in row["lanes"] or ()]
    if reads.lanes.keys() - {(lane.kind, lane.name) for lane in lanes}:
        raise LaneGone
    live = [live_job_from(dict(one)) for one in row["live"] or ()]
    parked = [parked_job_from(dict(one)) for one in row["parked"] or ()]
    snapshot = RowSet(
        now=row["moment"],
        numbers=row["numbers"] or (),
        lanes={lane.id: lane for lane in lanes},
        live={one.id: one for one in live},
        parked={one.id: one for one in parked},
        keys={
            (one["accessor"], one["key"]): KnownKey(one["job"], one["fingerprint"])
            for one in row["keys"] or ()
        },
        usages={(one["accessor"], one["kind"]): (one["jobs"], one["weight"]) for one in row["usages"] or ()},
    )
    return snapshot, row["transaction"]


async def write(connection: Connection, writes: WriteSet, now: float) -> None:
    """All that a batch has decided, in the order that `WriteSet` asks for."""
    entered = [_entered(added.live, added.holder) for added in writes.added if added.live.state in LIVE]
    entered += [_entered(live, None) for live in writes.revived if live.state in LIVE]
    await connection.fetch(
        _SQL["write_batch"],
        now,
        [{"number": live.number, "partition": live.partition} for live in writes.revived],
        [_moved(live) for live in writes.moved.values()],
        _added(writes),
        entered,
        _ended(writes),
        _attempts(writes),
        _keys(writes),
        _usages(writes),
        [{"holder": holder, "seconds": seconds} for holder, seconds in sorted(writes.audio.items())],
        _lanes(writes),
    )


def _added(writes: WriteSet) -> list[Fields]:
    return [
        {
            "number": added.live.number,
            "id": added.job.id,
            "kind": added.job.kind,
            "lane": added.live.lane,
            "project": added.job.project,
            "payload": added.job.payload,
            "parent": added.job.parent,
            "accessor": added.job.accessor,
            "method": added.job.method,
            "tags": tags_to_json(added.job.tags),
            "sequence": added.job.sequence,
            "weight": added.job.weight,
        }
        for added in writes.added
    ]


def _entered(live: LiveJob, holder: int | None) -> Fields:
    return {
        "number": live.number,
        "lane": live.lane,
        "state": live.state.value,
        "due_at": live.due_at,
        "token": live.token,
        "holder": holder,
        "lease_until": live.lease_until,
        "sequence": live.sequence,
        "weight": live.weight,
    }


def _moved(live: LiveJob) -> Fields:
    return {
        "number": live.number,
        "state": live.state.value,
        "tries": live.tries,
        "losses": live.losses,
        "due_at": live.due_at,
        "code": live.code,
        "lease_until": live.lease_until,
    }


def _ended(writes: WriteSet) -> list[Fields]:
    return [
        {
            "number": ended.live.number,
            "partition": ended.live.partition,
            "kind": ended.live.kind,
            "project": ended.live.project,
            "lane": ended.live.lane,
            "state": ended.live.state.value,
            "tries": ended.live.tries,
            "losses": ended.live.losses,
            "due_at": ended.live.due_at,
            "token": ended.live.token,
            "code": ended.live.code,
            "result": ended.result,
        }
        for ended in writes.ended
    ]


def _attempts(writes: WriteSet) -> list[Fields]:
    return [
        {
            "job": record.live.number,
            "partition": record.live.partition,
            "token": record.token,
            "started_at": record.attempt.started_at,
            "ended_at": record.attempt.ended_at,
            "outcome": record.attempt.outcome,
            "code": record.attempt.code,
            "detail": record.attempt.detail,
        }
        for record in writes.attempts
    ]


def _keys(writes: WriteSet) -> list[Fields]:
    return [
        {
            "accessor": key.accessor,
            "key": key.key,
            "job": key.number,
            "fingerprint": key.fingerprint,
            "until": key.until,
        }
        for key in writes.keys
    ]


def _usages(writes: WriteSet) -> list[Fields]:
    return [
        {"accessor": accessor, "kind": kind, "jobs": jobs, "weight": weight, "kept": kept}
        for (accessor, kind), (jobs, weight, kept) in sorted(writes.usages.items())
    ]


def _lanes(writes: WriteSet) -> list[Fields]:
    return [
        {
            "id": lane.id,
            "inflight": lane.inflight,
            "next_due": lane.next_due,
            "roomy_at": lane.roomy_at,
            "cap": lane.health.cap,
            "successes": lane.health.successes,
            "failures": lane.health.failures,
            "openings": lane.health.openings,
            "open_until": lane.health.open_until,
            "slots": lane.health.slots,
            "first_left": lane.first_left,
        }
        for lane in writes.lanes
    ]
