"""When a process last made progress with one kind of work."""

from ringback.clock import Clock


class Activity:
    """Noted when a job is claimed, makes progress, or ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._noted_at = clock.monotonic()

    def note(self) -> None:
        self._noted_at = self._clock.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Since progress was last noted, or since the process started."""
        return self._clock.monotonic() - self._noted_at
