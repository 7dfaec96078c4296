"""Credentials that are not valid: the answer is the same for all, the log and the metrics say more."""

from enum import StrEnum

from starlette.requests import HTTPConnection

from ringback import telemetry
from ringback.errors import Refusal
from ringback.server.capacity import ReportLimiter

REPORTED_EVERY = 10.0
"""Seconds between two events of one reason: anybody can cause them, at any rate."""


class AuthFailure(StrEnum):
    """Why credentials are not valid. A caller does not learn it."""

    MISSING = "missing"
    """There are none."""
    MALFORMED = "malformed"
    """Neither `Token` nor `Bearer` with something behind it."""
    UNKNOWN = "unknown"
    """No such key, and no token of ours."""
    EXPIRED = "expired"
    """A key or a token whose time is over."""
    GONE = "gone"
    """A token whose project is deleted."""


class InvalidCredentials(Refusal):
    """401, in Deepgram's words (https://developers.deepgram.com/docs/errors)."""

    def __init__(self, cause: AuthFailure, key_id: str | None = None, key_name: str | None = None) -> None:
        super().__init__(401, "INVALID_AUTH", "Invalid credentials.")
        self.cause = cause
        self.key_id = key_id
        """Where it is known: of an expired key or token."""
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
