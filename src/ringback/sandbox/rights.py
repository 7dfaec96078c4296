"""Giving up rights, for good: what each process of ours calls once, before it meets bytes from outside."""

import ctypes
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ringback.sandbox import filters, kernel, landlock
from ringback.sandbox.profiles import Profile, rules_of


@dataclass(frozen=True, slots=True)
class Layers:
    """What of it the kernel has granted; each layer holds whether or not the others do."""

    no_new_privs: bool
    """No program can give this process rights, and it has none of its own left."""
    landlock: int
    """The version of Landlock that keeps it from files and signals; 0: none does."""
    seccomp: bool
    """It makes only the system calls of its profile."""


def confine(profile: Profile, readable: Sequence[Path] = (), devices: Sequence[Path] = ()) -> Layers:
    """Give up everything but what the profile needs; what this kernel lacks is left out.

    To be called while the process has one thread: Landlock holds that one and those it starts. `readable`
    and `devices` are for the engines' profiles.
    """
    held = confine_files(profile, readable, devices)
    return replace(held, seccomp=held.no_new_privs and confine_calls(profile))


def confine_files(profile: Profile, readable: Sequence[Path] = (), devices: Sequence[Path] = ()) -> Layers:
    """The part of `confine` that does not stand in the way of trying the rest: privileges, and Landlock."""
    if not kernel.SUPPORTED:
        return Layers(no_new_privs=False, landlock=0, seccomp=False)
    decodes = profile is Profile.DECODER
    unprivileged = _granted(lambda: _no_new_privileges(keep=0 if decodes else _CAP_DAC_READ_SEARCH))
    try:
        version = landlock.restrict(
            () if decodes else readable, devices if profile is Profile.GPU_ENGINE else ()
        )
    except OSError:
        version = 0
    return Layers(unprivileged, version, seccomp=False)


def confine_calls(profile: Profile) -> bool:
    """The rest of `confine`: the system calls of the profile, for all threads that there are."""
    return kernel.SUPPORTED and _granted(lambda: _filter_calls(profile))


def hide_memory() -> bool:
    """Other processes of our user may not read this one's memory and environment, nor trace it.

    It leaves no core dump, either.
    """
    return kernel.SUPPORTED and _granted(lambda: kernel.control_process(kernel.PR_SET_DUMPABLE, 0))


def _no_new_privileges(keep: int) -> None:
    """`keep`: the capabilities that may stay, if they are there: root has its power in them."""
    kernel.control_process(kernel.PR_SET_NO_NEW_PRIVS, 1)
    # Version 3 of the header, for this process; twice a word of effective, permitted and inheritable ones.
    header = struct.pack("<Ii", 0x20080522, 0)
    had = ctypes.create_string_buffer(24)
    kernel.system_call("capget", ctypes.c_char_p(header), had)
    permitted = struct.unpack("<6I", had.raw)[1] & keep
    remaining = struct.pack("<6I", permitted, permitted, 0, 0, 0, 0)
    kernel.system_call("capset", ctypes.c_char_p(header), ctypes.c_char_p(remaining))


def _filter_calls(profile: Profile) -> None:
    """seccomp(2) refuses what it cannot apply to each of the threads."""
    assert kernel.MACHINE is not None
    lines = filters.program(rules_of(profile, os.getpid()), kernel.MACHINE)
    code = ctypes.create_string_buffer(filters.packed(lines))
    header = struct.pack("@HP", len(lines), ctypes.addressof(code))
    kernel.system_call("seccomp", _SET_MODE_FILTER, _ALL_THREADS, ctypes.c_char_p(header))


def _granted(layer: Callable[[], object]) -> bool:
    try:
        layer()
    except OSError:
        return False
    return True


_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_CAP_DAC_READ_SEARCH = 1 << 2
"""Reads models of any owner, where the server runs as root."""
