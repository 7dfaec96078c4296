"""The reader with real children."""

import asyncio
import os
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
import uvloop

from ringback.audio import reader as reader_module
from ringback.audio.decoder_process import DecoderProcess
from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioEnd, AudioFacts, AudioReader, ReaderItem
from ringback.errors import Refusal
from support.reading import SPOKEN, children, chunks_of, read, running
from support.waiting import PATIENCE, eventually


async def test_another_child_becomes_ready_while_the_last_one_works() -> None:
    async with (
        running(AudioReader(children=4)) as reader,
        reader.read(SPOKEN[0], Decoding()) as items,
        asyncio.timeout(PATIENCE),
    ):
        await anext(items)
        await eventually(lambda: len(children()) >= 2)


async def test_who_waits_for_a_start_takes_a_child_that_becomes_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(AudioReader(children=4)) as reader, asyncio.timeout(PATIENCE):
        async with reader.read(SPOKEN[0], Decoding(), "project/one") as items:
            await anext(items)
            monkeypatch.setattr(DecoderProcess, "start", asyncio.Event().wait)
            other = asyncio.create_task(read(reader, SPOKEN[1], caller="project/other"))
            async for _ in items:
                pass
        assert chunks_of(await other)


async def test_a_stop_does_not_wait_for_a_child_that_becomes_ready() -> None:
    async with running(AudioReader(children=4)) as reader, asyncio.timeout(PATIENCE):
        await read(reader, SPOKEN[0])
        await eventually(lambda: len(children()) == 2)


async def test_facts_come_first_then_chunks_then_the_end(talk: Callable[[float], Path]) -> None:
    async with running(AudioReader(1)) as reader:
        path = talk(40)
        first, *chunks, last = await read(reader, path)
    with wave.open(str(path)) as file:
        duration = file.getnframes() / 16_000
    assert first == AudioFacts(1, duration)
    assert last == AudioEnd(1, duration)
    spoken = chunks_of(chunks)
    assert len(spoken) == len(chunks) >= 3
    for chunk, following in pairwise(spoken):
        assert chunk.start + len(chunk.samples) / 16_000 <= following.start + 1e-6
    for chunk in spoken:
        assert chunk.channel == 0
        assert chunk.samples.dtype == np.float32
        assert 0 < len(chunk.samples) <= 15 * 16_000
        assert 0.001 < np.abs(chunk.samples).max() <= 1.0


def test_the_servers_event_loop(talk: Callable[[float], Path]) -> None:
    """uvloop, where sockets and streams have another implementation."""
    path = talk(120)

    async def through_a_crash() -> list[ReaderItem]:
        async with running(AudioReader(1)) as reader:
            async with reader.read(path, Decoding()) as read_items:
                items = [await anext(read_items)]
                children()[0].kill()
                items += [item async for item in read_items]
            async with reader.read(path, Decoding()) as read_items:
                await anext(read_items)
            return items

    assert isinstance(uvloop.run(through_a_crash())[-1], AudioEnd)


async def test_each_channel_has_its_own_chunks(tmp_path: Path, talk: Callable[[float], Path]) -> None:
    with wave.open(str(talk(5))) as file:
        mono = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    path = tmp_path / "stereo"
    path.write_bytes(np.stack((np.zeros_like(mono), mono), axis=1).tobytes())
    async with running(AudioReader(1)) as reader:
        apart = await read(reader, path, Decoding("linear16", 16_000, 2, multichannel=True))
        mixed = await read(reader, path, Decoding("linear16", 16_000, 2))
    assert apart[0] == AudioFacts(2, len(mono) / 16_000)
    assert {chunk.channel for chunk in chunks_of(apart)} == {1}
    assert mixed[0] == AudioFacts(1, len(mono) / 16_000)
    assert {chunk.channel for chunk in chunks_of(mixed)} == {0}


async def test_noise_music_and_silence_hold_no_speech(corpus: list) -> None:  # type: ignore[type-arg] # Clip lives in conftest, which cannot be imported
    quiet = [clip.path for clip in corpus if clip.path.parent.name == "nospeech"]
    assert len(quiet) == 7
    async with running(AudioReader(1)) as reader:
        for path in quiet:
            assert chunks_of(await read(reader, path)) == [], path.name


async def test_every_spoken_clip_of_the_corpus_has_speech(corpus: list) -> None:  # type: ignore[type-arg] # as above
    spoken = [clip for clip in corpus if clip.path.parent.name in {"en", "multi", "conv", "stereo"}]
    async with running(AudioReader(2)) as reader:
        for clip in spoken:
            items = await read(reader, clip.path)
            assert chunks_of(items), clip.path.name
            end = items[-1]
            assert isinstance(end, AudioEnd)
            assert end.duration == pytest.approx(clip.duration, abs=0.01)


async def test_a_child_serves_many_files_and_is_then_replaced() -> None:
    async with running(AudioReader(1, files_per_child=2)) as reader:
        seen = []
        for _ in range(5):
            async with reader.read(SPOKEN[0], Decoding()) as read_items:
                seen += [child.pid async for _ in read_items for child in children()][:1]
    assert seen[0] == seen[1] != seen[2] == seen[3] != seen[4]


async def test_bad_audio_is_refused_and_the_child_lives_on(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(os.urandom(50_000))
    async with running(AudioReader(1)) as reader:
        await read(reader, SPOKEN[0])
        (before,) = children()
        with pytest.raises(Refusal, match="corrupt or unsupported"):
            await read(reader, junk)
        with pytest.raises(Refusal, match="needs sample_rate"):
            await read(reader, junk, Decoding("linear16"))
        assert chunks_of(await read(reader, SPOKEN[0]))
        assert children() == [before]


async def test_a_lost_file_is_not_blamed_on_the_audio(tmp_path: Path) -> None:
    async with running(AudioReader(1)) as reader:
        with pytest.raises(FileNotFoundError):
            await read(reader, tmp_path / "none")


async def test_leaving_early_frees_the_place(talk: Callable[[float], Path]) -> None:
    path = talk(600)
    async with running(AudioReader(1)) as reader:
        async with reader.read(path, Decoding()) as read_items:
            await anext(read_items)
        assert chunks_of(await read(reader, SPOKEN[0]))

        async def never_ends() -> None:
            async with reader.read(path, Decoding()) as read_items:
                async for _ in read_items:
                    reading.set()
                    await asyncio.Event().wait()

        reading = asyncio.Event()
        task = asyncio.create_task(never_ends())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert chunks_of(await read(reader, SPOKEN[0]))


async def test_no_more_children_than_allowed() -> None:
    most = 0
    async with running(AudioReader(2)) as reader:

        async def one() -> None:
            nonlocal most
            async with reader.read(SPOKEN[0], Decoding()) as read_items:
                async for _ in read_items:
                    most = max(most, len(children()))

        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(one())
    assert most == 2


async def test_a_long_recording_needs_no_more_memory_than_a_short_one(talk: Callable[[float], Path]) -> None:
    async with running(AudioReader(1)) as reader:
        await read(reader, talk(60))
        (child,) = children()
        before = child.memory_info().rss
        most = 0
        own = psutil.Process().memory_info().rss
        own_most = 0
        async with reader.read(talk(1800), Decoding()) as read_items:
            async for _ in read_items:
                most = max(most, child.memory_info().rss)
                own_most = max(own_most, psutil.Process().memory_info().rss)
    print(f"30 min: child +{(most - before) / 1e6:.1f} MB, server +{(own_most - own) / 1e6:.1f} MB")
    assert most - before < 50e6
    assert own_most - own < 50e6


async def test_a_short_recording_waits_for_one_turn_of_long_ones(silence: Callable[[float], Path]) -> None:
    """Two callers hold every child, and every core, for hours: a third one is heard at once."""
    async with running(AudioReader(children=2, at_once=1)) as reader, asyncio.timeout(400):
        hogs = [
            asyncio.create_task(read(reader, silence(4 * 3600), caller=caller))
            for caller in ["p/a", "q/b", "p/a", "q/b"]
        ]
        await eventually(lambda: len(children()) >= 2)
        for caller in ("p/c", "r/d"):
            assert chunks_of(await read(reader, SPOKEN[0], caller=caller))
            assert not any(hog.done() for hog in hogs)
        for hog in hogs:
            hog.cancel()
        await asyncio.gather(*hogs, return_exceptions=True)


async def test_what_lost_its_child_is_read_on_as_if_nothing_had_happened(
    talk: Callable[[float], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_MIN_SECONDS", 0.0)
    path = talk(900.0)
    async with running(AudioReader(children=1)) as reader, asyncio.timeout(400):
        undisturbed = await read(reader, path)
        (child,) = children()
        used = child.cpu_times().user
        long = asyncio.create_task(read(reader, path, caller="p/long"))
        await eventually(lambda: child.cpu_times().user > used)
        assert chunks_of(await read(reader, SPOKEN[0], caller="p/short"))
        assert not long.done(), "it was asked for first, and its child was taken away"
        read_items = await long
    assert [type(item) for item in read_items] == [type(item) for item in undisturbed]
    for ours, theirs in zip(chunks_of(read_items), chunks_of(undisturbed), strict=True):
        assert (ours.channel, ours.start) == (theirs.channel, theirs.start)
        assert np.array_equal(ours.samples, theirs.samples)
