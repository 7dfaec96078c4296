"""Whether a connection's client still reads: also after it has half-closed the connection."""

import asyncio
from collections.abc import Callable
from typing import Final

WRITE_SECONDS = 30.0
WRITE_PACE = 1_000
"""Bytes a second, measured over so many seconds, that a client must read of what was written."""

PROBED_AFTER: Final = (0.2, 1.0, 3.0, 10.0, 30.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds after each byte of a probe."""


class WriteWatch:
    """Aborts the transport of a client that does not read, and reports the bytes that are not read."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        set_unsent_bytes: Callable[[int], None],
    ) -> None:
        """`set_unsent_bytes` may abort the transport."""
        self._transport = transport
        self._loop = loop
        self._set_unsent_bytes = set_unsent_bytes
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch from now on, until `stop` or until everything is sent."""
        self.stop()
        unsent = self._transport.get_write_buffer_size()
        if unsent:
            self._timer = self._loop.call_later(WRITE_SECONDS, self._judge, unsent)
            # Not from within the write that has filled the buffer.
            self._loop.call_soon(self._report)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._set_unsent_bytes(0)

    def _report(self) -> None:
        if self._timer is not None:
            self._set_unsent_bytes(self._transport.get_write_buffer_size())

    def _judge(self, before: int) -> None:
        if before - self._transport.get_write_buffer_size() < WRITE_SECONDS * WRITE_PACE:
            self._transport.abort()
        else:
            self.start()


class HalfCloseProbe:
    """Finds out whether a client that has half-closed the connection still reads.

    A client that left and one that half-closed both send a FIN. But the host of a client that left answers
    the next byte with a reset. The beginning of the status line can be sent early, because it is the same for
    every answer.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, write: Callable[[bytes], None], beginning: bytes
    ) -> None:
        self._loop = loop
        self._write = write
        self._beginning = beginning
        self._timer: asyncio.TimerHandle | None = None
        self.sent = 0
        """Bytes of the next answer that are written already."""

    def start(self) -> None:
        """The client has ended its side, and waits for an answer."""
        if self.sent < len(self._beginning):
            self._write(self._beginning[self.sent : self.sent + 1])
            self.sent += 1
            self._timer = self._loop.call_later(PROBED_AFTER[self.sent - 1], self.start)

    def stop(self) -> int:
        """An answer begins; returns how many of its bytes are written already."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sent, self.sent = self.sent, 0
        return sent
