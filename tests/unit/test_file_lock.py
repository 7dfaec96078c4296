"""Locks on files and folders. Each descriptor has a lock of its own, also within one process."""

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from ringback.file_lock import take_file_lock
from support.waiting import wait_until


def held(path: Path, *, shared: bool = False) -> int:
    descriptor = take_file_lock(path, shared=shared)
    assert descriptor is not None
    return descriptor


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first = held(tmp_path)
    assert take_file_lock(tmp_path) is None
    assert take_file_lock(tmp_path, shared=True) is None
    os.close(first)
    os.close(held(tmp_path))


def test_many_share_a_lock(tmp_path: Path) -> None:
    first, second = held(tmp_path, shared=True), held(tmp_path, shared=True)
    os.close(first)
    assert take_file_lock(tmp_path) is None
    os.close(second)
    os.close(held(tmp_path))


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    first, taken = held(tmp_path), threading.Event()

    def wait() -> None:
        descriptor = take_file_lock(tmp_path, waits=True)
        assert descriptor is not None
        os.close(descriptor)
        taken.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not taken.is_set()
    os.close(first)
    wait_until(taken.is_set)
    waiting.join()


def test_a_file_is_opened_as_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(FileNotFoundError):
        take_file_lock(path)
    descriptor = take_file_lock(path, os.O_RDWR | os.O_CREAT)
    assert descriptor is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(OSError, match="cannot be locked: No locks available") as failed:
        take_file_lock(tmp_path)
    assert (failed.value.errno, failed.value.filename) == (errno.ENOLCK, str(tmp_path))
