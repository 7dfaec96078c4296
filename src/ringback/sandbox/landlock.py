"""Landlock: files, TCP ports and signals that a process can no longer reach (kernel 5.13 and later).

What is open already stays usable; everything else is refused but for the paths that are named.
https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ringback.sandbox.kernel import system_call

_VERSION_ONLY = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FIRST_RIGHTS = (1 << 13) - 1
"""Of files, by the first version: the four above, and making and removing of each kind."""
_LATER_RIGHTS = ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""Version, right: moving between folders, truncating, and `ioctl` of devices."""
_IOCTL_DEVICE = 1 << 15
_NETWORK = (4, 0b11)
"""Binding and connecting TCP sockets."""
_SCOPES = (6, 0b11)
"""Abstract Unix sockets of others, and signals to them."""


def version() -> int:
    """Which version the kernel speaks. Raises `OSError` where it speaks none."""
    return system_call("landlock_create_ruleset", None, 0, _VERSION_ONLY)


def restrict(readable: Iterable[Path] = (), devices: Iterable[Path] = ()) -> int:
    """Hold this thread, and those that it will start, to what is open and to these; the version that does.

    `readable`: files, and folders with all below them; `devices`: device files, which may be written and
    controlled. Those that are not there are left out. Raises `OSError` where Landlock is missing.
    """
    spoken = version()
    files = _FIRST_RIGHTS | sum(right for since, right in _LATER_RIGHTS if spoken >= since)
    network = _NETWORK[1] if spoken >= _NETWORK[0] else 0
    scopes = _SCOPES[1] if spoken >= _SCOPES[0] else 0
    attributes = struct.pack("<QQQ", files, network, scopes)
    size = 24 if scopes else 16 if network else 8
    ruleset = system_call("landlock_create_ruleset", ctypes.c_char_p(attributes[:size]), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ_FILE | _READ_DIR | _EXECUTE)
        for path in devices:
            _allow(ruleset, path, files & (_READ_FILE | _READ_DIR | _WRITE_FILE | _IOCTL_DEVICE))
        system_call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return spoken


def _allow(ruleset: int, path: Path, rights: int) -> None:
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                rights &= ~_READ_DIR
            rule = ctypes.c_char_p(struct.pack("<Qi", rights, descriptor))
            system_call("landlock_add_rule", ruleset, _PATH_BENEATH, rule, 0)
        finally:
            os.close(descriptor)
