"""The words of one turn after the other: what is final, the draft of the open span, and how both are written.
Pure."""

from collections.abc import Sequence
from typing import Protocol

from ringback.listen.recognition_events import RecognitionResult
from ringback.transcript import Word


class TurnWriter(Protocol):
    """What the text options make of a turn's words."""

    def write(self, words: Sequence[Word], *, settled: bool) -> tuple[Word, ...]:
        """The words as they are sent. Not `settled`: more may come, so whatever could come to be redacted
        is."""
        ...

    def switch_numerals(self, on: bool) -> None:
        """From now on."""
        ...

    def switch_profanity_filter(self, on: bool) -> None:
        """From now on."""
        ...


class TurnWords:
    """The turn that is open."""

    def __init__(self, writer: TurnWriter) -> None:
        self.index = 0
        self.start = 0.0
        """Where the turn before ended, in seconds of the stream."""
        self._writer = writer
        self._final: tuple[Word, ...] = ()
        self._final_until = 0.0
        self._draft: tuple[Word, ...] = ()
        """The words of the open span, as they read by now."""
        self._written: dict[bool, tuple[Word, ...]] = {}
        """By whether they are settled; emptied when the words or the options change."""

    @property
    def length(self) -> int:
        """Of all words, as they were heard."""
        return len(self._final) + len(self._draft)

    def add(self, event: RecognitionResult) -> bool:
        """The recogniser's next result. False: it comes too late to say anything new."""
        if not event.final and event.start < self._final_until:
            return False
        if event.final:
            self._final += event.words
            self._final_until = event.end
            self._draft = ()
        else:
            self._draft = event.words
        self._written.clear()
        return True

    def words(self, *, settled: bool) -> tuple[Word, ...]:
        """All of them, as they are sent."""
        if settled not in self._written:
            self._written[settled] = self._writer.write((*self._final, *self._draft), settled=settled)
        return self._written[settled]

    def rewrite(self) -> None:
        """The text options have changed."""
        self._written.clear()

    def begin_next(self, at: float) -> None:
        """The turn has ended here."""
        self.index += 1
        self.start = at
        self._final = self._draft = ()
        self._written.clear()
