"""Tests that hold time limits are really alone, in `make test` as CI runs it."""

import fcntl
from pathlib import Path

import pytest

from support.one_at_a_time import turn
from support.ports import free_port


def lock_is_free(folder: Path, kind: int) -> bool:
    with (folder / "running.lock").open("w") as running:
        try:
            fcntl.flock(running, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_others_run_beside_a_test_that_holds_no_time_limit(tmp_path: Path) -> None:
    with turn(tmp_path, alone=False):
        assert lock_is_free(tmp_path, fcntl.LOCK_SH)
        assert not lock_is_free(tmp_path, fcntl.LOCK_EX)


def test_nobody_runs_beside_one_that_is_alone(tmp_path: Path) -> None:
    with turn(tmp_path, alone=True):
        assert not lock_is_free(tmp_path, fcntl.LOCK_SH)
    assert lock_is_free(tmp_path, fcntl.LOCK_EX)


def test_a_port_is_given_once_and_never_one_that_connections_get() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    highest = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not highest.exists():
        pytest.skip("the range of the kernel is read from /proc")
    assert max(ports) < int(highest.read_text().split()[0])
