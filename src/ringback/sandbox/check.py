"""Which sandbox layers work on this kernel: `python -m ringback.sandbox.check` confines itself and tries.

Nothing under /sys is trusted: a layer counts when a call that it must stop was stopped.
"""

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from ringback.sandbox import kernel, rights
from ringback.sandbox.profiles import Profile

SECONDS = 30.0
"""Patience with the process that tries; it takes a tenth of one."""


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """Whether each layer holds; a fault in words where nothing could be tried."""

    memory_hidden: bool = False
    no_new_privs: bool = False
    landlock: int = 0
    """Its version; 0: it does not hold."""
    seccomp: bool = False
    fault: str | None = None

    @property
    def missing(self) -> list[str]:
        """What does not hold, and what that means."""
        return [words for held, words in zip(self._held, _MISSING, strict=True) if not held]

    @property
    def whole(self) -> bool:
        return all(self._held)

    def __str__(self) -> str:
        names = ("memory hidden", "no new privileges", f"Landlock {self.landlock}", "seccomp")
        return ", ".join(name for held, name in zip(self._held, names, strict=True) if held) or "none"

    @property
    def _held(self) -> tuple[bool, ...]:
        return self.memory_hidden, self.no_new_privs, self.landlock > 0, self.seccomp


_MISSING = (
    "the server's memory can be read by other processes of its user",
    "no_new_privs is refused: seccomp cannot be had either",
    "Landlock is missing (kernel 5.13, with `landlock` among its security modules): system calls alone keep "
    "decoders from files, and the engine can read what its user can",
    "seccomp is missing: code in a decoder could open sockets and trace other processes",
)


def report() -> SandboxReport:
    """Have a process of its own try it. Never raises."""
    if not kernel.SUPPORTED:
        return SandboxReport(
            fault=f"there is none for {sys.platform} on this processor: decoders may do what the user may"
        )
    command = [sys.executable, "-P", "-m", "ringback.sandbox.check"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, timeout=SECONDS, check=True, stdin=subprocess.DEVNULL
        )
        return SandboxReport(**json.loads(done.stdout))
    except (OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
        return SandboxReport(fault=f"the process that tries it failed: {error}")


def _tried() -> SandboxReport:
    hidden = rights.hide_memory() and kernel.control_process(kernel.PR_GET_DUMPABLE) == 0
    _open_a_file()
    # One after the other, so that each is seen to stop something by itself.
    given = rights.confine_files(Profile.DECODER)
    files = given.landlock > 0 and _refuses(_open_a_file, errno.EACCES)
    calls = rights.confine_calls(Profile.DECODER) and _refuses(_open_a_socket, errno.EPERM)
    return SandboxReport(hidden, given.no_new_privs, given.landlock if files else 0, calls)


def _open_a_file() -> None:
    os.close(os.open(sys.executable, os.O_RDONLY))


def _open_a_socket() -> None:
    socket.socket(socket.AF_UNIX).close()


def _refuses(attempt: Callable[[], None], number: int) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno == number
    return False


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_tried())))
