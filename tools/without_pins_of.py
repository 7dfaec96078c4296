"""Leaves in a hashed requirements file what it adds to others: `without_pins_of.py FILE OTHER …`.

`make lock` runs it over exports of one lock, so that a pin is in one file, and the files of any extras can be
installed beside each other. A pin with another marker is another pin.
"""

import re
import sys
from pathlib import Path


def pins(file: Path) -> list[str]:
    """Each pin with the lines of its hashes."""
    return re.findall(r"^\S.*\n(?: .*\n)*", file.read_text(), re.MULTILINE)


if __name__ == "__main__":
    target, *others = map(Path, sys.argv[1:])
    known = {pin for other in others for pin in pins(other)}
    target.write_text("".join(pin for pin in pins(target) if pin not in known))
