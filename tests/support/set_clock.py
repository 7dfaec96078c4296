"""`python set_clock.py FILE …`: the `ringback` command on a machine whose clock is set.

FILE holds one number, the seconds by which the wall clock is off, and may be written at any time. What
measures durations, the monotonic clock, goes on as it does on a real machine.
"""

import mmap
import struct
import sys
import time
from pathlib import Path


def main() -> None:
    with Path(sys.argv[1]).open("rb") as file:
        off_by = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    true_time = time.time
    time.time = lambda: true_time() + struct.unpack("d", off_by[:8])[0]
    sys.argv[1:] = sys.argv[2:]

    from ringback.cli import main as ringback

    ringback()


if __name__ == "__main__":
    main()
