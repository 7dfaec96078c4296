"""Invalid credentials: all get the same answer; the log and the metrics have the reason."""

from enum import StrEnum

from starlette.requests import HTTPConnection

from ringback import telemetry
from ringback.errors import Refusal
from ringback.server.capacity import ReportLimiter

REPORTED_EVERY = 10.0
"""Seconds between two events of one reason: any client can cause them, at any rate."""


class AuthFailure(StrEnum):
    """Why credentials are not valid. The caller is not told."""

    MISSING = "missing"
    """There are none."""
    MALFORMED = "malformed"
    """Neither `Token` nor `Bearer` with a secret after it."""
    UNKNOWN = "unknown"
    """No such key, and no token of this server."""
    EXPIRED = "expired"
    """An expired key or token."""
    PROJECT_DELETED = "gone"
    """A token whose project is deleted."""


class InvalidCredentials(Refusal):
    """401, in Deepgram's words (https://developers.deepgram.com/docs/errors)."""

    def __init__(self, cause: AuthFailure, key_id: str | None = None, key_name: str | None = None) -> None:
        super().__init__(401, "INVALID_AUTH", "Invalid credentials.")
        self.cause = cause
        self.key_id = key_id
        """For an expired key or token, where it is known."""
        self.key_name = key_name


class AuthFailureLog:
    """Counts every failure, and reports a sample of them."""

    def __init__(self) -> None:
        self._limiters = {cause: ReportLimiter(REPORTED_EVERY) for cause in AuthFailure}

    def report(self, request: HTTPConnection, failure: InvalidCredentials, now: float) -> None:
        """`now`: monotonic."""
        telemetry.AUTH_FAILURES.labels(failure.cause.value).inc()
        if count := self._limiters[failure.cause].due(now):
            telemetry.problem(
                "auth.failed",
                reason=failure.cause.value,
                client=None if request.client is None else request.client.host,
                route=getattr(request.scope.get("route"), "path", None),
                key=failure.key_id,
                key_name=failure.key_name,
                count=count,
            )
