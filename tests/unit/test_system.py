import fcntl
import os
import resource
from pathlib import Path

import pytest

from ringback import system

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


def _no_such_file(_: Path) -> str:
    raise FileNotFoundError


def _unsupported(_descriptor: int, _command: int) -> None:
    raise OSError("not supported here")
