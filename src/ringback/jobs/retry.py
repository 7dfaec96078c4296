"""When to try again. Pure: the jitter is drawn by the caller, who may only add it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Up to `retries` further attempts; each `delay` seconds after the one before it has ended."""

    retries: int
    delay: float

    def delay_after(self, tries: int) -> float | None:
        """Seconds to wait after `tries` attempts; None when the last one has been made."""
        return self.delay if tries <= self.retries else None


@dataclass(frozen=True, slots=True)
class GrowingSchedule:
    """One attempt more per entry, that many seconds after the one before it has ended."""

    delays: tuple[float, ...]

    def delay_after(self, tries: int) -> float | None:
        """Seconds to wait after `tries` attempts; None when the last one has been made."""
        return self.delays[tries - 1] if tries <= len(self.delays) else None
