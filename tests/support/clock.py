"""Time that moves only when a test says so."""

from collections.abc import Callable


class ManualClock:
    """A clock that a test moves by hand."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self._watchers: list[Callable[[], None]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._now += seconds
        self._monotonic += seconds
        for moved in self._watchers:
            moved()

    def set_back(self, seconds: float) -> None:
        """The machine's clock is set back; no time passes."""
        self._now -= seconds

    def watch(self, moved: Callable[[], None]) -> None:
        """Call `moved` whenever time has passed."""
        self._watchers.append(moved)
