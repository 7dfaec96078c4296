"""What commands print never commands the terminal.

Comments, transcripts, tags and answers come from callers and receivers: an escape sequence among them could
retitle a window, clear the screen, or fill the clipboard. Everything that a command writes passes here, error
messages too. Only the sequences that our own output is made of go through; of anything else that a terminal
would obey the code is shown. Fields that must stay on their line pass `shown.printable` besides.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

_OBEYED = re.compile(
    # Ours: colours and weights, a line that is written anew, and the progress bar's cursor.
    r"(\x1b\[(?:[0-2]|22|3[0-79]|9[0-7])m|\r\x1b\[2K|\r\x1b\[\?25l|\x1b\[\?25h|\r\n)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def harmless(text: str) -> str:
    """The text with each control character as `\\u001b`, which inside JSON is the same document."""
    return _OBEYED.sub(lambda found: found[1] or f"\\u{ord(found[0]):04x}", text)


@contextmanager
def harmless_output() -> Iterator[None]:
    """Let standard output and standard error take only what is `harmless`."""
    out, error = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", _Harmless(out)), cast("TextIO", _Harmless(error))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, error


class _Harmless:
    """A text stream. It has no `buffer`: bytes would go past it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(harmless(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)
