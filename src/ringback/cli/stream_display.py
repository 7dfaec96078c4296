"""How `ringback listen` shows a stream: text that changes in place on a terminal, plain lines elsewhere."""

import shutil
import sys
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Protocol, TextIO

import click

from ringback.cli.output import printable

_LINE_START = "\r\x1b[2K"
"""Back to the start of the terminal's line, and empty it."""


class StreamDisplay(Protocol):
    def show_message(self, text: str, document: Any) -> None:
        """Show one message: as it came, and decoded."""

    def end(self) -> None:
        """Leave the screen in order, however the stream ended."""


class JsonDisplay:
    """Every message as it came, one on a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show_message(self, text: str, document: Any) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def end(self) -> None:
        """Nothing is left open."""


class TextDisplay:
    """Each final on a line of its own; on a terminal, what may still change stands below the last one."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._changing = False

    def show_message(self, text: str, document: Any) -> None:
        kind = document.get("type")
        if kind == "Results":
            self._results(document)
        elif kind == "Error":
            self._wipe()
            click.echo(f"The server says: {printable(str(document.get('description')))}", err=True)

    def end(self) -> None:
        self._wipe()

    def _results(self, document: Any) -> None:
        text = _labelled(document)
        if document["is_final"]:
            self._wipe()
            if text:
                self._write(text + "\n")
        elif self._terminal and text:
            columns = shutil.get_terminal_size().columns
            self._write(_LINE_START + click.style(tail(text, columns - 1), dim=True))
            self._changing = True

    def _wipe(self) -> None:
        if self._changing:
            self._write(_LINE_START)
            self._changing = False

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def display_for(as_json: bool) -> StreamDisplay:
    return JsonDisplay(sys.stdout) if as_json else TextDisplay(sys.stdout)


def tail(text: str, columns: int) -> str:
    """As much of the end of a text as fits beside an ellipsis; the whole text, if it fits."""
    if _width(text) <= columns:
        return text
    start = len(text)
    columns_left = columns - 1
    while start and (columns_left := columns_left - _width(text[start - 1])) >= 0:
        start -= 1
    return "…" + text[start:]


def _width(text: str) -> int:
    """Columns on a terminal."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _labelled(document: Any) -> str:
    """The transcript; with the channel before it, where there are several, and a line for each turn, where
    speakers were asked for."""
    channel, channels = document["channel_index"]
    source = [f"channel {channel}"] if channels > 1 else []
    lines = []
    for speaker, text in _turns(document["channel"]["alternatives"][0]):
        labels = source if speaker is None else [*source, f"speaker {speaker}"]
        lines.append(f"[{', '.join(labels)}] {text}" if labels else text)
    return "\n".join(lines)


def _turns(alternative: Any) -> Iterator[tuple[int | None, str]]:
    """The speaker (None if not known) of a turn, and its text."""
    words = alternative.get("words", ())
    turns = [(speaker, list(own)) for speaker, own in groupby(words, lambda word: word.get("speaker"))]
    if len(turns) > 1:
        for speaker, own in turns:
            yield speaker, printable(" ".join(word.get("punctuated_word", word["word"]) for word in own))
    elif alternative["transcript"]:
        yield turns[0][0] if turns else None, printable(alternative["transcript"])
