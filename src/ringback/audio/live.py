"""The audio of a live stream → blocks at 16 kHz, as it comes.

A stream is a file, or several, one after the other (`splitter`). Raw samples are read here. Everything else
goes to a child process, one per stream, because what FFmpeg parses may crash it: then this stream ends, as
undecodable, and nothing else does. Bytes and markers go in (`feed`, `put_marker`, `end`); blocks of samples
and the markers come out (`items`), in the same order. `feed` waits while the items are not taken.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import numpy as np

from ringback.audio.encodings import PACKETS_ONLY, SAMPLES, Decoding, check_live, has_header, unreadable
from ringback.audio.live_file import (
    ChildFile,
    FormatKnown,
    Item,
    LiveChild,
    LiveFile,
    SamplesFile,
    start_live_child,
)
from ringback.audio.live_frames import MarkerReached
from ringback.audio.samples import SAMPLE_RATE, Block
from ringback.audio.splitter import FileSplitter, NextFile
from ringback.audio.wav import wav_head
from ringback.errors import Refusal
from ringback.service import until

__all__ = ["FormatKnown", "Item", "LiveDecoder", "LiveDecoders", "MarkerReached", "check_live"]


class LiveDecoders:
    """A Service: opens decoders, and has a child at hand for those that need one."""

    name = "live-audio"

    def __init__(self, spare: int = 1, timeout: float = 20.0) -> None:
        """`spare`: children kept ready once a stream has needed one. `timeout`: seconds in which a child
        must have answered a marker or the end, or taken what it was sent."""
        self._spare = spare
        self._timeout = timeout
        self._ready: list[LiveChild] = []
        self._child_taken = asyncio.Event()

    def open(self, decoding: Decoding) -> "LiveDecoder":
        """The decoder of one stream, whose format `check_live` has accepted."""
        return LiveDecoder(self, decoding, self._timeout)

    async def run(self, stopping: asyncio.Event) -> None:
        """Replaces each child that was taken; ends the idle ones at the stop."""
        try:
            while not stopping.is_set():
                await until(stopping, self._child_taken.wait())
                self._child_taken.clear()
                while not stopping.is_set() and len(self._ready) < self._spare:
                    self._ready.append(await start_live_child())
        finally:
            while self._ready:
                await self._ready.pop().kill()

    async def child(self) -> LiveChild:
        """A fresh child. Raises `OSError` when none can be started."""
        self._child_taken.set()
        while self._ready:
            child = self._ready.pop()
            if child.alive:
                return child
            await child.kill()
        return await start_live_child()


class LiveDecoder:
    """One stream."""

    def __init__(self, decoders: LiveDecoders, decoding: Decoding, timeout: float) -> None:
        self._decoders = decoders
        self._decoding = replace(decoding, encoding=decoding.encoding.lower() if decoding.encoding else None)
        self._timeout = timeout
        self._splitter = FileSplitter(
            samples=self._decoding.encoding in SAMPLES, packets=self._decoding.encoding in PACKETS_ONLY
        )
        self._files: asyncio.Queue[LiveFile | None] = asyncio.Queue(_FILES_AHEAD)
        self._child: LiveChild | None = None
        # The file that is being fed. Its first bytes are collected in `head` until they show what it is.
        self._kind: str | None = None
        self._head = b""
        self._file: LiveFile | None = None
        self._before: SamplesFile | None = None  # Not ended yet: the next file may go on with it.
        self._early_markers: list[int] = []

    async def feed(self, data: bytes) -> None:
        """One frame, as the caller sent it; bare packets are cut by it. Waits when it must."""
        for part in self._splitter.push(data):
            if isinstance(part, NextFile):
                await self._next_file(part.kind)
            else:
                await self._feed(part)

    async def put_marker(self, number: int) -> None:
        """`MarkerReached(number)` comes out behind all audio that was fed before."""
        await self._feed(self._splitter.flush())
        if file := self._file or self._before:
            await file.put_marker(number)
        elif self._decoding.encoding in SAMPLES:
            await (await self._choose()).put_marker(number)
        else:
            self._early_markers.append(number)

    async def end(self) -> None:
        """Nothing more will be fed."""
        await self._feed(self._splitter.flush())
        await (self._file or await self._choose()).end()
        await self._files.put(None)

    async def items(self) -> AsyncGenerator[Item]:
        """The audio and markers, until the end of the stream. Raises `Refusal` when the bytes are not
        audio."""
        channels = samples = files = 0
        silent = False
        while (file := await self._files.get()) is not None:
            files += 1
            if files > _MOST_FILES + _FILES_PER_SECOND * samples / SAMPLE_RATE:
                raise unreadable()
            async with aclosing(file.items()) as items:
                async for item in items:
                    match item:
                        case FormatKnown() if channels:
                            pass
                        case FormatKnown():
                            channels = item.channels
                            yield item
                        case MarkerReached():
                            yield item
                        case _:
                            samples += item.shape[1]
                            yield _fitted(item, channels)
            silent = silent or (isinstance(file, ChildFile) and file.silent)
        if silent and not samples:
            raise unreadable()

    async def close(self) -> None:
        """Stop: what `items` has not yielded is lost."""
        if self._child is not None:
            await self._child.kill()

    async def _feed(self, data: bytes) -> None:
        if self._file is not None:
            await self._file.feed(data)
            return
        self._head += data
        if self._decided():
            await self._choose()

    async def _next_file(self, kind: str) -> None:
        """What is fed from now on is another file."""
        if self._file is None and self._head:
            await self._choose()
        file, self._file = self._file, None
        if isinstance(file, SamplesFile):
            await file.join()
            self._before = file
        elif file is not None:
            await file.end()
        self._kind = kind

    def _decided(self) -> bool:
        """Whether the file's first bytes are enough to detect its format."""
        if self._decoding.encoding in PACKETS_ONLY and self._kind is None:
            return bool(self._head)
        if self._head[:4] == b"RIFF"[: len(self._head)]:
            known = wav_head(self._head, self._decoding.multichannel) is not None
            return known or len(self._head) >= _LONGEST_HEAD
        return len(self._head) >= _HEAD

    async def _choose(self) -> LiveFile:
        head, self._head = self._head, b""
        file, head = await self._open(head)
        if file is not self._before:
            if self._before is not None:
                await self._before.end()
            await self._files.put(file)
        self._before, self._file = None, file
        if isinstance(file, ChildFile):
            await file.begin()
        if head:
            await file.feed(head)
        early_markers, self._early_markers = self._early_markers, []
        for number in early_markers:
            await file.put_marker(number)
        return file

    async def _open(self, head: bytes) -> tuple[LiveFile, bytes]:
        """The file that begins with `head`, and what of that is to be fed to it."""
        samples = self._decoding.encoding in SAMPLES and self._kind is None
        wav = wav_head(head, self._decoding.multichannel)
        if not head and not samples:
            return self._before or SamplesFile(_NO_AUDIO), b""
        if wav is not None and _is_readable(wav.decoding):
            same = self._before is not None and self._before.decoding == wav.decoding
            return self._before if same and self._before else SamplesFile(wav.decoding), head[wav.size :]
        if samples and not has_header(head):
            return SamplesFile(self._decoding), head
        decoding = (
            self._decoding if self._kind is None else Decoding(multichannel=self._decoding.multichannel)
        )
        self._child = self._child or await self._decoders.child()
        return ChildFile(self._child, decoding, self._kind, self._timeout), head


def _is_readable(decoding: Decoding) -> bool:
    try:
        check_live(decoding)
    except Refusal:
        return False
    return True


def _fitted(block: Block, channels: int) -> Block:
    """A later file may have other channels than the first, whose number counts."""
    if len(block) == channels:
        return block
    fitted = np.zeros((channels, block.shape[1]), np.float32)
    fitted[: len(block)] = block[:channels]
    return fitted


_HEAD = 16
"""Bytes by which containers are recognised."""
_LONGEST_HEAD = 1 << 12
"""Bytes; a WAV file whose samples begin later is left to FFmpeg."""
_NO_AUDIO = Decoding("linear16", 16_000)
"""How a stream is read in which nothing came."""
_FILES_AHEAD = 8
"""Files that may wait to be decoded."""
_MOST_FILES, _FILES_PER_SECOND = 64, 100
"""Files that a stream may have, and more for each second of audio: opening one costs time."""
