"""Lists of a project's jobs: a walk along an index names candidates, then these are looked at.

What is rare has an index (parked and cancelled jobs, those of a lane, codes of 300 and more, failures), and
a time is a range of numbers. Whatever else is asked for (accessor, method, tags, success, live states) is
looked for among the candidates, and no further than `LOOK_AT_MOST` of them.
"""

import heapq
import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import msgspec

from ringback.jobs.job import LIVE, Job, JobFilter, Page, State
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.rows import job_from

_SQL = load("pages.sql")
_NUMBER_BY_ID = _SQL["number_by_id"]
_FIRST_SINCE = _SQL["first_since"]
_LAST_UNTIL = _SQL["last_until"]
_WALK_ALL = _SQL["walk_all"]
_WALK_LANE = _SQL["walk_lane"]
_WALK_CHILDREN = _SQL["walk_children"]
_WALK_LIVE = _SQL["walk_live"]
_WALK_LEASED = _SQL["walk_leased"]
_WALK_LIVE_CODE = _SQL["walk_live_code"]
_WALK_APART = _SQL["walk_apart"]
_WALK_APART_BY_LANE = _SQL["walk_apart_by_lane"]
_WALK_CODE = _SQL["walk_code"]
_WALK_FAILED = _SQL["walk_failed"]
_MATCHING = _SQL["matching"]

LOOK_AT_MOST = 10_000
"""Candidates after which a page comes back short, with a `next` that goes on behind them."""

LARGEST_SLICE = 1_000
"""Candidates looked at in one statement."""

_NEWEST = (1 << 63) - 1
_HOUR = 3600.0
_APART = frozenset({State.PARKED, State.CANCELLED})

Walk = Callable[[int, int, int], list[int]]
"""First and last number, and how many at most → numbers, the largest first."""


def page(connection: sqlite3.Connection, where: JobFilter, limit: int, before: str | None) -> Page:
    """`before` is a page's `next`; `ValueError` when it is not."""
    last = _NEWEST if before is None else _position(before) - 1
    connection.execute("begin")
    try:
        first, last = _bounds(connection, where, last)
        return _page(connection, where, limit, _candidates(_walks(connection, where), first, last, limit + 1))
    finally:
        connection.execute("commit")


def _position(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _NEWEST:
        raise ValueError(f"no page ends at {text}")
    return number


def _page(connection: sqlite3.Connection, where: JobFilter, limit: int, slices: Iterator[list[int]]) -> Page:
    found: list[tuple[int, Job]] = []
    looked_at = 0
    for numbers in slices:
        if len(found) > limit or limit == 0:
            break
        if looked_at >= LOOK_AT_MOST:
            return Page(tuple(job for _number, job in found), str(numbers[0] + 1))
        found += _matching(connection, where, numbers, limit + 1 - len(found))
        looked_at += len(numbers)
    jobs = tuple(job for _number, job in found[:limit])
    return Page(jobs, str(found[limit - 1][0]) if len(found) > limit > 0 else None)


def _bounds(connection: sqlite3.Connection, where: JobFilter, last: int) -> tuple[int, int]:
    """The first and the last number that need to be looked at; the one behind the other when none does."""
    first = 0
    if where.id is not None:
        row = connection.execute(_NUMBER_BY_ID, {"id": where.id}).fetchone()
        if row is None:
            return 1, 0
        first, last = row[0], min(last, row[0])
    if where.since is not None:
        [(since,)] = connection.execute(_FIRST_SINCE, {"hour": int(where.since // _HOUR)}).fetchall()
        first = max(first, _NEWEST if since is None else since)
    if where.until is not None:
        asked = {"hour": int(where.until // _HOUR), "newest": _NEWEST}
        [(until,)] = connection.execute(_LAST_UNTIL, asked).fetchall()
        last = min(last, 0 if until is None else until)
    return first, last


def _walks(connection: sqlite3.Connection, where: JobFilter) -> list[Walk]:
    """The fewest candidates among which all that is asked for can be found."""
    walk = partial(_walk, connection)
    place: dict[str, object] = {"project": where.project, "kind": where.kind}
    in_lane: dict[str, object] = {"kind": where.kind, "lane": where.lane}
    if where.parent is not None:
        return [walk(_WALK_CHILDREN, {"parent": where.parent})]
    if where.states is not None and State.DONE not in where.states:
        apart = [{"state": state} for state in sorted(_APART & where.states)]
        if where.lane is None:
            walks = [walk(_WALK_APART, place | state) for state in apart]
        else:
            walks = [walk(_WALK_APART_BY_LANE, in_lane | state) for state in apart]
        if where.states & LIVE:
            walks.append(walk(_WALK_LIVE if where.states & LIVE - {State.LEASED} else _WALK_LEASED, {}))
        return walks
    if where.lane is not None:
        return [walk(_WALK_LANE, in_lane)]
    if where.succeeded is False:
        return [walk(_WALK_FAILED, place)]
    if where.code is not None and where.code >= 300:
        code = {"code": where.code}
        return [walk(_WALK_CODE, place | code), walk(_WALK_LIVE_CODE, code)]
    return [walk(_WALK_ALL, place)]


def _walk(connection: sqlite3.Connection, statement: str, narrowed: Mapping[str, object]) -> Walk:
    def walk(first: int, last: int, limit: int) -> list[int]:
        asked = {**narrowed, "first": first, "last": last, "limit": limit}
        return [number for (number,) in connection.execute(statement, asked)]

    return walk


def _candidates(walks: list[Walk], first: int, last: int, size: int) -> Iterator[list[int]]:
    """Slices of all walks' numbers, the largest first: small ones to begin with, then larger ones."""
    while first <= last:
        found = (walk(first, last, size) for walk in walks)
        numbers = list(itertools.islice(heapq.merge(*found, reverse=True), size))
        if numbers:
            yield numbers
        if len(numbers) < size:
            return
        last = numbers[-1] - 1
        size = min(2 * size, LARGEST_SLICE)


def _matching(
    connection: sqlite3.Connection, where: JobFilter, numbers: list[int], limit: int
) -> list[tuple[int, Job]]:
    parameters = {
        "numbers": msgspec.json.encode(numbers).decode(),
        "project": where.project,
        "kind": where.kind,
        "accessor": where.accessor,
        "method": where.method,
        "succeeded": where.succeeded,
        "since": where.since,
        "until": where.until,
        "states": None if where.states is None else msgspec.json.encode(sorted(where.states)).decode(),
        "lane": where.lane,
        "code": where.code,
        "tags": msgspec.json.encode(where.tags).decode(),
        "limit": limit,
    }
    return [(row[0], job_from(row)) for row in connection.execute(_MATCHING, parameters)]
