"""How many jobs a lane may have in flight: fair shares, the health cap and the breaker. Pure.

A lane's cap starts at 4, grows by one per 20 successes up to 32 and is halved by every bad sign. After
5 bad signs in a row the breaker opens for 5, 10, 20, then 30 s; each time it lets one probe through, and
only a success closes it. Waiting behind an open breaker burns no try.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from ringback.jobs.job import Signal

FIRST_CAP = 4
LARGEST_CAP = 32
SUCCESSES_PER_STEP = 20
FAILURES_TO_OPEN = 5
OPEN_SECONDS = (5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True)
class Health:
    """What the last attempts said of a lane."""

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

    def room(self, inflight: int, now: float) -> int:
        """Jobs that may be started now."""
        if now < self.open_until:
            return 0
        return max(0, (1 if self.openings else self.cap) - inflight)

    def _after_success(self) -> "Health":
        successes = self.successes + 1
        if successes < SUCCESSES_PER_STEP:
            return Health(self.cap, successes)
        return Health(min(self.cap + 1, LARGEST_CAP))

    def _after_failure(self, now: float) -> "Health":
        failed = replace(self, cap=max(1, self.cap // 2), successes=0, failures=self.failures + 1)
        if now < self.open_until or failed.failures < FAILURES_TO_OPEN:
            # While it is open, what comes back was sent before: it is no probe.
            return failed
        seconds = OPEN_SECONDS[min(self.openings, len(OPEN_SECONDS) - 1)]
        return replace(failed, openings=self.openings + 1, open_until=now + seconds)


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
