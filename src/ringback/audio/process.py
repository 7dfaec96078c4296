"""Starting a decoding process, and reading from its end how it ended."""

import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path


def spawn(module: str, *more: socket.socket) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """`module` as a process of its own, and our end of the socket whose number it is told.

    Then come the numbers of `more`, which stay the caller's to close.

    Holds the event loop up for the millisecond or two that a vfork takes.
    """
    ours, theirs = socket.socketpair()
    numbers = [each.fileno() for each in (theirs, *more)]
    command = [sys.executable, "-P", "-m", module, *map(str, numbers)]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module, no caller's word in it
            command, pass_fds=numbers, stdin=subprocess.DEVNULL, env=_environment()
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def fate(status: int) -> str:
    """How a process ended, in words, by its exit status."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where nobody can say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize()


def _environment() -> dict[str, str]:
    """What Python needs to start, and none of our secrets: the child meets hostile bytes."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_NEEDED)}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


_NEEDED = ("PATH", "PYTHON", "LD_", "DYLD_", "LANG", "LC_", "HOME", "TMPDIR", "VIRTUAL_ENV")
