"""Files that ask for much memory, read by real children."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioReader
from ringback.child_process.process import ChildProcess
from ringback.errors import Refusal
from support.memory_bombs import mp4
from support.reading import children, read
from support.waiting import real_pause

CLIP = Path(__file__).parent.parent / "audio" / "librivox_0880.flac"
MIB = 1 << 20


class Watched:
    """A reader while it runs, and the most memory that its children had together."""

    def __init__(self, places: int) -> None:
        self.reader = AudioReader(places)
        self.most = 0
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> "Watched":
        self._service = asyncio.create_task(self.reader.run(self._stopping))
        self._watch = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        self._stopping.set()
        await self._service

    async def _look(self) -> None:
        while True:
            held = 0
            for child in children():
                with suppress(psutil.NoSuchProcess):
                    held += child.memory_info().rss
            self.most = max(self.most, held)
            await real_pause(0.05, "memory is sampled 20 times a second")


@pytest.mark.parametrize("tracks", [1, 1_000])
async def test_an_index_that_no_recording_has_is_refused_before_it_is_built(
    tracks: int, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.mp4"
    path.write_bytes(mp4(40_000_000 // tracks, tracks))
    async with Watched(1) as watched:
        with pytest.raises(Refusal, match="index claims more samples"):
            await read(watched.reader, path)
    assert watched.most < 200 * MIB  # a decoder that is kept ready; building such an index takes 1.4 GiB


async def test_bombs_beside_clips(tmp_path: Path) -> None:
    """Six at once whose size allows what they claim: 60 MB each, were they read side by side."""
    path = tmp_path / "bomb.mp4"
    path.write_bytes(mp4(1_100_000, audio=200_000))
    async with Watched(16) as watched:
        await read(watched.reader, CLIP)
        async with asyncio.TaskGroup() as group:
            bombs = [group.create_task(first_of(watched.reader, path)) for _ in range(6)]
            waits = []
            for _ in range(3):
                began = time.monotonic()
                await read(watched.reader, CLIP)
                waits.append(time.monotonic() - began)
        assert all(bomb.done() for bomb in bombs)
        print(f"children held {watched.most // MIB} MiB, clips took {max(waits):.1f} s")
        assert watched.most < 450 * MIB
        await read(watched.reader, CLIP)
        assert all(child.memory_info().rss < 200 * MIB for child in children())


async def first_of(reader: AudioReader, path: Path) -> None:
    """Read until the first frame, which comes after the index; then give it up."""
    async with reader.read(path, Decoding()) as read_items:
        async for _ in read_items:
            return


async def test_a_track_too_many_costs_no_more_than_one(tmp_path: Path) -> None:
    path = tmp_path / "tracks.mp4"
    path.write_bytes(mp4(500, tracks=1_000))
    async with Watched(1) as watched:
        began = time.process_time()
        with pytest.raises(Refusal):
            await read(watched.reader, path)
        assert time.process_time() - began < 5


async def test_a_child_that_grew_is_ended_after_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Watched(1) as watched:
        await read(watched.reader, CLIP)
        (before,) = children()
        await read(watched.reader, CLIP)
        assert children() == [before]
        monkeypatch.setattr(ChildProcess, "resident_bytes", 500 * MIB)
        await read(watched.reader, CLIP)
        assert not children()
