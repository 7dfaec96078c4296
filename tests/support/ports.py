"""Ports for servers that are started again on the port that they had."""

import fcntl
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

_LOWEST = 10_000
_FOR_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_CLAIMS = Path(tempfile.gettempdir()) / "ringback-test-ports"
_claimed: list[IO[str]] = []
"""Locked files, one for each port, for as long as this process lives."""


def free_port() -> int:
    """A free port of 127.0.0.1, which no other process that asks here is given.

    It lies below those that the kernel gives to connections: one of these could otherwise take the port
    while its server restarts, and a client that polls for the server could be connected to itself.
    """
    _CLAIMS.mkdir(exist_ok=True)
    for port in random.sample(range(_LOWEST, _highest()), 1_000):
        if _claim(port) and _is_free(port):
            return port
    raise AssertionError("all ports are taken")


def _highest() -> int:
    """The first port that the kernel gives to connections."""
    if _FOR_CLIENTS.exists():
        return int(_FOR_CLIENTS.read_text().split()[0])
    return 32_768


def _claim(port: int) -> bool:
    claim = (_CLAIMS / str(port)).open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        claim.close()
        return False
    _claimed.append(claim)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
