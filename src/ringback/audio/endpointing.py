"""Where speech begins and ends on one channel, window by window; pure, on stream time alone.

A window is `chunker.WINDOW` samples (32 ms). Nothing here knows the time of day: samples decide.
"""

from dataclasses import dataclass
from enum import Enum

from ringback.audio.chunker import PAUSE, QUIET, SPEECH


class Turn(Enum):
    """What a window has changed."""

    BEGAN = "began"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Pause:
    """Windows `start` ≤ i < `end` between two stretches of speech."""

    start: int
    end: int


class SpeechTrack:
    """Speech begins at one probability and ends below a lower one, if it stays there for a while."""

    def __init__(self) -> None:
        self.now = 0
        """Windows heard."""
        self.quiet_since: int | None = 0
        """Where the silence at `now` began; None while there is speech."""
        self._falling: int | None = None

    def push(self, probability: float) -> Turn | None:
        """The next window's probability of speech. An end is known some windows after it came."""
        at, self.now = self.now, self.now + 1
        if self.quiet_since is not None:
            if probability < SPEECH:
                return None
            self.quiet_since = self._falling = None
            return Turn.BEGAN
        if probability >= SPEECH:
            self._falling = None
        elif probability < QUIET and self._falling is None:
            self._falling = at
        if self._falling is None or self.now - self._falling < PAUSE:
            return None
        self.quiet_since = self._falling
        return Turn.ENDED

    @property
    def silence(self) -> int:
        """Windows of silence up to `now`."""
        return 0 if self.quiet_since is None else self.now - self.quiet_since
