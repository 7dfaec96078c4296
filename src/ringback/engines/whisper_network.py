"""What Whisper's network gives, whichever library computes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ringback.audio.samples import Samples
from ringback.engines.batch_parts import FULL_WINDOW
from ringback.engines.mel import FRAMES_PER_SECOND

ENCODED_PER_SECOND = 50
"""Encoder outputs per second of a window: one for two mel frames."""


def window_frames(seconds: float) -> int:
    """Mel frames of a window; an even number, because the encoder halves it."""
    return min(2 * int(seconds * FRAMES_PER_SECOND / 2 + 1), int(FULL_WINDOW) * FRAMES_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Search:
    """How texts are looked for."""

    prompt: Sequence[int]
    """The tokens before each text."""
    most_tokens: Sequence[int]
    """Of each text, behind the prompt. A network may take the largest for all."""
    beams: int = 1
    """Texts that are followed at once for a segment; 1: the most probable token is taken each time."""
    encoded_is_reused: bool = True
    """Whether `WhisperNetwork.probabilities` is asked of the same segments afterwards."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written for one segment."""

    tokens: tuple[int, ...]
    """Behind the prompt, with timestamps, without the end."""
    log_probability: float
    """The mean of the tokens'."""
    no_speech: float
    """How probable the network thinks it that nothing is said."""
    attention: Any = None
    """What the network remembers for `WhisperNetwork.locate`."""


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """When the tokens of one text were said."""

    starts: Sequence[float]
    """Seconds, of each token and of the end."""
    probabilities: Sequence[float]
    """Of each token, among those of text."""


@dataclass(frozen=True, slots=True)
class LocatedText:
    """A text of which the times are asked."""

    row: int
    """Of its segment, among those that were encoded."""
    tokens: tuple[int, ...]
    """The first ones of text among those that were written for the segment."""
    written: Generated
    seconds: float
    """Of speech in the segment."""


Encoded = Any
"""What a network makes of a batch of segments, for itself."""


class WhisperNetwork(Protocol):
    """A loaded network. Thread-safe."""

    @property
    def compute_type(self) -> str:
        """What it multiplies, as CTranslate2 calls it: `int8`."""
        ...

    def encode(self, batch: Sequence[Samples], windows: Sequence[float]) -> Encoded:
        """Encode segments, each at the start of a window of so many seconds, or of the longest of them."""
        ...

    def generate(self, encoded: Encoded, search: Search) -> list[Generated]:
        """A text for each segment."""
        ...

    def locate(
        self, encoded: Encoded, prompt: Sequence[int], texts: Sequence[LocatedText]
    ) -> list[TokenTimes]:
        """The times of each text."""
        ...

    def probabilities(
        self, encoded: Encoded, prompt: Sequence[int], rows: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> list[Sequence[float]]:
        """How probable the network thinks each token of a text, if it is that of the segment of this row."""
        ...

    def languages(self, encoded: Encoded) -> list[list[tuple[str, float]]]:
        """For each segment all languages, each with its probability; of a multilingual network only."""
        ...
