"""Draws docs/terminal.svg: what `make demo` shows in a terminal, as it really came.

Run by `make terminal-picture`, in the environment that `make setup-dev` has made. The program runs in a
pseudo-terminal, so that its colours are those that a person sees. Fonts that rich's picture would fetch from
elsewhere are taken out: it shows the reader's own.
"""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "terminal.svg"
ROWS, COLUMNS = 50, 124


def main() -> int:
    output = f"$ make demo\n{in_a_terminal([sys.executable, str(ROOT / 'demo' / 'demo.py')])}"
    PICTURE.write_text(picture_of(output))
    return 0


def in_a_terminal(command: list[str]) -> str:
    """What a program writes to a terminal, to its end."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, cwd=ROOT) as running:  # noqa: S603 - our own program
        os.close(its)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    if running.returncode != 0:
        raise SystemExit(f"{command} ended with {running.returncode}:\n{written.decode()}")
    return written.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # how Linux says that no program writes any more
        return b""


def picture_of(output: str) -> str:
    """An SVG. A line that was written over (`\\r`) shows what stood there last."""
    last = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in output.rstrip().split("\n"))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(last))
    svg = console.export_svg(title="make demo", unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    sys.exit(main())
