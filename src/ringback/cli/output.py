"""Output of commands: escaped text, a progress bar, the findings of `ringback doctor`.

Comments, transcripts, tags and answers come from callers and receivers: an escape sequence among them could
retitle a window, clear the screen, or fill the clipboard. Everything that a command writes passes here, error
messages too. Only the sequences that our own output is made of go through; of anything else that a terminal
would obey the code is shown. Fields that must stay on their line pass `shown.printable` besides.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TextIO, cast

import click

STEPS = 1_000
"""Of a progress bar."""

_OBEYED = re.compile(
    # Ours: colours and weights, a line that is written again, and the progress bar's cursor.
    r"(\x1b\[(?:[0-2]|22|3[0-79]|9[0-7])m|\r\x1b\[2K|\r\x1b\[\?25l|\x1b\[\?25h|\r\n)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def escape_controls(text: str) -> str:
    """The text with each control character as `\\u001b`, which inside JSON is the same document."""
    return _OBEYED.sub(lambda found: found[1] or f"\\u{ord(found[0]):04x}", text)


@contextmanager
def escaped_output() -> Iterator[None]:
    """Let standard output and standard error take only what is `escape_controls`."""
    out, error = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", _EscapingStream(out)), cast("TextIO", _EscapingStream(error))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, error


class _EscapingStream:
    """A text stream. It has no `buffer`: bytes would go past it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(escape_controls(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)


def printable(text: str) -> str:
    """Without what a terminal would obey instead of showing."""
    return "".join(character if character.isprintable() else " " for character in text)


class ProgressBar:
    """A progress bar on standard error; hidden where that is no terminal. The total may grow on the way."""

    def __init__(self, label: str) -> None:
        self._bar = click.progressbar(
            length=STEPS, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
        )

    def advance(self, done: float, whole: float) -> None:
        """`done` of `whole`, in any unit; the bar never goes back."""
        steps = min(STEPS, int(STEPS * done / whole)) if whole > 0 else 0
        if steps > self._bar.pos:
            self._bar.update(steps - self._bar.pos)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.advance(1, 1)
        self._bar.__exit__(kind, error, trace)


class Grade(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    grade: Grade
    subject: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        colour = {Grade.OK: "green", Grade.WARN: "yellow", Grade.FAIL: "red"}[self.grade]
        line = f"{click.style(f'{self.grade:<5}', fg=colour)}{self.subject:<17}{self.what}"
        return line + (f"\n{'':<22}→ {self.fix}" if self.fix else "")
