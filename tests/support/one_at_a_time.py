"""What keeps a test that holds a time limit to itself while others run beside it in other processes.

Each test holds a lock that is shared, a test marked `alone` one that is not. A test that waits for its lock
keeps the next ones from taking theirs, so that a test that wants to be alone waits for those under way only.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """While the block runs, nothing else that takes a turn in this folder does, if `alone`."""
    with (folder / "next.lock").open("w") as following, (folder / "running.lock").open("w") as running:
        fcntl.flock(following, fcntl.LOCK_EX)
        fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(following, fcntl.LOCK_UN)
        yield
