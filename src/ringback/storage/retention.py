"""Which old jobs are dropped, and in which order: one walk for both stores.

Every drop reads a bounded number of rows, and continues where the last one stopped.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

ROWS_PER_DROP = 4
"""Rows that are read for each one that may be dropped: a job is kept while it has children."""


class Place(NamedTuple):
    """Where an ended job stands among those of its kind, the longest ended first."""

    finished_at: float
    number: int


START = Place(float("-inf"), 0)


@dataclass(frozen=True, slots=True)
class OldJob:
    place: Place
    partition: int
    """As `jobs.records.LiveJob` has it."""
    childless: bool
    """No job in the ledger has it as its parent."""


@dataclass(frozen=True, slots=True)
class FindOldJobs:
    """The answer: up to `limit` old jobs after a place, as a list of `OldJob`."""

    stripped: bool
    kind: str
    after: Place
    limit: int


@dataclass(frozen=True, slots=True)
class DropJobs:
    """The answer: how many were dropped."""

    jobs: Sequence[OldJob]


class RetentionWalk:
    """Remembers, for each kind, where the last drop stopped."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, bool], Place] = {}

    def drop(self, kinds: Iterable[str], limit: int) -> Generator[FindOldJobs | DropJobs, Any, int]:
        """Drop up to `limit` jobs; the number of those dropped."""
        dropped, rows_left = 0, ROWS_PER_DROP * limit
        for walk in [(kind, stripped) for kind in sorted(kinds) for stripped in (True, False)]:
            if dropped == limit or not rows_left:
                break
            rows, complete = yield from self._find_old(walk, rows_left)
            chosen = _up_to(rows, limit - dropped)
            rows_left -= len(chosen)
            if chosen:
                self._places[walk] = chosen[-1].place
            if complete and len(chosen) == len(rows):
                self._places.pop(walk, None)  # the next drop begins again from the longest ended
            childless = [row for row in chosen if row.childless]
            if childless:
                dropped += yield DropJobs(childless)
        return dropped

    def _find_old(
        self, walk: tuple[str, bool], limit: int
    ) -> Generator[FindOldJobs | DropJobs, Any, tuple[list[OldJob], bool]]:
        """Old jobs from where the last drop stopped, then those before it; and whether these are all of them.
        Jobs that have children, and cannot be dropped yet, so never keep the others from being found."""
        kind, stripped = walk
        start = self._places.get(walk, START)
        rows: list[OldJob] = yield FindOldJobs(stripped, kind, start, limit)
        if start != START and len(rows) < limit:
            earlier: list[OldJob] = yield FindOldJobs(stripped, kind, START, limit - len(rows))
            rows = rows + [row for row in earlier if row.place <= start]
        return rows, len(rows) < limit


def _up_to(rows: Sequence[OldJob], limit: int) -> Sequence[OldJob]:
    """The first of these, up to the `limit`th that has no children."""
    childless = 0
    for index, row in enumerate(rows):
        childless += row.childless
        if childless == limit:
            return rows[: index + 1]
    return rows
