"""Lists of a project's jobs: a walk along an index names candidates, then these are looked at.

What is rare has an index (parked and cancelled jobs, those of a lane, codes of 300 and more, failures), and
a time is a range of numbers. Whatever else is asked for (accessor, method, tags, success, live states) is
looked for among the candidates, and no further than `LOOK_AT_MOST` of them. As in `storage.sqlite.pages`.
"""

import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from ringback.jobs.job import LIVE, Job, JobFilter, Page, State
from ringback.storage.postgres.database import Database
from ringback.storage.postgres.queries import load
from ringback.storage.postgres.rows import job_from

_SQL = load("pages.sql")

LOOK_AT_MOST = 10_000
"""Candidates after which a page comes back short, with a `next` that goes on behind them."""

LARGEST_SLICE = 1_000
"""Candidates looked at in one statement."""

_NEWEST = (1 << 63) - 1
_HOUR = 3600.0
_APART = frozenset({State.PARKED, State.CANCELLED})

Walk = Callable[[int, int, int], Awaitable[list[int]]]
"""First and last number, and how many at most → numbers, the largest first."""


async def page(database: Database, where: JobFilter, limit: int, before: str | None) -> Page:
    """`before` is a page's `next`; `ValueError` when it is not."""
    last = _NEWEST if before is None else _position(before) - 1
    first, last = await _bounds(database, where, last)
    return await _page(database, where, limit, _candidates(_walks(database, where), first, last, limit + 1))


async def _page(database: Database, where: JobFilter, limit: int, slices: AsyncIterator[list[int]]) -> Page:
    found: list[tuple[int, Job]] = []
    looked_at = 0
    async for numbers in slices:
        if len(found) > limit or limit == 0:
            break
        if looked_at >= LOOK_AT_MOST:
            return Page(tuple(job for _number, job in found), str(numbers[0] + 1))
        found += await _matching(database, where, numbers)
        looked_at += len(numbers)
    jobs = tuple(job for _number, job in found[:limit])
    return Page(jobs, str(found[limit - 1][0]) if len(found) > limit > 0 else None)


def _position(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _NEWEST:
        raise ValueError(f"no page ends at {text}")
    return number


async def _bounds(database: Database, where: JobFilter, last: int) -> tuple[int, int]:
    """The first and the last number that need to be looked at; the one behind the other when none does."""
    first = 0
    if where.id is not None:
        number = await database.value(_SQL["number_by_id"], where.id)
        if number is None:
            return 1, 0
        first, last = number, min(last, number)
    if where.since is not None:
        since = await database.value(_SQL["first_since"], _hour(where.since))
        first = max(first, _NEWEST if since is None else since)
    if where.until is not None:
        until = await database.value(_SQL["last_until"], _hour(where.until), _NEWEST)
        last = min(last, 0 if until is None else until)
    return first, last


def _walks(database: Database, where: JobFilter) -> list[Walk]:
    """The fewest candidates among which all that is asked for can be found."""
    place = (where.project, where.kind)
    in_lane = (where.kind, where.lane)

    def walk(name: str, *narrowed: Any) -> Walk:
        async def numbers(first: int, last: int, limit: int) -> list[int]:
            rows = await database.fetch(_SQL[name], first, last, limit, *narrowed)
            return [row[0] for row in rows]

        return numbers

    if where.parent is not None:
        return [walk("walk_children", where.parent)]
    if where.states is not None and State.DONE not in where.states:
        name, narrowed = ("walk_apart", place) if where.lane is None else ("walk_apart_by_lane", in_lane)
        walks = [walk(name, *narrowed, state.value) for state in sorted(_APART & where.states)]
        if where.states & LIVE:
            walks.append(walk("walk_live" if where.states & LIVE - {State.LEASED} else "walk_leased"))
        return walks
    if where.lane is not None:
        return [walk("walk_lane", *in_lane)]
    if where.succeeded is False:
        return [walk("walk_failed", *place)]
    if where.code is not None and where.code >= 300:
        return [walk("walk_code", *place, where.code), walk("walk_live_code", where.code)]
    return [walk("walk_all", *place)]


async def _candidates(walks: list[Walk], first: int, last: int, size: int) -> AsyncIterator[list[int]]:
    """Slices of all walks' numbers, the largest first: small ones to begin with, then larger ones."""
    while first <= last:
        found = [await walk(first, last, size) for walk in walks]
        # A job that ended while we walked may stand in two of them.
        merged = (number for number, _same in itertools.groupby(heapq.merge(*found, reverse=True)))
        numbers = list(itertools.islice(merged, size))
        if numbers:
            yield numbers
        if len(numbers) < size:
            return
        last = numbers[-1] - 1
        size = min(2 * size, LARGEST_SLICE)


async def _matching(database: Database, where: JobFilter, numbers: list[int]) -> list[tuple[int, Job]]:
    tags = [msgspec.json.encode(tag).decode() for tag in where.tags]
    rows = await database.fetch(
        _SQL["matching"],
        numbers,
        where.project,
        where.kind,
        where.accessor,
        where.method,
        where.succeeded,
        where.since,
        where.until,
        None if where.states is None else [state.value for state in where.states],
        where.lane,
        where.code,
        tags,
    )
    found = [(row[0], job_from(row)) for row in rows]
    return [(number, job) for number, job in found if set(where.tags) <= set(job.tags)]


def _hour(moment: float) -> int:
    return int(moment // _HOUR)
