"""Reading recordings with real children."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioReader, ReaderItem, SpeechChunk
from support.child_processes import children_running

CLIPS = Path(__file__).parent.parent / "audio"

SPOKEN = sorted(CLIPS.glob("librivox_*.flac"))


@asynccontextmanager
async def running(reader: AudioReader) -> AsyncIterator[AudioReader]:
    """While the block runs; afterwards no child may be left."""
    stopping = asyncio.Event()
    service = asyncio.create_task(reader.run(stopping))
    try:
        yield reader
    finally:
        stopping.set()
        await service
    assert not children()


def children() -> list[psutil.Process]:
    return children_running("ringback.audio.child")


async def read(
    reader: AudioReader, path: Path, decoding: Decoding | None = None, caller: str = ""
) -> list[ReaderItem]:
    async with reader.read(path, decoding or Decoding(), caller) as read_items:
        return [item async for item in read_items]


def chunks_of(items: list[ReaderItem]) -> list[SpeechChunk]:
    return [item for item in items if isinstance(item, SpeechChunk)]


def as_plain(item: ReaderItem) -> object:
    return (item.channel, item.start, item.samples.tobytes()) if isinstance(item, SpeechChunk) else item
