"""Which old jobs are dropped, and in which order: one walk for both stores.

Every drop looks at a bounded number of rows, and goes on where the last one stopped.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

LOOK_AT = 4
"""Rows that a drop looks at for each one that it may drop: some wait for their children."""


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
    """No job is there that it is the parent of."""


@dataclass(frozen=True, slots=True)
class LookForOld:
    """The answer: up to `limit` old jobs behind a place, as a list of `OldJob`."""

    stripped: bool
    kind: str
    after: Place
    limit: int


@dataclass(frozen=True, slots=True)
class DropJobs:
    """The answer: how many were dropped."""

    jobs: Sequence[OldJob]


class RetentionWalk:
    """Knows where it stopped."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, bool], Place] = {}

    def drop(self, kinds: Iterable[str], limit: int) -> Generator[LookForOld | DropJobs, Any, int]:
        """Up to `limit` jobs; how many."""
        dropped, looks = 0, LOOK_AT * limit
        for walk in [(kind, stripped) for kind in sorted(kinds) for stripped in (True, False)]:
            if dropped == limit or not looks:
                break
            rows, whole = yield from self._old(walk, looks)
            chosen = _up_to(rows, limit - dropped)
            looks -= len(chosen)
            if chosen:
                self._places[walk] = chosen[-1].place
            if whole and len(chosen) == len(rows):
                self._places.pop(walk, None)  # it was walked to its end
            childless = [row for row in chosen if row.childless]
            if childless:
                dropped += yield DropJobs(childless)
        return dropped

    def _old(
        self, walk: tuple[str, bool], limit: int
    ) -> Generator[LookForOld | DropJobs, Any, tuple[list[OldJob], bool]]:
        """Round the walk once, from where the last drop stopped: what waits there holds up nothing else.
        And whether that was all."""
        kind, stripped = walk
        start = self._places.get(walk, START)
        rows: list[OldJob] = yield LookForOld(stripped, kind, start, limit)
        if start != START and len(rows) < limit:
            rest: list[OldJob] = yield LookForOld(stripped, kind, START, limit - len(rows))
            rows = rows + [row for row in rest if row.place <= start]
        return rows, len(rows) < limit


def _up_to(rows: Sequence[OldJob], limit: int) -> Sequence[OldJob]:
    """The first of these, as far as `limit` childless ones go."""
    childless = 0
    for index, row in enumerate(rows):
        childless += row.childless
        if childless == limit:
            return rows[: index + 1]
    return rows
