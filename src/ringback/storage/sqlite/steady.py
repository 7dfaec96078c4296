"""The ledger's clock: wall-clock time that does not jump while a process runs."""

from ringback.clock import Clock


class SteadyClock:
    """The wall clock's time at the start, and what the monotonic clock has counted since.

    When the machine's clock is set forward by an hour, retries shall not burst; when it is set back,
    they shall not stall. A time set while no process serves is dealt with when the next one takes over.
    What it costs: after the machine has slept, or its clock was set, the times in the ledger stay off by
    as much until the next start.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now() - clock.monotonic()

    def now(self) -> float:
        return self._start + self._clock.monotonic()
