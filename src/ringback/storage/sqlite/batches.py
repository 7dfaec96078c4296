"""A batch of commands in SQLite: what it reads and what it writes. `jobs.batch` decides."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from ringback.jobs.job import LIVE, JobId, State
from ringback.jobs.records import (
    AddedJob,
    KnownKey,
    LaneRecord,
    ReadSet,
    RowSet,
    WriteSet,
)
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
from ringback.storage.sqlite import daily_audio, usage
from ringback.storage.sqlite.execute import fetch, fetch_one, insert_all, json_array, write_all
from ringback.storage.sqlite.queries import load

_SQL = load("batches.sql")

HOUR = 3600.0


def read_rows(connection: sqlite3.Connection, reads: ReadSet, now: float) -> RowSet:
    """The rows that a batch needs; missing lanes are made."""
    snapshot = RowSet(now)
    if reads.live:
        rows = fetch(connection, _SQL["live_jobs"], {"ids": json_array(reads.live)})
        snapshot.live = {live.id: live for live in map(live_job_from, rows)}
    if reads.parked:
        rows = fetch(connection, _SQL["parked_jobs"], {"ids": json_array(reads.parked)})
        snapshot.parked = {parked.id: parked for parked in map(parked_job_from, rows)}
    _read_sequences(connection, reads, snapshot)
    snapshot.lanes = _lanes(connection, reads, snapshot)
    if reads.keys:
        for row in fetch(connection, _SQL["known_keys"], {"keys": json_array(reads.keys), "now": now}):
            known = KnownKey(JobId(row["id"]), row["fingerprint"])
            snapshot.keys[row["accessor"], row["key"]] = known
    if reads.checks_usages:
        rows = fetch(connection, _SQL["usages"], {"usages": json_array(reads.usages)})
        snapshot.usages = {(row["accessor"], row["kind"]): (row["jobs"], row["weight"]) for row in rows}
    if reads.new:
        [last] = fetch(connection, _SQL["last_number"])
        snapshot.numbers = range(last["number"] + 1, last["number"] + 1 + reads.new)
    return snapshot


def write_rows(connection: sqlite3.Connection, writes: WriteSet, now: float) -> None:
    """In the order that `WriteSet` prescribes. An id that is there already raises `ValueError`."""
    if writes.revived:
        write_all(connection, _SQL["leave_parked"], [{"number": live.number} for live in writes.revived])
    if writes.ended:
        write_all(connection, _SQL["leave_live"], [{"number": ended.live.number} for ended in writes.ended])
    if writes.moved:
        held_first = sorted(writes.moved.values(), key=lambda live: live.state is not State.HELD)
        write_all(connection, _SQL["move_live"], map(moved_row, held_first))
    if writes.added:
        _add_jobs(connection, writes.added, now)
    entering = [entered_row(added.live, added.holder) for added in writes.added if added.live.state in LIVE]
    entering += [entered_row(live, None) for live in writes.revived if live.state in LIVE]
    if entering:
        insert_all(connection, _SQL["enter_live"], entering)
    if writes.ended:
        write_all(
            connection,
            _SQL["enter_ended"],
            [ended_row(ended) | {"finished_at": now} for ended in writes.ended],
        )
    if writes.audio:
        daily_audio.count(connection, writes.audio, now)
    if writes.used:
        usage.count(connection, writes.used)
    _write_related(connection, writes)


def _read_sequences(connection: sqlite3.Connection, reads: ReadSet, snapshot: RowSet) -> None:
    sequences = reads.sequences | reads.whole_sequences
    sequences |= {live.sequence for live in snapshot.live.values() if live.sequence is not None}
    sequences |= {parked.sequence for parked in snapshot.parked.values() if parked.sequence is not None}
    if not sequences:
        return
    numbers = json_array(live.number for live in snapshot.live.values())
    for sequence in sequences:
        if sequence in reads.whole_sequences:
            rows = fetch(connection, _SQL["whole_sequence"], {"sequence": sequence})
        else:
            parameters = {"sequence": sequence, "numbers": numbers}
            rows = fetch(connection, _SQL["next_in_sequence"], parameters)
        for live in map(live_job_from, rows):
            snapshot.live.setdefault(live.id, live)


def _lanes(connection: sqlite3.Connection, reads: ReadSet, snapshot: RowSet) -> dict[int, LaneRecord]:
    rows: list[dict[str, Any]] = []
    if reads.lanes:
        rows += fetch(connection, _SQL["lanes_by_name"], {"lanes": json_array(reads.lanes)})
        known = {(row["kind"], row["name"]) for row in rows}
        for (kind, name), cap in reads.lanes.items():
            if (kind, name) not in known:
                rows += fetch(connection, _SQL["open_lane"], {"kind": kind, "name": name, "cap": cap})
    concerned = {live.lane for live in snapshot.live.values()}
    concerned |= {parked.lane for parked in snapshot.parked.values()}
    concerned -= {row["id"] for row in rows}
    if concerned:
        rows += fetch(connection, _SQL["lanes_by_id"], {"ids": json_array(concerned)})
    lanes = map(lane_from, rows)
    return {lane.id: lane for lane in lanes}


def _add_jobs(connection: sqlite3.Connection, added: Sequence[AddedJob], now: float) -> None:
    rows = [added_row(one) | {"created_at": now} for one in added]
    try:
        insert_all(connection, _SQL["add_job"], rows)
    except sqlite3.IntegrityError as error:
        if "job.id" in str(error):
            raise ValueError(f"there is a job {_known(connection, added)} already") from None
        raise
    connection.execute(_SQL["open_hour"], {"first": added[0].live.number, "hour": int(now // HOUR)})


def _known(connection: sqlite3.Connection, added: Sequence[AddedJob]) -> JobId:
    """The first of these whose id is another job's, be it one of these."""
    seen: set[JobId] = set()
    for one in added:
        found = fetch_one(connection, _SQL["number_of"], {"id": one.job.id})
        if one.job.id in seen or (found is not None and found["number"] != one.live.number):
            return one.job.id
        seen.add(one.job.id)
    raise AssertionError("the database refused an id that is not there")


def _write_related(connection: sqlite3.Connection, writes: WriteSet) -> None:
    """Attempts, keys, usages and lanes."""
    if writes.attempts:
        write_all(connection, _SQL["record_attempt"], map(attempt_row, writes.attempts))
    if writes.keys:
        write_all(connection, _SQL["remember_key"], map(key_row, writes.keys))
    if writes.usages:
        write_all(connection, _SQL["change_usage"], usage_rows(writes.usages))
    if writes.lanes:
        write_all(connection, _SQL["change_lane"], map(lane_row, writes.lanes))
    for lane in writes.lanes:
        if lane.next_due_stale:
            connection.execute(_SQL["find_next_due"], {"id": lane.id})
