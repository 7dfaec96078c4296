"""A batch of commands in PostgreSQL: what it reads and what it writes, in one round trip each.

`jobs.batch` decides. All nodes take locks in one order (sequences, lanes by id, usages), so that they cannot
deadlock. A batch that changes a live job holds the lock of the job's lane: the lane's counters and the states
of its jobs are read and written as if there were one writer.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ringback.jobs.job import LIVE
from ringback.jobs.records import KnownKey, ReadSet, RowSet, WriteSet
from ringback.storage.postgres.database import Connection
from ringback.storage.postgres.queries import load
from ringback.storage.rows import (
    added_row,
    attempt_row,
    ended_row,
    entered_row,
    key_row,
    lane_from,
    lane_row,
    live_job_from,
    moved_row,
    parked_job_from,
    usage_rows,
)
from ringback.storage.usage_rows import usage_hour_rows

_SQL = load("batches.sql")


class LaneDropped(Exception):
    """Another node dropped a lane before this batch had locked it; the batch starts again."""


class Locked(NamedTuple):
    """The rows of a batch, locked."""

    rows: RowSet
    transaction: str
    waited: float
    """Seconds, for locks that others held."""


async def read_rows(connection: Connection, reads: ReadSet) -> Locked:
    """Lock and read the rows that a batch needs. Raises `LaneDropped`."""
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
        raise LaneDropped
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
    return Locked(snapshot, row["transaction"], row["waited"])


async def write_rows(
    connection: Connection, writes: WriteSet, now: float, to_look_at: tuple[list[str], list[int]]
) -> Sequence[Any]:
    """All that a batch has decided, in the order that `WriteSet` prescribes.

    Returns the lanes that are ready then, of each kind in `to_look_at` up to a number: as `ready_lanes`."""
    entered = [entered_row(added.live, added.holder) for added in writes.added if added.live.state in LIVE]
    entered += [entered_row(live, None) for live in writes.revived if live.state in LIVE]
    return await connection.fetch(
        _SQL["write_batch"],
        now,
        [{"number": live.number, "partition": live.partition} for live in writes.revived],
        [moved_row(live) for live in writes.moved.values()],
        [added_row(added) for added in writes.added],
        entered,
        [ended_row(ended) for ended in writes.ended],
        [attempt_row(record) for record in writes.attempts],
        [key_row(key) for key in writes.keys],
        usage_rows(writes.usages),
        [{"holder": holder, "seconds": seconds} for holder, seconds in sorted(writes.audio.items())],
        usage_hour_rows(writes.used),
        [lane_row(lane) for lane in writes.lanes],
        *to_look_at,
    )
