import ctypes
import fcntl
import os
import resource
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from ringback import system
from ringback.audio import confinement

FULL_FSYNC = 51
"""What `fcntl.F_FULLFSYNC` is on macOS."""


@pytest.fixture
def written(tmp_path: Path) -> int:
    return os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)


def as_on_macos(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take away what macOS lacks; the commands that `fcntl` is given from now on."""
    commands: list[int] = []
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.setattr(system, "_FULL_FSYNC", FULL_FSYNC)
    monkeypatch.setattr(fcntl, "fcntl", lambda _descriptor, command: commands.append(command))
    return commands


def test_without_cpu_affinity_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    as_on_macos(monkeypatch)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.setattr(Path, "read_text", _no_such_file)
    assert system.available_cores() == 6


def test_the_quota_of_a_container_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(Path, "read_text", lambda _: "250000 100000")
    assert system.available_cores() == 2


@pytest.mark.parametrize("name", ["sync", "sync_data"])
def test_on_macos_bytes_leave_the_cache_of_the_drive(
    monkeypatch: pytest.MonkeyPatch, written: int, name: str
) -> None:
    commands = as_on_macos(monkeypatch)
    getattr(system, name)(written)
    assert commands == [FULL_FSYNC]


@pytest.mark.parametrize("name", ["sync", "sync_data"])
def test_a_file_system_without_full_fsync_gets_a_plain_one(
    monkeypatch: pytest.MonkeyPatch, written: int, name: str
) -> None:
    as_on_macos(monkeypatch)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setattr(fcntl, "fcntl", _unsupported)
    getattr(system, name)(written)
    assert synced == [written]


@pytest.mark.parametrize("name", ["sync", "sync_data"])
def test_a_failed_sync_is_an_error(name: str) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        getattr(system, name)(987_654)


@pytest.mark.parametrize(
    ("soft", "hard", "requested", "expected"),
    [
        (1_024, 4_096, 65_536, 4_096),
        (1_024, 1_048_576, 65_536, 65_536),
        (100_000, 1_048_576, 65_536, 100_000),
        (1_024, resource.RLIM_INFINITY, 65_536, 65_536),
        (64, 64, 65_536, 64),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_it_may(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, requested: int, expected: int
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    assert system.raise_open_files_limit(requested) == expected
    assert limits[-1] == (expected, hard)


def test_a_hard_limit_that_is_not_named_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, which says `unlimited` and refuses more than it has."""
    limits = [(256, resource.RLIM_INFINITY)]

    def setrlimit(_: int, pair: tuple[int, int]) -> None:
        if pair[0] > 10_240:
            raise ValueError("current limit exceeds maximum limit")
        limits.append(pair)

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert system.raise_open_files_limit(65_536) == 8_192
    assert limits[-1] == (8_192, resource.RLIM_INFINITY)


@pytest.mark.parametrize(("platform", "refused"), [("linux", True), ("darwin", False)])
def test_a_decoder_starts_where_a_limit_of_memory_cannot_be_set_but_not_on_linux(
    monkeypatch: pytest.MonkeyPatch, platform: str, refused: bool
) -> None:
    def setrlimit(limit: int, _: tuple[int, int]) -> None:
        if limit == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(prctl=lambda *_: 0))
    with pytest.raises(ValueError, match="exceeds") if refused else nullcontext():
        confinement.confine()


def _no_such_file(_: Path) -> str:
    raise FileNotFoundError


def _unsupported(_descriptor: int, _command: int) -> None:
    raise OSError("not supported here")


def test_no_random_block_is_taken_twice() -> None:
    random = system.RandomBlocks(16, at_once=7)
    with ThreadPoolExecutor(8) as threads:
        blocks = list(threads.map(lambda _: random.take(), range(1_000)))
    assert {len(block) for block in blocks} == {16}
    assert len(set(blocks)) == 1_000


def test_a_hole_reads_as_zeros(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3 * 4096)
    with path.open("r+b") as file:
        system.punch_hole(file.fileno(), 4096, 4096)
        with pytest.raises(OSError, match=r"Invalid argument"):
            system.punch_hole(file.fileno(), 4096, -1)
    assert path.read_bytes() == b"x" * 4096 + bytes(4096) + b"x" * 4096
