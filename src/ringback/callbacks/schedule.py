"""Whose word counts on when a callback is tried again. Pure; `ringback.pauses` has the grammar.

The request's counts before its key's, and that before the server's. What a request or a key names is
fixed when the request is accepted; the server's is the one in force at each attempt.
"""

from ringback.jobs.retry import GrowingSchedule, Schedule
from ringback.pauses import read_pauses

RetrySchedule = Schedule | GrowingSchedule


def chosen(by_request: str | None, by_key: str | None) -> str | None:
    """What `DeliveryOrder.schedule` is to hold; None: the server's."""
    return by_request or by_key


def schedule_of(text: str | None, default: RetrySchedule) -> RetrySchedule:
    """The schedule of an order, whose `text` was judged when it came in; without one the server's."""
    return GrowingSchedule(read_pauses(text)) if text else default
