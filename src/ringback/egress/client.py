"""The client for users' URLs: callbacks, WebSocket callbacks, audio.

Callbacks use kept-alive connections. Audio and WebSockets each get a new one; so does the second attempt
when a kept-alive connection turns out to be closed. No redirects for callbacks, no cookies, no proxies from
the environment.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from ringback.clock import Clock
from ringback.egress.connection import HttpConnection
from ringback.egress.deadlines import Deadlines
from ringback.egress.dial import Dial, Dialler
from ringback.egress.fetch import AudioFetch
from ringback.egress.idle import IdleConnections
from ringback.egress.names import OPERATOR, Names, Requester, Resolve, system_resolve
from ringback.egress.no_response import no_response, phases
from ringback.egress.policy import Policy
from ringback.egress.request import Request
from ringback.egress.responses import (
    FetchLimits,
    FetchResponse,
    Limits,
    NoResponse,
    NoResponseReason,
    ReceiverResponse,
)
from ringback.egress.socket import NotSwitched, OutgoingSocket, open_socket
from ringback.egress.target import Target


class EgressClient:
    """An async context. `requester`: on whose behalf a request is made."""

    def __init__(self, policy: Policy, clock: Clock, resolve: Resolve = system_resolve) -> None:
        self._policy = policy
        self._clock = clock
        self._resolve = resolve

    async def __aenter__(self) -> Self:
        self._names = Names(self._resolve, self._clock)
        self._dialler = Dialler(self._policy, self._names)
        self._idle = IdleConnections()
        self._deadlines = Deadlines()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.close()
        self._idle.close()
        self._names.close()

    async def check_address(self, target: Target, requester: Requester = OPERATOR) -> None:
        """Resolve the host and apply the address policy, without connecting. Raises `Blocked`, and as
        `Names.addresses`."""
        await self._dialler.addresses(target, requester)

    async def send_request(
        self,
        target: Target,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        limits: Limits,
        *,
        requester: Requester = OPERATOR,
    ) -> ReceiverResponse | NoResponse:
        """Make one attempt. Never raises for what a receiver does; ends within `limits.total`.

        The URL's credentials are added as Basic authorization.
        """
        request = Request(target, method, headers, body)
        began = self._clock.monotonic()
        idle = self._idle.take_connection(target.origin)
        answer = await self._exchange(request, idle, limits, began, requester)
        if idle is not None and isinstance(answer, NoResponse) and answer.reason is NoResponseReason.RESET:
            # The receiver had closed an idle connection: it has not received this attempt.
            answer = await self._exchange(request, None, limits, began, requester)
        return answer

    @asynccontextmanager
    async def fetch(
        self, target: Target, limits: FetchLimits, requester: Requester = OPERATOR
    ) -> AsyncIterator[FetchResponse]:
        """GET, following up to five redirects, each checked against the policy. Raises `FetchFailed`, or
        `OSError` when this machine has no resources left for it.

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
    ) -> OutgoingSocket | NoResponse:
        """A WebSocket to `target`, whose scheme is `ws` or `wss`, credentials as with `send`.

        A 101 within `limits.total` or nothing: every other answer is a `NoResponse` too.
        """
        dial = Dial(limits.connect, self._clock, self._clock.monotonic())
        try:
            return await open_socket(self._dialler, target, headers, dial, limits.total, requester=requester)
        except NotSwitched as error:
            now = self._clock.monotonic()
            return NoResponse(NoResponseReason.PROTOCOL, str(error), phases(dial, now, now), dial.address)
        except Exception as error:
            return no_response(error, dial, self._clock.monotonic(), limits.total)

    async def _exchange(
        self,
        request: Request,
        idle: HttpConnection | None,
        limits: Limits,
        began: float,
        requester: Requester,
    ) -> ReceiverResponse | NoResponse:
        dial = Dial(limits.connect, self._clock, began)
        end = began + limits.total
        connection = idle
        try:
            if connection is None:
                async with asyncio.timeout(end - self._clock.monotonic()):
                    connection = await self._dialler.connect(request.target, requester, dial, HttpConnection)
            else:
                dial.note_connected(connection.address)
            self._deadlines.set(connection, end - self._clock.monotonic())
            try:
                await connection.send_request(request.head, request.body or b"", dial.note_sent)
            finally:
                self._deadlines.remove(connection)
        except Exception as error:
            if connection is not None:
                connection.drop()
            return no_response(error, dial, self._clock.monotonic(), limits.total)
        except BaseException:
            if connection is not None:
                connection.drop()
            raise
        answered = self._clock.monotonic()
        if connection.reusable:  # as nearly always: the whole answer came at once
            self._idle.keep_connection(request.target.origin, connection)
        else:
            seconds = min(limits.body_seconds, end - answered)
            await self._finish(connection, request.target, seconds, limits.body_bytes)
        return self._response(connection, dial, answered, limits.body_bytes)

    def _response(
        self, connection: HttpConnection, dial: Dial, answered: float, most: int
    ) -> ReceiverResponse:
        answer = connection.answer
        assert answer.status is not None, "`send_request` waits for it"
        body = answer.take()
        return ReceiverResponse(
            status=answer.status,
            retry_after=(answer.header(b"retry-after") or "")[:100] or None,
            body=body[:most],
            phases=phases(dial, answered, self._clock.monotonic()),
            address=dial.address,
            complete=answer.complete and len(body) <= most,
        )

    async def _finish(self, connection: HttpConnection, target: Target, seconds: float, most: int) -> None:
        """Read the rest of an answer, as far as it is kept; a connection that may be in doubt is dropped."""
        try:
            async with asyncio.timeout(seconds):
                await connection.finish_response(most)
        except TimeoutError:
            pass
        finally:
            if connection.reusable:
                self._idle.keep_connection(target.origin, connection)
            else:
                connection.drop()
