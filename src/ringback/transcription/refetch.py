"""When audio that could not be fetched is fetched again. Pure.

The tries are counted in the job, so that a crash starts no new count.
"""

from ringback.retry_schedule import RetrySchedule

FOR_CALLBACK = RetrySchedule((2.0, 10.0, 30.0, 120.0, 300.0))
"""Seconds between tries for a request whose result is called back: its caller has gone, so it can wait."""
FOR_CALLER = RetrySchedule((1.0, 3.0))
"""The same while a caller waits for the response."""
LONGEST_FOR_CALLBACK, LONGEST_FOR_CALLER = 900.0, 10.0
"""Seconds of a host's `Retry-After` that are respected. A callback's job waits at most so long; a waiting
caller gets an error at once when the host wants more."""


def delay_until_refetch(tries: int, retry_after: float | None, *, caller_waits: bool) -> float | None:
    """Seconds until the next try after `tries` have failed; None: that was the last one.

    `retry_after`: seconds, if the host named any.
    """
    delay = (FOR_CALLER if caller_waits else FOR_CALLBACK).delay_after(tries)
    if delay is None or retry_after is None:
        return delay
    if caller_waits and retry_after > LONGEST_FOR_CALLER:
        return None
    return max(delay, min(retry_after, LONGEST_FOR_CALLBACK))
