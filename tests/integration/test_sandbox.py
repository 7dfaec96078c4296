"""Hostile code inside the real children reaches nothing: no file, no network, no other process."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ringback.audio import live_frames
from ringback.audio.decoder_process import DECODER_PROGRAM
from ringback.audio.encodings import Decoding
from ringback.audio.frames import ReadOrder
from ringback.bootstrap.sandbox_check import SandboxCheck
from ringback.child_process.framing import pack
from ringback.engines import messages
from ringback.engines.base import Task, Urgency
from ringback.engines.process import ENGINE as ENGINE_PROGRAM
from ringback.sandbox import check
from ringback.sandbox.kernel import SUPPORTED
from ringback.settings import EngineSettings
from support.logs import capture_logs

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="Linux alone has these layers")

SCRIPT = Path(__file__).parent.parent / "support" / "hostile_code.py"
CANARY = "canary-in-the-parents-environment"

STOPPED = {"EPERM", "EACCES", "ENOSYS"}


@dataclass
class Place:
    """What hostile code would be after."""

    ledger: Path
    folder: Path
    listener: socket.socket

    def known(self, **more: Any) -> dict[str, Any]:
        return {
            "parent": os.getpid(),
            "ledger": str(self.ledger),
            "folder": str(self.folder),
            "address": self.listener.getsockname(),
            "without": [],
            "unconfined": False,
            **more,
        }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("RINGBACK_SECRET_KEY", CANARY)
    folder = tmp_path / "blobs"
    folder.mkdir()
    (folder / "victim").write_bytes(b"somebody's recording")
    ledger = tmp_path / "ringback.db"
    ledger.write_bytes(b"SQLite" * 1000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Place(ledger, folder, listener)


@dataclass
class Child:
    """How one of our children is started and made to meet a caller's bytes."""

    module: str
    replaced: list[str]
    allowed: set[str] = field(default_factory=set)


DECODER = Child("ringback.audio.child", ["_read"])
LIVE = Child("ringback.audio.live_child", ["_decode"])
ENGINE = Child("ringback.engines.child", ["_answer"], {"make code"})
"""CTranslate2 makes its kernels for the processor that it finds."""


def taken_over(child: Child, place: Place, **more: Any) -> dict[str, str]:
    """Start the child as the server does, have the payload run in it, and return what came of it."""
    ours, theirs = socket.socketpair()
    files, their_files = socket.socketpair()
    report, their_report = socket.socketpair()
    known = place.known(replaced=child.replaced, report=their_report.fileno(), **more)
    numbers = [each.fileno() for each in (theirs, their_files, their_report)]
    command = [sys.executable, "-P", str(SCRIPT), child.module, json.dumps(known)]
    process = subprocess.Popen(
        [*command, *map(str, numbers[:2])],
        pass_fds=numbers,
        env=(ENGINE_PROGRAM if child is ENGINE else DECODER_PROGRAM).environment(),
        stdin=subprocess.DEVNULL,
    )
    for each in (theirs, their_files, their_report):
        each.close()
    with ours, files, report, process:
        try:
            _begin(child, place, ours, files)
            report.settimeout(120)
            reported = b""
            while piece := report.recv(1 << 16):
                reported += piece
        finally:
            process.kill()
    found: dict[str, str] = json.loads(reported)
    return found


def _begin(child: Child, place: Place, ours: socket.socket, files: socket.socket) -> None:
    if child is DECODER:
        with (place.folder / "victim").open("rb") as recording:
            socket.send_fds(files, [b"f"], [recording.fileno()])
        sent = [*pack(ReadOrder("a path of ours", Decoding(), 15.0))]
    elif child is LIVE:
        sent = [*pack(live_frames.BeginFile(Decoding()))]
    else:
        batch = messages.Batch(1, Urgency.RECORDING, Task("tiny.en", "en"), (10,))
        sent = [
            *pack(messages.EngineSetup("tiny.en", str(place.folder / "models"), 1)),
            *pack(batch, bytes(40)),
        ]
    ours.sendall(b"".join(sent))


@pytest.mark.parametrize("child", [DECODER, LIVE, ENGINE], ids=["recording", "live", "engine"])
def test_hostile_code_in_a_child_reaches_nothing(child: Child, place: Place) -> None:
    found = taken_over(child, place)
    assert CANARY not in found.pop("environment")
    assert found.pop("threads") == "work"
    assert {name: end for name, end in found.items() if end not in STOPPED}.keys() == child.allowed
    assert (place.folder / "victim").read_bytes() == b"somebody's recording"
    assert sorted(path.name for path in place.folder.iterdir()) == ["victim"]
    assert place.ledger.read_bytes() == b"SQLite" * 1000


def test_without_the_sandbox_it_reaches_all_that(place: Place) -> None:
    """So that the test above does not pass because the attempts are wrong."""
    without = ["trace the parent", "run a shell", "type into the terminal", "fork by clone"]
    found = taken_over(DECODER, place, unconfined=True, without=without)
    for name in (
        "read the parent's environment",
        "overwrite the ledger",
        "connect",
        "fork",
        "link",
        "unlink",
    ):
        assert found[name] == "done"
    assert sum(end == "done" for end in found.values()) >= 20


def test_every_layer_is_tried_by_itself() -> None:
    found = check.report()
    assert found.fault is None
    assert found.memory_hidden
    assert found.no_new_privs
    if found.whole:
        assert str(found).startswith("memory hidden, no new privileges, Landlock ")
    else:
        assert all(words for words in found.missing)


async def test_the_server_says_what_holds() -> None:
    stopping = asyncio.Event()
    stopping.set()
    with capture_logs() as reported:
        await SandboxCheck(EngineSettings()).run(stopping)
    [line] = reported
    assert line["event"] == ("sandbox.checked" if check.report().whole else "sandbox.incomplete")
    assert line["holds"].startswith("memory hidden, no new privileges")


LOADS = """
import sys
from ringback.engines.confinement import confine
from ringback.engines.messages import EngineSetup
confine(EngineSetup("tiny.en", sys.argv[1], 1, "cpu"))
import onnxruntime
"""


def test_what_the_engine_loads_when_it_is_asked_writes_nothing_into_the_log(tmp_path: Path) -> None:
    """onnxruntime looks for a GPU, and complained on standard error that it may not."""
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
