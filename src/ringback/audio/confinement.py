"""Limits for a process in which FFmpeg reads callers' bytes."""

import ctypes
import os
import resource
import signal
import sys

import av

# PyAV imports these when it first meets such a stream, which is too late once nothing can be opened.
import av.subtitles.codeccontext
import av.subtitles.stream

from ringback.sandbox import Profile
from ringback.sandbox import confine as give_up_rights


def confine() -> None:
    """Limit memory, write no files, end with the server."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _at_most(resource.RLIMIT_AS, _ADDRESS_SPACE)
    _at_most(resource.RLIMIT_DATA, _MEMORY)
    if sys.platform == "linux":
        # Elsewhere the end of the socket ends us, unless we hang at that moment.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A stop is sent to the whole process group; the server wants to finish what it has begun.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    av.logging.set_level(av.logging.PANIC)


def restrict() -> None:
    """The last step before hostile bytes: from now on nothing but what is open and loaded can be reached."""
    # Standard error may be the server's log, or a terminal; faults are reported over the socket.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
    os.close(nowhere)
    give_up_rights(Profile.DECODER)


def _at_most(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    most = most if hard == resource.RLIM_INFINITY else min(hard, most)
    try:
        resource.setrlimit(limit, (most, most))
    except (OSError, ValueError):
        # macOS takes no limits of memory any more: EINVAL, whatever the value (python/cpython#78783).
        if sys.platform == "linux":
            raise


_ADDRESS_SPACE = 2 << 30
"""Bytes, libraries included."""
_MEMORY = 512 << 20
"""Bytes of data. A child that has just started has 80 MB, 20 channels take 130 MB more, and the index of 24
hours of AAC up to 330 MB. A container may claim as much as it likes."""
_PR_SET_PDEATHSIG = 1
