"""Ports for servers that are started again on the port that they had."""

import os
import socket
from pathlib import Path

_LOWEST = 10_000
_WORKERS = 8
_FOR_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, never given twice by this process.

    It lies below those that the kernel gives to connections: one of these could otherwise take the port
    while its server restarts, and a client that polls for the server could be connected to itself. The
    processes of one run of the tests take from ranges of their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    size = (_highest() - _LOWEST) // _WORKERS
    first = _LOWEST + worker * size
    start = os.getpid() * 37 % size  # a run beside this one begins elsewhere
    for step in range(size):
        port = first + (start + step) % size
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise AssertionError("all ports are taken")


def _highest() -> int:
    """The first port that the kernel gives to connections."""
    if _FOR_CLIENTS.exists():
        return int(_FOR_CLIENTS.read_text().split()[0])
    return 32_768


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
