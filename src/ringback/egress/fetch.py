"""Fetching audio: GET, redirects, limits of time and pace, and an error that names what came instead."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from yarl import URL

from ringback import __version__
from ringback.clock import Clock
from ringback.egress.connection import HttpConnection, NotHttp
from ringback.egress.content import FIRST_BYTES, BadCoding, Unpacker, what_it_is_instead
from ringback.egress.dial import Dial, Dialler
from ringback.egress.names import Requester
from ringback.egress.no_response import no_response
from ringback.egress.policy import Policy
from ringback.egress.request import Request
from ringback.egress.responses import (
    FetchFailed,
    FetchLimits,
    FetchReason,
    FetchResponse,
    NoResponseReason,
    Unresolvable,
)
from ringback.egress.target import Target, TargetError, parse_target

MAX_REDIRECTS: Final = 5


@dataclass(slots=True)
class AudioFetch:
    """One fetch; its connections are used for nothing else."""

    dialler: Dialler
    policy: Policy
    clock: Clock
    requester: Requester
    limits: FetchLimits
    deadline: float
    """By the clock's monotonic time."""
    connection: HttpConnection | None = None
    """The one in use."""

    async def begin(self, target: Target) -> FetchResponse:
        """The final response after redirects, if it has a body. Raises `FetchFailed`, or for a
        trouble of our own `OSError`."""
        for redirects in range(MAX_REDIRECTS + 1):
            connection = await self._get(target, redirects)
            answer = connection.answer
            assert answer.status is not None, "the headers are there"
            if answer.status in _REDIRECTS:
                self.drop()
                target = self._next(target, answer.header(b"location"))
            elif answer.status in _WITHOUT_CONTENT:
                raise FetchFailed(FetchReason.NO_DATA, f"it answered {_status(connection)}: without a body")
            elif 200 <= answer.status < 300:
                length = answer.header(b"content-length")
                packed = answer.header(b"content-encoding") is not None
                size = int(length) if length is not None and length.isdigit() and not packed else None
                return FetchResponse(answer.status, self._chunks(connection), size)
            else:
                raise _refused_by_host(connection)
        raise FetchFailed(FetchReason.TOO_MANY_REDIRECTS, f"more than {MAX_REDIRECTS}")

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.drop()

    async def _get(self, target: Target, redirects: int) -> HttpConnection:
        now = self.clock.monotonic()
        seconds = min(self.limits.response, self.deadline - now)
        dial = Dial(self.limits.connect, self.clock, now)
        headers = {"User-Agent": f"ringback/{__version__}", "Connection": "close"}
        try:
            async with asyncio.timeout(seconds):
                self.connection = connection = await self.dialler.connect(
                    target, self.requester, dial, HttpConnection
                )
                await connection.send_request(Request(target, "GET", headers).head, b"", dial.note_sent)
                await connection.receive_headers()
        except Exception as error:
            self.drop()
            failed = no_response(error, dial, self.clock.monotonic(), seconds)
            if failed.reason is NoResponseReason.OURS:
                raise  # no fault of the URL: the fetch is tried again
            reason = _REASONS.get(failed.reason, FetchReason.NO_DATA)
            detail = f"after a redirect: {failed.detail}" if redirects else failed.detail
            raise FetchFailed(reason, detail, temporary=_may_pass(failed.reason, error)) from None
        except BaseException:
            self.drop()
            raise
        return connection

    def _next(self, target: Target, location: str | None) -> Target:
        """Where a redirect leads, read like a URL from a user; credentials stay with their origin."""
        if not location:
            raise FetchFailed(FetchReason.BAD_LOCATION, "it is missing")
        try:
            # "http://" alone would be read as a relative reference to where we are.
            url = location if _SCHEME.match(location) else str(target.url.join(URL(location)))
            if _EMPTY_HOST.match(location):
                raise FetchFailed(FetchReason.BAD_LOCATION, "it names no host")
            following = parse_target(url, self.policy, ports=False)
        except TargetError as error:
            raise FetchFailed(FetchReason.BAD_LOCATION, str(error)) from None
        except ValueError:
            raise FetchFailed(FetchReason.BAD_LOCATION, "it cannot be read") from None
        if following.credentials is None and following.origin == target.origin:
            return following.with_credentials_of(target)
        return following

    async def _chunks(self, connection: HttpConnection) -> AsyncGenerator[bytes, None]:
        """The audio. Raises `FetchFailed` when the rest does not come, or is clearly no audio."""
        answer = connection.answer
        first = b""
        judged = False
        try:
            unpacker = Unpacker(answer.header(b"content-encoding"))
            async for packed in self._body(connection):
                for chunk in unpacker.unpack(packed):
                    if judged:
                        yield chunk
                        continue
                    first += chunk
                    judged = len(first) >= FIRST_BYTES
                    if judged:
                        yield _audio(first, connection)
            rest = unpacker.end()
        except BadCoding as error:
            raise FetchFailed(FetchReason.NO_DATA, str(error)) from None
        if not judged:
            yield _audio(first + rest, connection)

    async def _body(self, connection: HttpConnection) -> AsyncGenerator[bytes, None]:
        """The body as it is sent. Only waiting for the host counts against its pace, not the time that we
        take."""
        limits = self.limits
        waited, arrived = 0.0, 0
        while True:
            began = self.clock.monotonic()
            remaining = max(0.0, self.deadline - began)
            patience = max(0.0, limits.pace_window - waited) if limits.bytes_per_second else remaining
            try:
                async with asyncio.timeout(min(remaining, patience)):
                    chunk = await connection.receive_body()
            except TimeoutError:
                if remaining <= patience:
                    raise FetchFailed(FetchReason.NO_DATA, "it took too long") from None
                raise FetchFailed(FetchReason.NO_DATA, _too_slow(limits), temporary=True) from None
            except NotHttp as error:
                raise FetchFailed(FetchReason.NO_DATA, str(error), temporary=True) from None
            if not chunk:
                return
            waited += self.clock.monotonic() - began
            arrived += len(chunk)
            if arrived >= limits.bytes_per_second * limits.pace_window:
                waited, arrived = 0.0, 0
            yield chunk


def _audio(first: bytes, connection: HttpConnection) -> bytes:
    if not first:
        raise FetchFailed(FetchReason.NO_DATA, f"it answered {_status(connection)} with an empty body")
    instead = what_it_is_instead(connection.answer.header(b"content-type"), first)
    if instead is not None:
        raise FetchFailed(FetchReason.NO_DATA, f"it answered with {instead}")
    return first


def _may_pass(reason: NoResponseReason, error: Exception) -> bool:
    match reason:
        case NoResponseReason.BLOCKED:
            return False
        case NoResponseReason.DNS:
            return isinstance(error, Unresolvable) and error.temporary
        case NoResponseReason.TLS:
            return not isinstance(error, ssl.SSLCertVerificationError)
        case _:
            return True


def _too_slow(limits: FetchLimits) -> str:
    return f"too slow: less than {limits.bytes_per_second:g} bytes a second over {limits.pace_window:g} s"


def _status(connection: HttpConnection) -> str:
    return f"{connection.answer.status} {connection.answer.reason}".strip()


def _refused_by_host(connection: HttpConnection) -> FetchFailed:
    answer = connection.answer
    assert answer.status is not None, "the headers are there"
    status = _status(connection)
    temporary = answer.status >= 500 or answer.status in _TEMPORARY
    retry_after = (answer.header(b"retry-after") or "")[:100] or None
    if 400 <= answer.status < 500:
        return FetchFailed(FetchReason.CLIENT_ERROR, status, temporary=temporary, retry_after=retry_after)
    return FetchFailed(
        FetchReason.NO_DATA, f"it answered {status}", temporary=temporary, retry_after=retry_after
    )


_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_EMPTY_HOST: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?//([/?#]|$)")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_WITHOUT_CONTENT: Final = frozenset({204, 205})
_TEMPORARY: Final = frozenset({408, 425, 429})
"""Statuses below 500 that say nothing against the URL (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4)."""
_REASONS: Final = {
    NoResponseReason.BLOCKED: FetchReason.BLOCKED,
    NoResponseReason.DNS: FetchReason.UNRESOLVABLE,
}
