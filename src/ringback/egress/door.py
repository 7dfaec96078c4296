"""The door: one client for everything that users' URLs name.

Callbacks go over kept connections; audio and WebSockets each have one of their own, as the second try has
when a kept connection turns out to be dead. No redirects for callbacks, no cookies, no proxies from the
environment.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from ringback.clock import Clock
from ringback.egress.answers import (
    BODY_LIMIT,
    Answer,
    Fetched,
    FetchLimits,
    Limits,
    NoAnswer,
    Silence,
)
from ringback.egress.connection import HttpConnection
from ringback.egress.dial import Dial, Dialler
from ringback.egress.fetch import AudioFetch
from ringback.egress.idle import IdleConnections
from ringback.egress.names import OPERATOR, Names, Requester, Resolve, system_resolve
from ringback.egress.policy import Policy
from ringback.egress.request import Request
from ringback.egress.silence import no_answer, phases
from ringback.egress.socket import NotSwitched, OutgoingSocket, open_socket
from ringback.egress.target import Target

BODY_SECONDS: Final = 1.0
"""The status has decided by then; the rest of the answer is read only for the record."""


class Door:
    """An async context; whoever holds it may send and fetch. `requester`: on whose behalf."""

    def __init__(self, policy: Policy, clock: Clock, resolve: Resolve = system_resolve) -> None:
        self._policy = policy
        self._clock = clock
        self._resolve = resolve

    async def __aenter__(self) -> Self:
        self._names = Names(self._resolve, self._clock)
        self._dialler = Dialler(self._policy, self._names)
        self._idle = IdleConnections()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._idle.close()
        self._names.close()

    async def check(self, target: Target, requester: Requester = OPERATOR) -> None:
        """Resolve and judge now; raises `Blocked`, and as `Names.addresses`. Nothing is connected."""
        await self._dialler.addresses(target, requester)

    async def send(
        self,
        target: Target,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        limits: Limits,
        *,
        requester: Requester = OPERATOR,
    ) -> Answer | NoAnswer:
        """Make one attempt. Never raises for what a receiver does; ends within `limits.total`.

        The URL's credentials are added as Basic authorization.
        """
        request = Request(target, method, headers, body)
        began = self._clock.monotonic()
        kept = self._idle.take(target.shown)
        answer = await self._exchange(request, kept, limits, began, requester)
        if kept is not None and isinstance(answer, NoAnswer) and answer.reason is Silence.RESET:
            # The receiver had closed an idle connection: nobody has seen this attempt yet.
            answer = await self._exchange(request, None, limits, began, requester)
        return answer

    @asynccontextmanager
    async def fetch(
        self, target: Target, limits: FetchLimits, requester: Requester = OPERATOR
    ) -> AsyncIterator[Fetched]:
        """GET, following up to five redirects, each judged anew. Raises `FetchFailed`, or for a trouble of
        our own `OSError`.

        The size is for the consumer to bound (`blobs.put` takes a limit); the time is bounded here.
        """
        deadline = self._clock.monotonic() + limits.total
        fetch = AudioFetch(self._dialler, self._policy, self._clock, requester, limits, deadline)
        try:
            yield await fetch.begin(target)
        finally:
            fetch.drop()

    async def open_socket(
        self, target: Target, headers: Mapping[str, str], limits: Limits, requester: Requester = OPERATOR
    ) -> OutgoingSocket | NoAnswer:
        """A WebSocket to `target`, whose scheme is `ws` or `wss`, credentials as with `send`.

        A 101 within `limits.total` or nothing: every other answer is a `NoAnswer` too.
        """
        dial = Dial(limits.connect, self._clock, self._clock.monotonic())
        try:
            return await open_socket(self._dialler, target, headers, dial, limits.total, requester=requester)
        except NotSwitched as error:
            now = self._clock.monotonic()
            return NoAnswer(Silence.PROTOCOL, str(error), phases(dial, now, now), dial.address)
        except Exception as error:
            return no_answer(error, dial, self._clock.monotonic(), limits.total)

    async def _exchange(
        self,
        request: Request,
        kept: HttpConnection | None,
        limits: Limits,
        began: float,
        requester: Requester,
    ) -> Answer | NoAnswer:
        dial = Dial(limits.connect, self._clock, began)
        end = began + limits.total
        connection = kept
        try:
            async with asyncio.timeout(end - self._clock.monotonic()):
                if connection is None:
                    connection = await self._dialler.connect(request.target, requester, dial, HttpConnection)
                else:
                    dial.note_connected(connection.address)
                await connection.ask(request.head, request.body or b"", dial.note_sent)
        except Exception as error:
            if connection is not None:
                connection.drop()
            return no_answer(error, dial, self._clock.monotonic(), limits.total)
        except BaseException:
            if connection is not None:
                connection.drop()
            raise
        answered = self._clock.monotonic()
        await self._finish(connection, request.target, min(BODY_SECONDS, end - answered))
        answer = connection.answer
        assert answer.status is not None, "it has been waited for"
        return Answer(
            status=answer.status,
            retry_after=(answer.header(b"retry-after") or "")[:100] or None,
            body=answer.take()[:BODY_LIMIT],
            phases=phases(dial, answered, self._clock.monotonic()),
            address=dial.address,
        )

    async def _finish(self, connection: HttpConnection, target: Target, seconds: float) -> None:
        """Read the rest of an answer, as far as it is kept; a connection that may be in doubt is dropped."""
        try:
            if not connection.reusable:
                async with asyncio.timeout(seconds):
                    await connection.finish(BODY_LIMIT)
        except TimeoutError:
            pass
        finally:
            if connection.reusable:
                self._idle.keep(target.shown, connection)
            else:
                connection.drop()
