"""One file of a live stream: bytes and markers in, blocks of samples and markers out."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import numpy as np

from ringback.audio.encodings import PACKETS_ONLY, Decoding, unreadable
from ringback.audio.frames import FileEnded, FileOpened, FileRefused, ReadFailed
from ringback.audio.live_frames import (
    FROM_LIVE_CHILD,
    BeginFile,
    Data,
    DecodedAudio,
    FromLiveChild,
    MarkerReached,
    NoMoreData,
    PutMarker,
)
from ringback.audio.samples import Block
from ringback.child_process.process import ChildDied, ChildProcess, ChildProgram
from ringback.telemetry import problem

LiveChild = ChildProcess[FromLiveChild]
"""Decodes the files of one stream, and is then ended."""

_PROGRAM = ChildProgram(
    "ringback.audio.live_child",
    FROM_LIVE_CHILD,
    # A packet decodes to much less, but a header may come with twenty channels and long frames.
    max_body_bytes=1 << 26,
    # Half a second of sound, and of what it is made from.
    buffered_bytes=1 << 16,
)
_START_TIMEOUT = 60.0
"""Seconds; a start takes a third of one on an idle core."""


async def start_live_child() -> LiveChild:
    """Raises `OSError`."""
    return await ChildProcess.start(_PROGRAM, ready_within=_START_TIMEOUT)


@dataclass(frozen=True, slots=True)
class FormatKnown:
    """The first item of a file: its format is known."""

    channels: int
    """Of every block: 1 unless `multichannel`."""


Item = FormatKnown | Block | MarkerReached
"""A block has the shape (channels, n)."""


class SamplesFile:
    """Raw samples, or a WAV file of them; read in the server."""

    def __init__(self, decoding: Decoding) -> None:
        from ringback.audio.raw import RawAudio  # noqa: PLC0415 - brings FFmpeg, which few servers need to load

        self.decoding = decoding
        self._audio: RawAudio = RawAudio(decoding)
        self._slice = self._audio.bytes_of(_SLICE)
        self._items: asyncio.Queue[Item | None] = asyncio.Queue(_WAITING)
        self._items.put_nowait(FormatKnown(self._audio.channels))

    async def feed(self, data: bytes) -> None:
        for at in range(0, len(data), self._slice):
            for block in self._audio.push(data[at : at + self._slice]):
                await self._items.put(block)

    async def put_marker(self, number: int) -> None:
        for block in self._audio.drain():
            await self._items.put(block)
        await self._items.put(MarkerReached(number))

    async def join(self) -> None:
        """The next bytes are the first samples of another file of the same form."""
        for block in self._audio.drain():
            await self._items.put(block)
        self._audio.drop_cut_sample()

    async def end(self) -> None:
        for block in self._audio.finish():
            await self._items.put(block)
        await self._items.put(None)

    async def items(self) -> AsyncGenerator[Item]:
        while (item := await self._items.get()) is not None:
            yield item


class ChildFile:
    """Everything that FFmpeg reads; read in the stream's child, one file after the other."""

    def __init__(self, child: LiveChild, decoding: Decoding, kind: str | None, timeout: float) -> None:
        """`timeout`: seconds in which the child must have answered a marker or the end, or taken what it was
        sent."""
        self.silent = False
        """Once it has ended: whether nothing could be decoded."""
        self._child = child
        self._begin = BeginFile(decoding, kind)
        self._step = None if decoding.encoding in PACKETS_ONLY else _PIECE
        self._timeout = timeout
        self._unanswered = 0  # What the child has not yet taken or answered.

    async def begin(self) -> None:
        await self._child.send_message(self._begin)

    async def feed(self, data: bytes) -> None:
        step = self._step or len(data)
        view = memoryview(data)
        self._unanswered += 1
        for at in range(0, len(data), step or 1):
            await self._child.send_message(Data(), view[at : at + step])
        self._unanswered -= 1

    async def put_marker(self, number: int) -> None:
        self._unanswered += 1
        await self._child.send_message(PutMarker(number))

    async def end(self) -> None:
        self._unanswered += 1
        await self._child.send_message(NoMoreData())

    async def items(self) -> AsyncGenerator[Item]:
        channels = 0
        try:
            while True:
                message, body = await self._next()
                match message:
                    case FileOpened():
                        channels = message.channels
                        yield FormatKnown(channels)
                    case DecodedAudio():
                        yield np.frombuffer(body, np.float32).reshape(channels, -1)
                    case MarkerReached(number):
                        self._unanswered -= 1
                        yield MarkerReached(number)
                    case FileEnded():
                        self.silent = message.duration == 0
                        return
                    case FileRefused():
                        raise message.refusal
                    case ReadFailed():
                        raise ChildDied(message.trace)
                    case _:
                        raise ChildDied("sent an unexpected message")
        except (ChildDied, ValueError) as died:
            problem("audio.child_died", reason=str(died))
            raise unreadable() from None

    async def _next(self) -> tuple[FromLiveChild, bytes]:
        """The child's next message. The timeout runs only while it owes an answer."""
        answer = asyncio.create_task(self._child.receive_message())
        unanswered_before = False
        try:
            while True:
                done, _ = await asyncio.wait((answer,), timeout=self._timeout)
                if done:
                    return answer.result()
                if self._unanswered and unanswered_before:
                    raise ChildDied(f"no sign of life in {self._timeout:g} s")
                unanswered_before = self._unanswered > 0
        finally:
            answer.cancel()


LiveFile = SamplesFile | ChildFile

_SLICE = 0.25
"""Seconds of raw samples that are worked on at a time: a frame may be 10 MB."""
_PIECE = 1 << 14
"""Bytes sent to a child at a time."""
_WAITING = 8
"""Items that may be queued."""
