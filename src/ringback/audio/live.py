"""The audio of a live stream → blocks at 16 kHz, as it comes.

Raw samples are read here. Everything else goes to a child process, one per stream, because what FFmpeg
parses may crash it: then this stream ends, as undecodable, and nothing else does. Bytes go in at one end
(`feed`, `note`, `end`, in this order of time), what they are comes out at the other (`items`); `feed` waits
while nobody takes what came out.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ringback.audio.encodings import PACKETS_ONLY, SAMPLES, Decoding, check_live, has_header, unreadable
from ringback.audio.frames import Broken, Ended, Opened, Refused
from ringback.audio.live_frames import Begin, Data, FromChild, NoMore, Note, Noted, Sound
from ringback.audio.live_process import ChildDied, LiveChild
from ringback.audio.samples import Block, Samples
from ringback.audio.wav import wav_head
from ringback.errors import Refusal
from ringback.telemetry import problem

if TYPE_CHECKING:
    from ringback.audio.raw import RawAudio

__all__ = ["Item", "LiveDecoder", "LiveDecoders", "Passed", "Understood", "check_live"]


@dataclass(frozen=True, slots=True)
class Understood:
    """The first item."""

    channels: int
    """Of every block: 1 unless `multichannel`."""


@dataclass(frozen=True, slots=True)
class Passed:
    """All sound before a note has been handed out."""

    note: int


Item = Understood | Block | Passed
"""A block has the shape (channels, n)."""


class LiveDecoders:
    """A Service: opens decoders, and has a child at hand for those that need one."""

    name = "live-audio"

    def __init__(self, spare: int = 1, patience: float = 20.0) -> None:
        """`spare`: children kept ready once a stream has needed one. `patience`: seconds in which a child
        must have answered a note or the end, or taken what it was sent."""
        self._spare = spare
        self._patience = patience
        self._ready: list[LiveChild] = []
        self._taken = asyncio.Event()

    def open(self, how: Decoding) -> "LiveDecoder":
        """A decoder for one stream, which `check_live` has let pass."""
        return LiveDecoder(self, how, self._patience)

    async def run(self, stopping: asyncio.Event) -> None:
        """Replaces each child that was taken; ends the idle ones when told to stop."""
        stop = asyncio.create_task(stopping.wait())
        try:
            while not stop.done():
                taken = asyncio.create_task(self._taken.wait())
                await asyncio.wait((stop, taken), return_when=asyncio.FIRST_COMPLETED)
                taken.cancel()
                self._taken.clear()
                while not stop.done() and len(self._ready) < self._spare:
                    self._ready.append(await LiveChild.start())
        finally:
            stop.cancel()
            while self._ready:
                await self._ready.pop().end()

    async def child(self) -> LiveChild:
        """A fresh child. Raises `OSError` when none can be started."""
        self._taken.set()
        while self._ready:
            child = self._ready.pop()
            if child.alive:
                return child
            await child.end()
        return await LiveChild.start()


class LiveDecoder:
    """One stream."""

    def __init__(self, decoders: LiveDecoders, how: Decoding, patience: float) -> None:
        self._decoders = decoders
        self._how = replace(how, encoding=how.encoding.lower() if how.encoding else None)
        self._patience = patience
        self._head = b""
        self._road: _InHere | _InChild | None = None
        self._chosen = asyncio.Event()
        self._early_notes: list[int] = []

    async def feed(self, data: bytes) -> None:
        """One frame, as the caller sent it; bare packets are told apart by it. Waits when it must."""
        if self._road is not None:
            await self._road.feed(data)
            return
        self._head += data
        if self._decided():
            await self._choose()

    async def note(self, number: int) -> None:
        """`Passed(number)` will come out when all that was fed before has."""
        if self._road is None and self._how.encoding not in SAMPLES:
            self._early_notes.append(number)
        else:
            await (self._road or await self._choose()).note(number)

    async def end(self) -> None:
        """Nothing more will be fed."""
        await (self._road or await self._choose()).end()

    async def items(self) -> AsyncGenerator[Item]:
        """What comes out, until the end of the stream. Raises `Refusal` when the bytes are not audio."""
        await self._chosen.wait()
        assert self._road is not None
        async with aclosing(self._road.items()) as items:
            async for item in items:
                yield item

    async def close(self) -> None:
        """Leave: what was not handed out is lost."""
        if self._road is not None:
            await self._road.close()

    def _decided(self) -> bool:
        """Whether the first bytes tell what this is."""
        if self._how.encoding in PACKETS_ONLY:
            return bool(self._head)
        if self._head[:4] == b"RIFF"[: len(self._head)]:
            known = wav_head(self._head, self._how.multichannel) is not None
            return known or len(self._head) >= _LONGEST_HEAD
        return len(self._head) >= _HEAD

    async def _choose(self) -> "_InHere | _InChild":
        head, self._head = self._head, b""
        samples = self._how.encoding in SAMPLES
        wav = wav_head(head, self._how.multichannel)
        if not head and not samples:
            self._road = _in_here(_NO_AUDIO)
        elif wav is not None and _is_readable(wav.how):
            self._road = _in_here(wav.how)
            head = head[wav.size :]
        elif samples and not has_header(head):
            self._road = _in_here(self._how)
        else:
            self._road = _InChild(await self._decoders.child(), self._how, self._patience)
            await self._road.begin(self._how)
        self._chosen.set()
        if head:
            await self._road.feed(head)
        for number in self._early_notes:
            await self._road.note(number)
        return self._road


def _is_readable(how: Decoding) -> bool:
    try:
        check_live(how)
    except Refusal:
        return False
    return True


def _in_here(how: Decoding) -> "_InHere":
    from ringback.audio.raw import RawAudio  # noqa: PLC0415 - brings FFmpeg, which few servers need to load

    return _InHere(RawAudio(how))


class _InHere:
    """Raw samples."""

    def __init__(self, audio: "RawAudio") -> None:
        self._audio = audio
        self._slice = audio.bytes_of(_SLICE)
        self._items: asyncio.Queue[Item | None] = asyncio.Queue(_WAITING)
        self._items.put_nowait(Understood(audio.channels))

    async def feed(self, data: bytes) -> None:
        for at in range(0, len(data), self._slice):
            for block in self._audio.push(data[at : at + self._slice]):
                await self._items.put(block)

    async def note(self, number: int) -> None:
        for block in self._audio.drain():
            await self._items.put(block)
        await self._items.put(Passed(number))

    async def end(self) -> None:
        for block in self._audio.finish():
            await self._items.put(block)
        await self._items.put(None)

    async def items(self) -> AsyncGenerator[Item]:
        while (item := await self._items.get()) is not None:
            yield item

    async def close(self) -> None:
        """Nothing is held."""


class _InChild:
    """Everything that FFmpeg reads."""

    def __init__(self, child: LiveChild, how: Decoding, patience: float) -> None:
        self._child = child
        self._step = None if how.encoding in PACKETS_ONLY else _PIECE
        self._patience = patience
        self._owed = 0  # What the child has not yet taken or answered.

    async def begin(self, how: Decoding) -> None:
        await self._child.send(Begin(how))

    async def feed(self, data: bytes) -> None:
        step = self._step or len(data)
        view = memoryview(data)
        self._owed += 1
        for at in range(0, len(data), step or 1):
            await self._child.send(Data(), view[at : at + step])
        self._owed -= 1

    async def note(self, number: int) -> None:
        self._owed += 1
        await self._child.send(Note(number))

    async def end(self) -> None:
        self._owed += 1
        await self._child.send(NoMore())

    async def items(self) -> AsyncGenerator[Item]:
        channels = 0
        try:
            while True:
                message, samples = await self._next()
                match message:
                    case Opened():
                        channels = message.channels
                        yield Understood(channels)
                    case Sound():
                        yield samples.reshape(channels, -1)
                    case Noted(number):
                        self._owed -= 1
                        yield Passed(number)
                    case Ended():
                        return
                    case Refused():
                        raise Refusal(message.status, message.err_code, message.err_msg)
                    case Broken():
                        raise ChildDied(message.trace)
                    case _:
                        raise ChildDied("spoke out of turn")
        except (ChildDied, ValueError) as died:
            problem("audio.child_died", reason=str(died))
            raise unreadable() from None

    async def close(self) -> None:
        await self._child.end()

    async def _next(self) -> tuple[FromChild, Samples]:
        """What the child says next. Only while we wait for it does its silence count."""
        answer = asyncio.create_task(self._child.receive())
        owed_before = False
        try:
            while True:
                done, _ = await asyncio.wait((answer,), timeout=self._patience)
                if done:
                    return answer.result()
                if self._owed and owed_before:
                    raise ChildDied(f"no sign of life in {self._patience:g} s")
                owed_before = self._owed > 0
        finally:
            answer.cancel()


_HEAD = 16
"""Bytes by which containers are told apart."""
_LONGEST_HEAD = 1 << 12
"""Bytes; a WAV file whose samples begin later is left to FFmpeg."""
_SLICE = 0.25
"""Seconds of raw samples that are worked on at a time: a frame may be 10 MB."""
_PIECE = 1 << 14
"""Bytes sent to a child at a time."""
_WAITING = 8
"""Items that may wait to be taken."""
_NO_AUDIO = Decoding("linear16", 16_000)
"""How a stream is read in which nothing came."""
