"""What a process may do that lets callers' bytes meet FFmpeg."""

import ctypes
import resource
import signal
import sys

import av


def confine() -> None:
    """Little to break, nothing to write, no life after the server's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _ADDRESS_SPACE if hard == resource.RLIM_INFINITY else min(hard, _ADDRESS_SPACE)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if sys.platform == "linux":
        # Elsewhere the end of the socket ends us, unless we hang at that moment.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A stop is sent to the whole process group; the server wants to finish what it has begun.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    av.logging.set_level(av.logging.PANIC)


_ADDRESS_SPACE = 2 << 30
"""Bytes; some eight times what a child maps at work. A container's index may claim as much as it likes."""
_PR_SET_PDEATHSIG = 1
