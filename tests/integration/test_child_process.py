"""A child process as the server sees it, whatever the child does."""

import asyncio
from pathlib import Path

import psutil
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.frames import FROM_CHILD, FromChild, ReadOrder, ReadProgress
from ringback.child_process import process as process_module
from ringback.child_process.framing import pack
from ringback.child_process.process import ChildDied, ChildProcess, ChildProgram
from support.child_processes import children_running
from support.waiting import eventually, turns

PROGRAM = ChildProgram(
    "stub_child", FROM_CHILD, max_body_bytes=1 << 10, inherits=("STUB_",), sets=(("STUB_SET", "ours"),)
)
READY = b"".join(pack(ReadProgress(0.0)))


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stub's module."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def write(folder: Path, code: str, sent: bytes = READY) -> None:
    connect = f"server = socket.socket(fileno=int(sys.argv[1]))\nserver.sendall({sent!r})\n"
    (folder / "stub_child.py").write_text(f"import os, signal, socket, sys\n{connect}{code}\n")


def children() -> list[psutil.Process]:
    """The stubs that run; other tests of this process may have servers of their own."""
    return children_running("stub_child")


async def started() -> ChildProcess[FromChild]:
    return await ChildProcess.start(PROGRAM, ready_within=60)


@pytest.mark.parametrize(
    ("code", "sent", "reason"),
    [
        ("os._exit(3)", b"", "ended with status 3"),
        ("os.kill(os.getpid(), 9)", b"", "killed by SIGKILL"),
        ("server.close(); signal.pause()", b"", "closed its socket"),
        ("signal.pause()", b"\xff" * 8, "impossible size"),
        ("signal.pause()", b"".join(pack(ReadProgress(0.0), bytes(2_000))), "impossible size"),
        ("signal.pause()", b"".join(pack(ReadProgress(0.0), bytes(3))), "impossible size"),
        ("signal.pause()", (1).to_bytes(4, "little") + bytes(4) + b"\xc0", "a frame that is none"),
        ("signal.pause()", b"".join(pack(ReadOrder("a", Decoding(), 1.0))), "a frame that is none"),
    ],
)
async def test_what_became_of_a_child_is_said(
    stub: Path, code: str, sent: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "EXIT_SECONDS", 0.1 if "close" in code else 60.0)
    write(stub, code, READY + sent)
    child = await started()
    with pytest.raises(ChildDied, match=reason):
        await child.receive_message()
    await child.send_message(ReadOrder("a", Decoding(), 1.0))
    await child.kill()
    assert child.status is not None
    assert not psutil.pid_exists(child.pid)


async def test_silence_counts_from_the_question(stub: Path) -> None:
    write(stub, "signal.pause()")
    child = await started()
    with pytest.raises(ChildDied, match=r"no sign of life in 0\.01 s"):
        await child.receive_message(0.01)
    assert child.alive
    await child.kill()


async def test_a_child_that_does_not_come_up_is_an_error_of_the_system(stub: Path) -> None:
    write(stub, "os._exit(3)", b"")
    with pytest.raises(OSError, match="stub_child did not start: ended with status 3"):
        await started()
    assert not children()


async def test_a_start_that_is_cancelled_leaves_no_process(stub: Path) -> None:
    write(stub, "signal.pause()", b"")
    starting = asyncio.create_task(started())
    await turns()
    (child,) = children()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not child.is_running()


async def test_a_kill_that_is_cancelled_leaves_no_dead_process(stub: Path) -> None:
    write(stub, "signal.pause()")
    child = await started()
    killing = asyncio.create_task(child.kill())
    await turns()
    killing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killing
    await eventually(lambda: not psutil.pid_exists(child.pid))


def test_no_secret_is_in_the_environment() -> None:
    server = {
        "PATH": "/bin",
        "RINGBACK_API_KEY": "s",
        "AWS_SECRET_ACCESS_KEY": "s",
        "STUB_A": "a",
        "STUB_SET": "b",
    }
    assert PROGRAM.environment(server) == {
        "PATH": "/bin",
        "STUB_A": "a",
        "STUB_SET": "ours",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
