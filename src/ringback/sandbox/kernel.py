"""System calls that Python has no function for. Everything here is Linux, x86-64 or 64-bit ARM."""

import ctypes
import os
import platform
import sys

from ringback.sandbox.calls import NUMBERS

MACHINE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}.get(
    platform.machine().lower()
)
"""None: a processor whose system calls are not known here."""

SUPPORTED = sys.platform == "linux" and MACHINE is not None and sys.maxsize > 2**32

PR_SET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE = 1, 3, 4
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 38, 39


def system_call(name: str, *arguments: object) -> int:
    """Its result. Raises `OSError`, with `ENOSYS` where the kernel does not have it."""
    assert MACHINE is not None
    result: int = _LIBC.syscall(ctypes.c_long(NUMBERS[name][MACHINE]), *map(_word, arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def control_process(option: int, value: int = 0) -> int:
    """`prctl`. Raises `OSError`."""
    return system_call("prctl", option, value, 0, 0, 0)


def _word(value: object) -> object:
    """ctypes would pass a plain number in half a register."""
    return ctypes.c_ulong(value & _WORD) if isinstance(value, int) else value


_WORD = (1 << 64) - 1
_LIBC = ctypes.CDLL(None, use_errno=True)
