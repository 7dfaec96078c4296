"""The reader with real children."""

import asyncio
import os
import resource
import signal
import sys
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
import uvloop

from ringback.audio import reader as reader_module
from ringback.audio.encodings import Decoding
from ringback.audio.frames import ReadProgress
from ringback.audio.reader import AudioEnd, AudioFacts, AudioReader, ReaderItem, SpeechChunk
from ringback.child_process.framing import pack
from ringback.errors import Refusal
from support.waiting import eventually

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
    return [p for p in psutil.Process().children() if "ringback.audio.child" in p.cmdline()]


async def read(
    reader: AudioReader, path: Path, decoding: Decoding | None = None, caller: str = ""
) -> list[ReaderItem]:
    async with reader.read(path, decoding or Decoding(), caller) as heard:
        return [item async for item in heard]


def chunks_of(items: list[ReaderItem]) -> list[SpeechChunk]:
    return [item for item in items if isinstance(item, SpeechChunk)]


@pytest.fixture
def silence(tmp_path: Path) -> Callable[[float], Path]:
    """A small flac of that many silent seconds."""

    def make(seconds: float) -> Path:
        import av

        path = tmp_path / f"silence {seconds:g}.flac"
        if path.exists():
            return path
        with av.open(path, "w") as container:
            stream = container.add_stream("flac", rate=4_000, layout="mono")
            block = np.zeros((1, 1 << 16), np.int16)
            for _ in range(int(seconds * 4_000 / block.shape[1])):
                frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
                frame.sample_rate = 4_000
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def talk(tmp_path: Path) -> Callable[[float], Path]:
    """A wav of at least that many seconds: the committed recordings over and over, with pauses."""

    def make(seconds: float) -> Path:
        import av

        piece = bytearray()
        for clip in SPOKEN:
            with av.open(str(clip)) as file:
                into = av.AudioResampler(format="s16", layout="mono", rate=16_000)
                frames = [f for frame in file.decode(audio=0) for f in into.resample(frame)]
                piece += b"".join(frame.to_ndarray().tobytes() for frame in [*frames, *into.resample(None)])
                piece += bytes(32_000)
        path = tmp_path / f"talk-{seconds:g}.wav"
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, 16_000, 0, "NONE", ""))
            for _ in range(int(seconds * 32_000 / len(piece)) + 1):
                out.writeframes(bytes(piece))
        return path

    return make


async def test_a_child_is_ready_before_the_first_recording_comes() -> None:
    async with running(AudioReader(children=4)) as reader, asyncio.timeout(60):
        await eventually(lambda: bool(children()))
        ready = children()
        await read(reader, SPOKEN[0])
        assert ready[0] in children()


async def test_another_child_becomes_ready_while_the_last_one_works() -> None:
    async with (
        running(AudioReader(children=4)) as reader,
        reader.read(SPOKEN[0], Decoding()) as items,
        asyncio.timeout(60),
    ):
        await anext(items)
        await eventually(lambda: len(children()) >= 2)


async def test_who_waits_for_a_start_takes_a_child_that_becomes_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(AudioReader(children=4)) as reader, asyncio.timeout(60):
        async with reader.read(SPOKEN[0], Decoding(), "project/one") as items:
            await anext(items)
            monkeypatch.setattr(reader_module._Child, "start", asyncio.Event().wait)
            other = asyncio.create_task(read(reader, SPOKEN[1], caller="project/other"))
            async for _ in items:
                pass
        assert chunks_of(await other)


async def test_a_stop_does_not_wait_for_the_first_child() -> None:
    async with running(AudioReader(children=4)), asyncio.timeout(60):
        await eventually(lambda: bool(children()))


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
            async with reader.read(path, Decoding()) as heard:
                items = [await anext(heard)]
                children()[0].kill()
                items += [item async for item in heard]
            async with reader.read(path, Decoding()) as heard:
                await anext(heard)
            return items

    assert isinstance(uvloop.run(through_a_crash())[-1], AudioEnd)


async def test_channels_are_told_apart(tmp_path: Path, talk: Callable[[float], Path]) -> None:
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
            async with reader.read(SPOKEN[0], Decoding()) as heard:
                seen += [child.pid async for _ in heard for child in children()][:1]
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


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_killed_child_changes_nothing(after: int, talk: Callable[[float], Path]) -> None:
    path = talk(120)
    async with running(AudioReader(1)) as reader:
        whole = await read(reader, path)
        items: list[ReaderItem] = []
        async with reader.read(path, Decoding()) as heard:
            if after == 0:
                children()[0].kill()
            async for item in heard:
                items.append(item)
                if len(items) == after:
                    children()[0].kill()
    assert [as_plain(item) for item in items] == [as_plain(item) for item in whole]


async def test_a_file_that_kills_every_child_is_refused(talk: Callable[[float], Path]) -> None:
    path = talk(600)
    async with running(AudioReader(1)) as reader:
        async with reader.read(path, Decoding()) as heard:
            with pytest.raises(Refusal, match="corrupt or unsupported"):
                await killing_each(heard)
        assert chunks_of(await read(reader, SPOKEN[0]))


async def killing_each(heard: AsyncIterator[ReaderItem]) -> None:
    async for _ in heard:
        children()[0].kill()


async def test_a_hung_child_is_replaced(talk: Callable[[float], Path]) -> None:
    path = talk(600)
    async with running(AudioReader(1, timeout=4.0)) as reader:
        async with reader.read(path, Decoding()) as heard:
            first = await anext(heard)
            (child,) = children()
            child.suspend()
            rest = [item async for item in heard]
        assert isinstance(first, AudioFacts)
        assert isinstance(rest[-1], AudioEnd)
        assert not child.is_running()


async def test_a_slow_consumer_holds_the_child_back_and_is_not_taken_for_a_hang(
    talk: Callable[[float], Path],
) -> None:
    path = talk(600)
    async with running(AudioReader(1, timeout=3.0)) as reader:
        async with reader.read(path, Decoding()) as heard:
            await anext(heard)
            (child,) = children()
            await settled(child)
            assert child.cpu_times().user < 600 / 40  # it stopped long before the end
            await asyncio.sleep(3.5)  # longer than the patience: the consumer is the slow one
            rest = [item async for item in heard]
        assert isinstance(rest[-1], AudioEnd)
        assert children() == [child]


async def settled(child: psutil.Process) -> None:
    """Wait until the child uses no more processor time."""
    used = -1.0
    while used < (now := child.cpu_times().user):
        used = now
        await asyncio.sleep(0.3)


async def test_leaving_early_frees_the_place(talk: Callable[[float], Path]) -> None:
    path = talk(600)
    async with running(AudioReader(1)) as reader:
        async with reader.read(path, Decoding()) as heard:
            await anext(heard)
        assert chunks_of(await read(reader, SPOKEN[0]))

        async def never_ends() -> None:
            async with reader.read(path, Decoding()) as heard:
                async for _ in heard:
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
            async with reader.read(SPOKEN[0], Decoding()) as heard:
                async for _ in heard:
                    most = max(most, len(children()))

        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(one())
    assert most == 2


async def test_children_that_rest_are_ended_but_for_one() -> None:
    async with running(AudioReader(3, rest=2.0)) as reader:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(read(reader, SPOKEN[0]))
        assert len(children()) > 1
        await eventually(lambda: len(children()) == 1)
        (left,) = children()
        assert chunks_of(await read(reader, SPOKEN[0]))
        assert children() == [left]


async def test_a_child_that_does_not_start_is_our_trouble_and_not_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(3)\n")
    async with running(AudioReader(1)) as reader:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(OSError, match="did not start: ended with status 3"):
            await read(reader, SPOKEN[0])
        monkeypatch.delenv("PYTHONPATH")
        assert chunks_of(await read(reader, SPOKEN[0]))


async def test_children_start_one_after_the_other_and_serve_whoever_waits() -> None:
    async with running(AudioReader(16)) as reader:
        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(read(reader, SPOKEN[0]))
        assert len(children()) < 10, "short recordings do not need a child each"


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 8,
        (3).to_bytes(4, "little") + bytes(4) + b"abc",
        (1).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"\xc0abc",
        b"",
    ],
)
async def test_a_child_that_a_file_has_taken_over_is_not_believed(
    sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "ringback" / "audio" / "child.py"
    child.parent.mkdir(parents=True)
    (tmp_path / "ringback" / "__init__.py").touch()
    (child.parent / "__init__.py").touch()
    spoken = b"".join(pack(ReadProgress(0.0))) + sent  # It starts as it should.
    child.write_text(
        f"import socket, sys\nsocket.socket(fileno=int(sys.argv[1])).sendall({spoken!r})\nsys.stdin.read()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with running(AudioReader(1)) as reader:
        with pytest.raises(Refusal, match="corrupt or unsupported"):
            await read(reader, SPOKEN[0])


async def test_a_child_knows_none_of_our_secrets_and_may_write_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RINGBACK_API_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with running(AudioReader(1)) as reader:
        await read(reader, SPOKEN[0])
        (child,) = children()
        assert "secret" not in child.environ().values()
        assert child.environ()["OMP_NUM_THREADS"] == "1"
        assert child.rlimit(resource.RLIMIT_FSIZE) == (0, 0)
        assert child.rlimit(resource.RLIMIT_CORE) == (0, 0)


SERVER = """
import asyncio, pathlib, sys
from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioReader
from support.waiting import eventually

async def main():
    async with AudioReader(1).read(pathlib.Path(sys.argv[1]), Decoding()) as heard:
        await anext(heard)
        print("reading", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_child_does_not_outlive_its_server(talk: Callable[[float], Path]) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(talk(600)), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    assert await server.stdout.readline() == b"reading\n"
    (child,) = psutil.Process(server.pid).children()
    child.suspend()  # it cannot notice anything by itself
    server.kill()
    await server.wait()
    await asyncio.to_thread(psutil.wait_procs, [child], timeout=10)
    assert not child.is_running()


async def test_a_stop_of_the_process_group_leaves_the_child_at_its_work() -> None:
    async with running(AudioReader(1)) as reader:
        async with reader.read(SPOKEN[0], Decoding()) as heard:
            await anext(heard)
            for sign in (signal.SIGINT, signal.SIGTERM):
                children()[0].send_signal(sign)
            rest = [item async for item in heard]
        assert isinstance(rest[-1], AudioEnd)


async def test_a_long_recording_needs_no_more_memory_than_a_short_one(talk: Callable[[float], Path]) -> None:
    async with running(AudioReader(1)) as reader:
        await read(reader, talk(60))
        (child,) = children()
        before = child.memory_info().rss
        most = 0
        own = psutil.Process().memory_info().rss
        own_most = 0
        async with reader.read(talk(1800), Decoding()) as heard:
            async for _ in heard:
                most = max(most, child.memory_info().rss)
                own_most = max(own_most, psutil.Process().memory_info().rss)
    print(f"30 min: child +{(most - before) / 1e6:.1f} MB, server +{(own_most - own) / 1e6:.1f} MB")
    assert most - before < 50e6
    assert own_most - own < 50e6


def as_plain(item: ReaderItem) -> object:
    return (item.channel, item.start, item.samples.tobytes()) if isinstance(item, SpeechChunk) else item


async def test_a_short_recording_waits_for_one_turn_of_long_ones(silence: Callable[[float], Path]) -> None:
    """Two callers hold every child, and every core, for hours: a third one is heard at once."""
    async with running(AudioReader(children=2, at_once=1)) as reader, asyncio.timeout(120):
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
    async with running(AudioReader(children=1)) as reader, asyncio.timeout(120):
        undisturbed = await read(reader, path)
        long = asyncio.create_task(read(reader, path, caller="p/long"))
        await asyncio.sleep(0.1)
        assert chunks_of(await read(reader, SPOKEN[0], caller="p/short"))
        assert not long.done(), "it was asked for first, and its child was taken away"
        heard = await long
    assert [type(item) for item in heard] == [type(item) for item in undisturbed]
    for ours, theirs in zip(chunks_of(heard), chunks_of(undisturbed), strict=True):
        assert (ours.channel, ours.start) == (theirs.channel, theirs.start)
        assert np.array_equal(ours.samples, theirs.samples)
