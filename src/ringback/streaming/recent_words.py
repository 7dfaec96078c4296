"""The latest words of a live stream, for those who look on while it runs: bounded, and gone with it."""

from collections import deque
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import msgspec

from ringback.listen.actions import MessageKind, SendMessage
from ringback.listen.flux_messages import TurnInfo
from ringback.listen.recognition_events import RecognitionResult

FINALS_KEPT = 50
"""Results with words, or turns; a final is a few seconds of speech."""


@dataclass(frozen=True, slots=True)
class HeardLine:
    """What one speaker said in one result."""

    channel: int
    start: float
    """Seconds since the stream's start."""
    speaker: int | None
    """None: not asked for, or not known."""
    text: str
    final: bool
    """False: it may still change."""


class RecentSpeech(Protocol):
    """What was said lately: by results in `/v1/listen`, by messages where whole turns are told."""

    def note_result(self, result: RecognitionResult) -> None: ...

    def note_message(self, message: SendMessage) -> None:
        """One that is about to be sent."""
        ...

    def lines(self) -> list[HeardLine]: ...


class RecentWords:
    """Keeps them. Noting is all that a stream pays for: text is made when a request asks for it."""

    def __init__(self) -> None:
        self._finals: deque[RecognitionResult] = deque(maxlen=FINALS_KEPT)
        self._interims: dict[int, RecognitionResult] = {}

    def note_message(self, message: SendMessage) -> None:
        """Results have it all."""

    def note_result(self, result: RecognitionResult) -> None:
        """A result as it is sent: formatted, and redacted."""
        if not result.final:
            self._interims[result.channel] = result
            return
        self._interims.pop(result.channel, None)
        if result.words:
            self._finals.append(result)

    def lines(self) -> list[HeardLine]:
        """The finals in their order, then what is open on each channel."""
        open_now = [self._interims[channel] for channel in sorted(self._interims)]
        return [line for result in (*self._finals, *open_now) for line in _lines_of(result)]


class RecentTurns:
    """The same of a turn-based stream: only its messages have the words as they were asked for, redacted over
    the whole turn."""

    def __init__(self) -> None:
        self._ended: deque[HeardLine] = deque(maxlen=FINALS_KEPT)
        self._open: bytes | None = None
        """The last message about the turn that is open."""

    def note_result(self, result: RecognitionResult) -> None:
        """Words as they were recognised, which are not shown."""

    def note_message(self, message: SendMessage) -> None:
        """One that is about to be sent."""
        if message.kind is MessageKind.END_OF_TURN:
            self._ended.extend(_line_of(message.message, final=True))
            self._open = None
        elif message.kind in _IN_TURN:
            self._open = message.message

    def lines(self) -> list[HeardLine]:
        """The turns in their order, then the one that is open."""
        return [*self._ended, *(() if self._open is None else _line_of(self._open, final=False))]


def _line_of(message: bytes, *, final: bool) -> list[HeardLine]:
    turn = _TURN.decode(message)
    if not turn.words:
        return []
    return [HeardLine(0, round(turn.words[0].start, 3), None, turn.transcript, final)]


def _lines_of(result: RecognitionResult) -> list[HeardLine]:
    lines = []
    for speaker, spoken in groupby(result.words, lambda word: word.speaker):
        words = list(spoken)
        text = "".join(f" {word.text}" if word.spaced else word.text for word in words).strip()
        lines.append(HeardLine(result.channel, round(words[0].start, 3), speaker, text, result.final))
    return lines


_TURN = msgspec.json.Decoder(TurnInfo)
_IN_TURN = frozenset(
    {
        MessageKind.UPDATE,
        MessageKind.START_OF_TURN,
        MessageKind.EAGER_END_OF_TURN,
        MessageKind.TURN_RESUMED,
    }
)
