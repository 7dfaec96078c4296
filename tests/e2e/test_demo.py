"""`make demo` is the first thing that anybody runs: it works, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from support.waiting import PATIENCE

DEMO = Path(__file__).parent.parent.parent / "demo" / "demo.py"


def start(scratch: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(DEMO)],
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_it_shows_a_callback(tmp_path: Path) -> None:
    process = start(tmp_path)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    accepted = re.search(r'< 200 {"request_id": "([0-9a-f-]{36})"}', said)
    assert accepted is not None
    assert re.search(r"… transcri", said)
    assert f"✓ request_id {accepted[1]}" in said
    assert "✓ signature" in said
    assert "more amiable woman" in said
    assert list(tmp_path.iterdir()) == []


def test_ending_it_ends_what_it_started(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    while "Ready" not in (line := process.stdout.readline()):
        assert line, "the demo ended too soon"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []
    assert list(tmp_path.iterdir()) == []
    assert process.returncode == 143


def test_a_signal_that_comes_while_a_program_is_started_leaves_none_behind(tmp_path: Path) -> None:
    ended_while_starting = f"""
import runpy, signal, subprocess, sys

class Started(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        print(self.pid, flush=True)
        signal.raise_signal(signal.SIGTERM)

subprocess.Popen = Started
sys.exit(runpy.run_path({str(DEMO)!r})["main"]())
"""
    said = subprocess.run(
        [sys.executable, "-c", ended_while_starting],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert said.returncode == 143
    assert not psutil.pid_exists(int(said.stdout.splitlines()[-1]))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo works from any folder, whatever settings the shell has."""
    monkeypatch.chdir(tempfile.gettempdir())
    monkeypatch.setenv("RINGBACK_PORT", "1")
