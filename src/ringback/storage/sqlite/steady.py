"""The ledger's clock: wall-clock time that does not jump while a process runs."""

from ringback.clock import Clock


class SteadyClock:
    """The wall clock's time at the start, plus what the monotonic clock has counted since.

    So retries do not all come at once when the machine's clock is set forward by an hour, and do not stall
    when it is set back. A clock that was set while no process serves is corrected for by `claims.take_over`.
    The cost: after the machine has slept, or its clock was set, the times in the ledger are wrong by as much
    until the next start.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now() - clock.monotonic()

    def now(self) -> float:
        return self._start + self._clock.monotonic()
