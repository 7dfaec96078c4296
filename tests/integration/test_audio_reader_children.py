"""The children of the reader: killed, hung, taken over, replaced, ended."""

import asyncio
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

import ringback.audio.reader as reader_module
from ringback.audio.encodings import Decoding
from ringback.audio.frames import ReadProgress
from ringback.audio.reader import AudioEnd, AudioFacts, AudioReader, ReaderItem
from ringback.child_process.framing import pack
from ringback.errors import Refusal
from support.reading import SPOKEN, as_plain, children, chunks_of, read, running
from support.waiting import PATIENCE, eventually, real_pause, turns


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_killed_child_changes_nothing(after: int, talk: Callable[[float], Path]) -> None:
    path = talk(120)
    async with running(AudioReader(1)) as reader:
        whole = await read(reader, path)
        items: list[ReaderItem] = []
        async with reader.read(path, Decoding()) as read_items:
            if after == 0:
                children()[0].kill()
            async for item in read_items:
                items.append(item)
                if len(items) == after:
                    children()[0].kill()
    assert [as_plain(item) for item in items] == [as_plain(item) for item in whole]


async def test_a_file_that_kills_every_child_is_refused(talk: Callable[[float], Path]) -> None:
    path = talk(600)
    async with running(AudioReader(1)) as reader:
        async with reader.read(path, Decoding()) as read_items:
            with pytest.raises(Refusal, match="corrupt or unsupported"):
                await killing_each(read_items)
        assert chunks_of(await read(reader, SPOKEN[0]))


async def killing_each(read_items: AsyncIterator[ReaderItem]) -> None:
    async for _ in read_items:
        for child in children():  # none, where it has just been killed, and what it had sent is read
            child.kill()


async def test_a_hung_child_is_replaced(
    talk: Callable[[float], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = talk(600)
    deaths = []

    def next_one_has_time(_event: str, **facts: object) -> None:
        deaths.append(facts["reason"])
        monkeypatch.undo()

    async with running(AudioReader(1)) as reader:
        async with reader.read(path, Decoding()) as read_items:
            first = await anext(read_items)
            (child,) = children()
            child.suspend()
            monkeypatch.setattr(reader, "_timeout", 1.0)
            monkeypatch.setattr(reader_module, "problem", next_one_has_time)
            rest = [item async for item in read_items]
        assert isinstance(first, AudioFacts)
        assert isinstance(rest[-1], AudioEnd)
        assert deaths == ["no sign of life in 1 s"]
        assert not child.is_running()


async def test_a_slow_consumer_holds_the_child_back_and_is_not_taken_for_a_hang(
    talk: Callable[[float], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = talk(600)
    loop = asyncio.get_running_loop()
    now = loop.time
    async with running(AudioReader(1, timeout=PATIENCE)) as reader:
        async with reader.read(path, Decoding()) as read_items:
            await anext(read_items)
            (child,) = children()
            await settled(child)
            assert child.cpu_times().user < 600 / 40  # it stopped long before the end
            # Longer than the time-out: the consumer is the slow one.
            monkeypatch.setattr(loop, "time", lambda: now() + PATIENCE + 1)
            await turns(10)
            rest = [item async for item in read_items]
        assert isinstance(rest[-1], AudioEnd)
        assert children() == [child]


async def settled(child: psutil.Process) -> None:
    """Wait until the child uses no more processor time."""
    used = -1.0
    while used < (now := child.cpu_times().user):
        used = now
        await real_pause(0.3, "a child that works uses processor time within it")


async def test_children_that_rest_are_ended_but_for_one() -> None:
    async with running(AudioReader(3, rest=2.0)) as reader:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(read(reader, SPOKEN[0]))
        assert len(children()) > 1
        await eventually(lambda: len(children()) == 1)
        (remaining,) = children()
        assert chunks_of(await read(reader, SPOKEN[0]))
        assert children() == [remaining]


async def test_none_is_kept_ready_for_long_beside_one_that_is_at_work(talk: Callable[[float], Path]) -> None:
    path = talk(120)
    async with running(AudioReader(4, rest=0.5)) as reader:
        async with reader.read(path, Decoding()) as items:
            await anext(items)
            await eventually(lambda: len(children()) == 2)
            await eventually(lambda: len(children()) == 1)
            # Another one is started when it is needed.
            assert chunks_of(await read(reader, SPOKEN[0], caller="p/other"))
            rest = [item async for item in items]
        assert isinstance(rest[-1], AudioEnd)
        assert chunks_of(await read(reader, SPOKEN[0]))


async def test_no_child_is_started_before_a_recording_needs_one() -> None:
    async with running(AudioReader(4)) as reader:
        await turns(10)
        assert children() == []
        assert chunks_of(await read(reader, SPOKEN[0]))
        await eventually(lambda: len(children()) == 2)


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
    await asyncio.to_thread(psutil.wait_procs, [child], timeout=PATIENCE)
    assert not child.is_running()


async def test_a_stop_of_the_process_group_leaves_the_child_at_its_work() -> None:
    async with running(AudioReader(1)) as reader:
        async with reader.read(SPOKEN[0], Decoding()) as read_items:
            await anext(read_items)
            for sign in (signal.SIGINT, signal.SIGTERM):
                children()[0].send_signal(sign)
            rest = [item async for item in read_items]
        assert isinstance(rest[-1], AudioEnd)
