"""One HTTP/1.1 connection: one request at a time, and its answer while it comes in."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from ringback.egress.answer_parser import AnswerParser

PIECE: Final = 65_536
"""Bytes of a request's body that are handed over at once; more only when they have been taken."""
READ_AHEAD: Final = 524_288
"""Bytes of an answer's body that may wait to be read."""


class ConnectionBroken(Exception):
    """The connection went before a status line came."""


class NotHttp(Exception):
    """What came was no answer; the text says why."""


class HttpConnection(asyncio.Protocol):
    """Made by a dialler. Used by one task at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer: AnswerParser | None = None
        self._unsent = memoryview(b"")
        self._on_sent: Callable[[], None] | None = None
        self._writing_paused = False
        self._reading_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._expired = False
        self.lost = False
        """The connection is closed, or was dropped."""
        self.idle_since = 0.0
        """By the loop's clock; for its pool."""

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    @property
    def answer(self) -> AnswerParser:
        """The answer to the request made last."""
        assert self._answer is not None, "no request was made"
        return self._answer

    @property
    def reusable(self) -> bool:
        waiting = self._unsent or self._writing_paused or self._reading_paused
        return not self.lost and not waiting and self.answer.reusable

    async def send_request(self, head: bytes, body: bytes, on_sent: Callable[[], None]) -> None:
        """Send a request, and wait for the status line of its answer. `on_sent` is called once all of it has
        been handed to the system. Raises `ConnectionBroken`, `NotHttp`, or `TimeoutError` after `expire`."""
        self._answer = answer = AnswerParser()
        self._expired = False
        self._on_sent = on_sent
        if len(body) > PIECE:
            self._unsent = memoryview(body)[PIECE:]
            body = body[:PIECE]
        if not self.lost:
            self._transport.write(head + body)
        while answer.status is None:
            if answer.fault is not None:
                raise NotHttp(answer.fault)
            if self.lost:
                raise ConnectionBroken
            if self._expired:
                raise TimeoutError
            await self._progress()

    def expire(self) -> None:
        """No status line has come in time: `send_request` ends."""
        self._expired = True
        self._wake()

    async def finish_response(self, enough: int) -> None:
        """Wait for the rest of the answer, or for so many bytes of its body; send what is still unsent."""
        answer = self.answer
        while not self.lost and answer.buffered < enough and answer.fault is None:
            if answer.complete and not self._unsent and not self._writing_paused:
                return
            await self._progress()

    async def receive_headers(self) -> None:
        """Wait for the answer's headers. Raises `NotHttp`."""
        answer = self.answer
        while not answer.has_headers:
            if answer.fault is not None:
                raise NotHttp(answer.fault)
            await self._progress()

    async def receive_body(self) -> bytes:
        """What has come of the body since the last call; nothing at its end. Raises `NotHttp` where it breaks
        off."""
        answer = self.answer
        while not answer.buffered and not answer.complete:
            if answer.fault is not None:
                raise NotHttp(answer.fault)
            await self._progress()
        body = answer.take()
        if self._reading_paused and not self.lost:
            self._reading_paused = False
            self._transport.resume_reading()
        return body

    def drop(self) -> None:
        """Close now: unsent bytes must not wait for a receiver that never reads."""
        self.lost = True
        self._transport.abort()

    async def _progress(self) -> None:
        """Send the next piece if it can be taken, else wait until anything happens."""
        if not self._writing_paused and not self.lost:
            if self._unsent:
                piece, self._unsent = self._unsent[:PIECE], self._unsent[PIECE:]
                self._transport.write(piece)
                await asyncio.sleep(0)  # a receiver that takes everything must not hold up the others
                return
            if self._on_sent is not None:
                self._on_sent()
                self._on_sent = None
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address: str | None = str(peer[0]) if peer else None
        # Paused whenever anything waits in our memory: so it is known when all has been handed over.
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None or (answer.complete and answer.status != _SWITCHED):
            self.drop()  # an answer to nothing; it must not be taken for the next one
            return
        answer.feed(data)
        if (answer.buffered > READ_AHEAD or answer.status == _SWITCHED) and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._answer is not None:
            self._answer.end()
        self._wake()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()


_SWITCHED: Final = 101
