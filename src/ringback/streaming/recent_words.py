"""The latest words of a live stream, for those who look on while it runs: bounded, and gone with it."""

from collections import deque
from dataclasses import dataclass
from itertools import groupby

from ringback.listen.recognition_events import RecognitionResult

FINALS_KEPT = 50
"""Results with words; a final is a few seconds of speech."""


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


class RecentWords:
    """Keeps them. Noting is all that a stream pays for: text is made when a request asks for it."""

    def __init__(self) -> None:
        self._finals: deque[RecognitionResult] = deque(maxlen=FINALS_KEPT)
        self._interims: dict[int, RecognitionResult] = {}

    def note(self, result: RecognitionResult) -> None:
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


def _lines_of(result: RecognitionResult) -> list[HeardLine]:
    lines = []
    for speaker, spoken in groupby(result.words, lambda word: word.speaker):
        words = list(spoken)
        text = "".join(f" {word.text}" if word.spaced else word.text for word in words).strip()
        lines.append(HeardLine(result.channel, round(words[0].start, 3), speaker, text, result.final))
    return lines
