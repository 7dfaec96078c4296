"""Faults of ours that a request may meet: when it is tried again, and what its caller hears in the end."""

import traceback

from ringback import telemetry
from ringback.errors import Failure, Misconfigured
from ringback.jobs.job import Job
from ringback.jobs.store import LedgerUnavailable
from ringback.retry_schedule import RetrySchedule

AFTER_A_SURPRISE = RetrySchedule((1.0, 10.0))
WHILE_IT_PASSES = RetrySchedule((1.0, 5.0, 30.0, 120.0, 600.0, *[1800.0] * 10))
"""Seconds between tries after a fault of ours; after the last one the request is answered with a 500."""

FAULT = Failure(
    500, "Internal Server Error", "The recording could not be transcribed because of a fault in the server."
)
"""What the caller hears after the last try."""


class RecordingLost(OSError):
    """The recording of an accepted request is not where it was put: our loss, and never the caller's."""


def schedule_for(error: Exception) -> RetrySchedule:
    """Trouble of this machine (a full disk, no file handles, a model that cannot be loaded) may be over
    within hours; an error that nobody foresaw, or a lost recording, will most likely stay."""
    passing = isinstance(error, OSError | MemoryError | LedgerUnavailable | Misconfigured)
    return WHILE_IT_PASSES if passing and not isinstance(error, RecordingLost) else AFTER_A_SURPRISE


def report_fault(job: Job, error: Exception, again_in: float | None) -> None:
    """A fault of ours met a request, which is tried again or told of it."""
    if isinstance(error, RecordingLost):
        telemetry.problem(
            "transcription.recording_lost",
            request_id=job.id,
            tries=job.tries + 1,
            again_in=again_in,
            error=str(error.strerror),
        )
        return
    telemetry.problem(
        "transcription.failed",
        request_id=job.parent or job.id,
        tries=job.tries + 1,
        again_in=again_in,
        error=type(error).__name__,
        errno=getattr(error, "errno", None),
        # The frames alone: an exception's text may quote what a caller sent us, a URL with its password.
        frames=traceback.format_tb(error.__traceback__)[-5:],
    )
