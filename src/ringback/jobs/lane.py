"""How many jobs a lane may have in flight: fair shares, the health cap and the breaker. Pure.

Lanes of receivers have health. Lanes of callers have none: the jobs that one of them may have in flight are
its share of each worker's slots (`Shares`), first of its project and then of its key.

A lane's cap starts at 4, grows by one per 20 successes up to 32 and is halved by every bad signal. After
5 bad signals in a row the breaker opens for 5, 10, 20, then 30 s; each time it then lets one job through as a
probe, and only a success closes it. Jobs that wait behind an open breaker count no try.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from ringback.jobs.job import Lane, Signal

FIRST_CAP = 4
LARGEST_CAP = 32
SUCCESSES_PER_STEP = 20
FAILURES_TO_OPEN = 5
OPEN_SECONDS = (5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True)
class Health:
    """A lane's health after its last attempts."""

    cap: int = FIRST_CAP
    successes: int = 0
    """Since the cap last moved."""
    failures: int = 0
    """In a row."""
    openings: int = 0
    """Times in a row that the breaker opened; 0: it is closed."""
    open_until: float = 0.0

    def after(self, signal: Signal, now: float) -> "Health":
        match signal:
            case Signal.GOOD:
                return self._after_success()
            case Signal.BAD:
                return self._after_failure(now)
            case Signal.NEUTRAL:
                return self
        assert_never(signal)

    @property
    def slots(self) -> int:
        """How many jobs may be in flight: one probe while the breaker is not closed."""
        return 1 if self.openings else self.cap

    def _after_success(self) -> "Health":
        successes = self.successes + 1
        if successes < SUCCESSES_PER_STEP:
            return Health(self.cap, successes)
        return Health(min(self.cap + 1, LARGEST_CAP))

    def _after_failure(self, now: float) -> "Health":
        failed = replace(self, cap=max(1, self.cap // 2), successes=0, failures=self.failures + 1)
        if now < self.open_until or failed.failures < FAILURES_TO_OPEN:
            # An attempt that ends while the breaker is open was sent before it opened: it is no probe.
            return failed
        seconds = OPEN_SECONDS[min(self.openings, len(OPEN_SECONDS) - 1)]
        return replace(failed, openings=self.openings + 1, open_until=now + seconds)


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A lane whose breaker is not closed: its due jobs wait."""

    until: float
    """Unix seconds by the ledger's clock; in the past, one job of the lane is the probe."""
    failures: int
    """In a row."""


def fair_shares(rooms: Sequence[int], limit: int) -> list[int]:
    """Deal `limit` slots out one by one, in turn, until every lane is full or no slot is left."""
    shares = [0] * len(rooms)
    open_lanes = [index for index, room in enumerate(rooms) if room > 0]
    while limit > 0 and open_lanes:
        for index in open_lanes[:limit]:
            shares[index] += 1
        limit -= len(open_lanes[:limit])
        open_lanes = [index for index in open_lanes if shares[index] < rooms[index]]
    return shares


PART_OF_PROJECT = 8
"""One key may hold the free slots of its project divided by this number."""

MOST_CALLERS = 1_000
"""Lanes of callers that a claim chooses from: the longest waiting ones."""

UNBOUNDED_CAP = 1_000_000
"""The cap of a caller's lane: each worker decides its share, not the ledger."""


def callers_lane(project: str, key: str | None) -> Lane:
    """The lane of the requests of one API key."""
    return Lane(f"{project}/{key or ''}")


def project_of(lane: Lane) -> str:
    """The project of a caller's lane; a lane without a key (of an older version) is a project's."""
    return lane.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Shares:
    """The slots of one worker that each caller may hold, and those that each holds.

    A project takes a slot only while it holds fewer than are free; a key only while it holds less than
    `1 / PART_OF_PROJECT` of its project's free slots. The fewer slots are free, the fewer each may take, so
    the next caller finds a free slot however many keys and projects came before it.
    """

    slots: int
    per_key: int
    held: Mapping[Lane, int]

    def room(self, lane: Lane) -> int:
        """Whether this lane may be given one more slot now (1), or not (0)."""
        return int(self._Held(self.held).may_take(lane, self))

    def deal(self, ready: Sequence[tuple[Lane, int]], limit: int) -> list[int]:
        """Up to `limit` slots for ready lanes, each with its largest number of jobs. One by one: to the
        project that holds the fewest, in it to the key that holds the fewest, then to the lane that comes
        first."""
        held = self._Held(self.held)
        shares = [0] * len(ready)
        for _ in range(limit):
            places = [
                place
                for place, (lane, most) in enumerate(ready)
                if shares[place] < most and held.may_take(lane, self)
            ]
            if not places:
                break
            place = min(places, key=lambda place: (*held.of(ready[place][0]), place))
            held.take(ready[place][0])
            shares[place] += 1
        return shares

    def after(self, taken: Iterable[Lane]) -> "Shares":
        """The same, with one more slot held for each of these."""
        return replace(self, held=Counter(self.held) + Counter(taken))

    class _Held:
        """Slots by lane and by project, while they are dealt."""

        def __init__(self, held: Mapping[Lane, int]) -> None:
            self.lanes = Counter(held)
            self.projects: Counter[str] = Counter()
            for lane, slots in held.items():
                self.projects[project_of(lane)] += slots

        def of(self, lane: Lane) -> tuple[int, int]:
            return self.projects[project_of(lane)], self.lanes[lane]

        def may_take(self, lane: Lane, shares: "Shares") -> bool:
            free = shares.slots - self.projects.total()
            of_project, of_lane = self.of(lane)
            part = (free - of_project) / PART_OF_PROJECT
            return of_lane < min(shares.per_key, part)

        def take(self, lane: Lane) -> None:
            self.lanes[lane] += 1
            self.projects[project_of(lane)] += 1


def lanes_to_look_at(limit: int, shares: Shares | None) -> int:
    """How many ready lanes a claim of up to `limit` jobs needs, the longest waiting first."""
    return limit if shares is None else MOST_CALLERS


def deal(ready: Sequence[tuple[Lane, int]], limit: int, shares: Shares | None) -> list[int]:
    """How many jobs a claim takes from each of these lanes with their room, the longest waiting first.
    Without `shares` in turn, with them by what each caller holds of the worker's slots."""
    if shares is None:
        return fair_shares([room for _lane, room in ready], limit)
    return shares.deal(ready, limit)
