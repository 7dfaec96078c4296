"""Faults of the server that a request may meet: when it is tried again, and what its caller gets in the
end."""

import traceback

from ringback import telemetry
from ringback.errors import Failure, Misconfigured
from ringback.jobs.job import Job
from ringback.jobs.store import LedgerUnavailable
from ringback.retry_schedule import RetrySchedule

AFTER_UNEXPECTED = RetrySchedule((1.0, 10.0))
"""For an unexpected error: it will most likely stay."""
AFTER_TEMPORARY = RetrySchedule((1.0, 5.0, 30.0, 120.0, 600.0, *[1800.0] * 10))
"""For trouble of this machine (a full disk, no file handles, a model that cannot be loaded): it may be over
within hours."""

FAULT = Failure(
    500, "Internal Server Error", "The request could not be carried out because of a fault in the server."
)
"""The response after the last try."""


class RecordingLost(OSError):
    """The recording, or text, of an accepted request is not where it was stored: never the caller's fault."""


def schedule_for(error: Exception) -> RetrySchedule:
    """When a job that met this error is tried again."""
    temporary = isinstance(error, OSError | MemoryError | LedgerUnavailable | Misconfigured)
    return AFTER_TEMPORARY if temporary and not isinstance(error, RecordingLost) else AFTER_UNEXPECTED


def report_fault(job: Job, error: Exception, again_in: float | None) -> None:
    """Log a fault; `again_in`: seconds until the next try, None: the request ends with a 500."""
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
