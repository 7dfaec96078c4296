"""When a process last got anywhere with one kind of work."""

from ringback.clock import Clock


class Activity:
    """Noted when a job is taken up, is seen to advance, or ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._noted_at = clock.monotonic()

    def note(self) -> None:
        self._noted_at = self._clock.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Since it was last noted, or made."""
        return self._clock.monotonic() - self._noted_at
