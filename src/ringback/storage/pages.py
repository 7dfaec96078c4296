"""Pages of a project's jobs: a walk along an index yields the numbers of candidates, a query filters them.

Rare conditions have an index (parked and cancelled jobs, a lane, codes of 300 and more, failures), and a time
range becomes a range of numbers. All other conditions (accessor, method, tags, success, live states) are
tested on the candidates, of which one page examines at most `MOST_CANDIDATES`.
"""

import heapq
import itertools
from collections.abc import Generator, Sequence

from ringback.jobs.job import LIVE, Job, JobFilter, Page, State
from ringback.storage.rows import Row, job_from
from ringback.storage.steps import Query

MOST_CANDIDATES = 10_000
"""After these a page is returned short, with a `next` that goes on after them."""

LARGEST_SLICE = 1_000
"""Candidates that one statement filters."""

_NEWEST = (1 << 63) - 1
_HOUR = 3600.0
_APART = frozenset({State.PARKED, State.CANCELLED})


def page(where: JobFilter, limit: int, before: str | None) -> Generator[Query, list[Row], Page]:
    """The statements are those of `pages.sql`. `before` is a page's `next`; `ValueError` when it is not."""
    last = _NEWEST if before is None else _position(before) - 1
    first, last = yield from _bounds(where, last)
    walks, size = _walks(where), limit + 1
    found: list[tuple[int, Job]] = []
    examined = 0
    while first <= last and len(found) <= limit and limit > 0:
        numbers = yield from _candidates(walks, first, last, size)
        if numbers and examined >= MOST_CANDIDATES:
            return Page(tuple(job for _number, job in found), str(numbers[0] + 1))
        if numbers:
            found += yield from _matching(where, numbers, limit + 1 - len(found))
        examined += len(numbers)
        if len(numbers) < size:
            break
        last = numbers[-1] - 1
        size = min(2 * size, LARGEST_SLICE)
    jobs = tuple(job for _number, job in found[:limit])
    return Page(jobs, str(found[limit - 1][0]) if len(found) > limit > 0 else None)


def _position(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _NEWEST:
        raise ValueError(f"no page ends at {text}")
    return number


def _bounds(where: JobFilter, last: int) -> Generator[Query, list[Row], tuple[int, int]]:
    """The first and the last number of possible candidates; the last is smaller when there are none."""
    first = 0
    if where.id is not None:
        rows = yield Query("number_by_id", {"id": where.id})
        if not rows:
            return 1, 0
        first, last = rows[0]["number"], min(last, rows[0]["number"])
    if where.since is not None:
        [row] = yield Query("first_since", {"hour": _hour(where.since)})
        first = max(first, _NEWEST if row["number"] is None else row["number"])
    if where.until is not None:
        [row] = yield Query("last_until", {"hour": _hour(where.until), "newest": _NEWEST})
        last = min(last, 0 if row["number"] is None else row["number"])
    return first, last


def _walks(where: JobFilter) -> Sequence[Query]:
    """The walks that yield the fewest candidates and miss no job that matches."""
    place = {"project": where.project, "kind": where.kind}
    in_lane = {"kind": where.kind, "lane": where.lane}
    if where.parent is not None:
        return [Query("walk_children", {"parent": where.parent})]
    if where.states is not None and State.DONE not in where.states:
        name, narrowed = ("walk_apart", place) if where.lane is None else ("walk_apart_by_lane", in_lane)
        walks = [Query(name, {**narrowed, "state": state.value}) for state in sorted(_APART & where.states)]
        if where.states & LIVE:
            walks.append(Query("walk_live" if where.states & LIVE - {State.LEASED} else "walk_leased", {}))
        return walks
    if where.lane is not None:
        return [Query("walk_lane", in_lane)]
    if where.succeeded is False:
        return [Query("walk_failed", place)]
    if where.code is not None and where.code >= 300:
        return [
            Query("walk_code", {**place, "code": where.code}),
            Query("walk_live_code", {"code": where.code}),
        ]
    return [Query("walk_all", place)]


def _candidates(
    walks: Sequence[Query], first: int, last: int, size: int
) -> Generator[Query, list[Row], list[int]]:
    """Up to `size` numbers of all walks, the largest first."""
    found = []
    for walk in walks:
        parameters = {**walk.parameters, "first": first, "last": last, "limit": size}
        rows = yield Query(walk.name, parameters)
        found.append([row["number"] for row in rows])
    # A job that ends between two of the walks is found by both.
    merged = (number for number, _same in itertools.groupby(heapq.merge(*found, reverse=True)))
    return list(itertools.islice(merged, size))


def _matching(
    where: JobFilter, numbers: list[int], limit: int
) -> Generator[Query, list[Row], list[tuple[int, Job]]]:
    """The jobs that match, the newest first; with tags they may be more than `limit`."""
    parameters = {
        "numbers": numbers,
        "project": where.project,
        "kind": where.kind,
        "accessor": where.accessor,
        "method": where.method,
        "succeeded": where.succeeded,
        "since": where.since,
        "until": where.until,
        "states": None if where.states is None else sorted(state.value for state in where.states),
        "lane": where.lane,
        "code": where.code,
        "tags": list(where.tags),
        "limit": limit,
    }
    rows = yield Query("matching", parameters)
    found = [(row["number"], job_from(row)) for row in rows]
    return [(number, job) for number, job in found if set(where.tags) <= set(job.tags)]


def _hour(moment: float) -> int:
    return int(moment // _HOUR)
