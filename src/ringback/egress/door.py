"""The door: one client for everything that users' URLs name.

One session for callbacks, which keeps connections; one that never does, for audio and for the second
look when a kept connection turns out to be dead; one for WebSockets. No redirects for callbacks, no
cookies, no proxies from the environment, no decompression.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp import ClientError, ClientResponse, ClientSession
from yarl import URL

from ringback import __version__
from ringback.clock import Clock
from ringback.egress.answers import (
    Answer,
    Blocked,
    Fetched,
    FetchFailed,
    FetchLimits,
    FetchReason,
    Limits,
    NoAnswer,
    Silence,
)
from ringback.egress.connector import Dial, GuardedConnector, GuardedResolver, verifying_tls
from ringback.egress.exchange import Request, answer_to, open_session, read_some
from ringback.egress.names import Names, Resolve, system_resolve
from ringback.egress.policy import Policy
from ringback.egress.silence import Lost, no_answer, phases
from ringback.egress.socket import NotSwitched, OutgoingSocket, only_switching, open_socket
from ringback.egress.target import Target, TargetError, parse_target

KEEP_ALIVE_SECONDS = 15.0
BODY_SECONDS = 1.0
"""The status has decided by then; the body is read only for the record."""
MAX_REDIRECTS = 5
CHUNK = 1 << 18


class Door:
    """An async context; whoever holds it may send and fetch."""

    def __init__(self, policy: Policy, clock: Clock, resolve: Resolve = system_resolve) -> None:
        self._policy = policy
        self._clock = clock
        self._resolve = resolve

    async def __aenter__(self) -> Self:
        tls = verifying_tls()
        self._resolver = GuardedResolver(self._policy, Names(self._resolve, self._clock))
        self._keeping = open_session(
            GuardedConnector(self._policy, self._resolver, tls, keep_alive=KEEP_ALIVE_SECONDS)
        )
        self._single_use = open_session(GuardedConnector(self._policy, self._resolver, tls, keep_alive=None))
        self._sockets = open_session(
            GuardedConnector(self._policy, self._resolver, tls, keep_alive=None), only_switching
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._keeping.close()
        await self._single_use.close()
        await self._sockets.close()
        await self._resolver.close()

    async def check(self, target: Target) -> None:
        """Resolve and judge now; raises `Blocked`, and as `Names.addresses`. Nothing is connected."""
        refused = self._policy.host_refusal(target.host)
        if refused is not None:
            raise Blocked(refused)
        if not target.is_address:
            await self._resolver.addresses(target.host, target.port)

    async def send(
        self, target: Target, method: str, headers: Mapping[str, str], body: bytes, limits: Limits
    ) -> Answer | NoAnswer:
        """Make one attempt. Never raises for what a receiver does; ends within `limits.total`.

        The URL's credentials are added as Basic authorization.
        """
        request = Request(target, method, headers, body)
        began = self._clock.monotonic()
        dial = Dial(target.host, limits.connect, self._clock, began)
        answer = await self._exchange(request, self._keeping, dial, limits.total)
        left = limits.total - (self._clock.monotonic() - began)
        if left > 0 and _was_stale(answer, dial):
            # The receiver had closed an idle connection: nobody has seen this attempt yet.
            dial = Dial(target.host, limits.connect, self._clock, began)
            answer = await self._exchange(request, self._single_use, dial, left)
        return answer

    @asynccontextmanager
    async def fetch(self, target: Target, limits: FetchLimits) -> AsyncIterator[Fetched]:
        """GET, following up to five redirects, each judged anew. Raises `FetchFailed`, or for a trouble of
        our own `OSError`.

        The size is for the consumer to bound (`blobs.put` takes a limit); the time is bounded here.
        """
        deadline = self._clock.monotonic() + limits.total
        dial, response = await self._follow(target, limits, deadline)
        chunks = self._chunks(response, limits, deadline)
        try:
            yield Fetched(response.status, chunks, response.content_length)
        finally:
            await chunks.aclose()
            _drop(response, dial)

    async def open_socket(
        self, target: Target, headers: Mapping[str, str], limits: Limits
    ) -> OutgoingSocket | NoAnswer:
        """A WebSocket to `target`, whose scheme is `ws` or `wss`, credentials as with `send`.

        A 101 within `limits.total` or nothing: every other answer is a `NoAnswer` too.
        """
        dial = Dial(target.host, limits.connect, self._clock, self._clock.monotonic())
        try:
            return await open_socket(target, headers, self._sockets, dial, limits.total)
        except NotSwitched as error:
            now = self._clock.monotonic()
            return NoAnswer(Silence.PROTOCOL, str(error), phases(dial, now, now), dial.address)
        except (ClientError, OSError, Lost) as error:
            return no_answer(error, dial, self._clock.monotonic(), limits.total)

    async def _exchange(
        self, request: Request, session: ClientSession, dial: Dial, seconds: float
    ) -> Answer | NoAnswer:
        end = self._clock.monotonic() + seconds
        try:
            response = await answer_to(request, session, dial, seconds)
        except (ClientError, OSError, Lost) as error:
            return no_answer(error, dial, self._clock.monotonic(), seconds)
        answered = self._clock.monotonic()
        return Answer(
            status=response.status,
            retry_after=response.headers.get("Retry-After", "")[:100] or None,
            body=await read_some(response, dial, min(BODY_SECONDS, end - answered)),
            phases=phases(dial, answered, self._clock.monotonic()),
            address=dial.address,
        )

    async def _follow(
        self, target: Target, limits: FetchLimits, deadline: float
    ) -> tuple[Dial, ClientResponse]:
        for _ in range(MAX_REDIRECTS + 1):
            dial, response = await self._get(target, limits, deadline)
            if response.status in _REDIRECTS:
                _drop(response, dial)
                target = self._next(target, response.headers.get("Location"))
            elif 200 <= response.status < 300:
                return dial, response
            else:
                _drop(response, dial)
                raise _refused_by_host(response)
        raise FetchFailed(FetchReason.TOO_MANY_REDIRECTS, f"more than {MAX_REDIRECTS}")

    async def _get(self, target: Target, limits: FetchLimits, deadline: float) -> tuple[Dial, ClientResponse]:
        now = self._clock.monotonic()
        seconds = min(limits.response, deadline - now)
        dial = Dial(target.host, limits.connect, self._clock, now)
        request = Request(target, "GET", {"Accept": "*/*", "User-Agent": f"ringback/{__version__}"})
        try:
            return dial, await answer_to(request, self._single_use, dial, seconds)
        except (ClientError, OSError, Lost) as error:
            failed = no_answer(error, dial, self._clock.monotonic(), seconds)
            if failed.reason is Silence.OURS:
                raise  # no fault of the URL: whoever fetches tries again
            reason = _FETCH_REASONS.get(failed.reason, FetchReason.NO_DATA)
            raise FetchFailed(reason, failed.detail, temporary=failed.reason is not Silence.BLOCKED) from None

    def _next(self, target: Target, location: str | None) -> Target:
        """Where a redirect leads, read like a URL from a user; credentials stay with their origin."""
        if not location:
            raise FetchFailed(FetchReason.BAD_LOCATION, "it is missing")
        try:
            url = str(target.url.join(URL(location)))
            following = parse_target(url, self._policy, ports=False)
        except TargetError as error:
            raise FetchFailed(FetchReason.BAD_LOCATION, str(error)) from None
        except ValueError:
            raise FetchFailed(FetchReason.BAD_LOCATION, "it cannot be read") from None
        if following.login is None and following.shown == target.shown:
            return following.with_same_login(target)
        return following

    async def _chunks(
        self, response: ClientResponse, limits: FetchLimits, deadline: float
    ) -> AsyncGenerator[bytes, None]:
        """The body. Only waiting for the host counts against its pace, not the time that we take."""
        waited, arrived = 0.0, 0
        while True:
            began = self._clock.monotonic()
            left = max(0.0, deadline - began)
            patience = max(0.0, limits.pace_window - waited) if limits.bytes_per_second else left
            try:
                async with asyncio.timeout(min(left, patience)):
                    chunk = await response.content.read(CHUNK)
            except TimeoutError:
                if left <= patience:
                    raise FetchFailed(FetchReason.NO_DATA, "it took too long") from None
                raise FetchFailed(FetchReason.NO_DATA, _too_slow(limits), temporary=True) from None
            except (ClientError, OSError):
                raise FetchFailed(FetchReason.NO_DATA, "it broke off", temporary=True) from None
            if not chunk:
                return
            waited += self._clock.monotonic() - began
            arrived += len(chunk)
            if arrived >= limits.bytes_per_second * limits.pace_window:
                waited, arrived = 0.0, 0
            yield chunk


def _was_stale(answer: Answer | NoAnswer, dial: Dial) -> bool:
    return isinstance(answer, NoAnswer) and answer.reason is Silence.RESET and not dial.fresh


def _too_slow(limits: FetchLimits) -> str:
    return f"too slow: less than {limits.bytes_per_second:g} bytes a second over {limits.pace_window:g} s"


def _drop(response: ClientResponse, dial: Dial) -> None:
    response.close()
    dial.abort()


def _refused_by_host(response: ClientResponse) -> FetchFailed:
    shown = f"{response.status} {response.reason or ''}".strip()[:80]
    temporary = response.status >= 500 or response.status in _TEMPORARY
    asked = response.headers.get("Retry-After", "")[:100] or None
    if 400 <= response.status < 500:
        return FetchFailed(FetchReason.CLIENT_ERROR, shown, temporary=temporary, retry_after=asked)
    return FetchFailed(FetchReason.NO_DATA, f"it answered {shown}", temporary=temporary, retry_after=asked)


_TEMPORARY = frozenset({408, 425, 429})
"""Statuses below 500 that say nothing against the URL (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4)."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FETCH_REASONS = {Silence.BLOCKED: FetchReason.BLOCKED, Silence.DNS: FetchReason.UNRESOLVABLE}
