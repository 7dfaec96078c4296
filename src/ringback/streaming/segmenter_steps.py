"""What `segmenter` says of a live channel; its table says when. Pure, on stream time."""

from dataclasses import dataclass
from enum import Enum

from ringback.audio.samples import SAMPLE_RATE
from ringback.listen.recognition_events import Cause
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class SampleRange:
    """Samples `start` ≤ i < `end` to recognise: speech, with a little quiet around it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FinalSpan:
    """Samples `start` ≤ i < `end` are final; `speech` is to be recognised, None: there is none."""

    start: int
    end: int
    speech: SampleRange | None
    cause: Cause
    in_speech: bool = False
    """Whether its end is in the middle of speech, and perhaps of a word."""


@dataclass(frozen=True, slots=True)
class OverlongSpeech:
    """Speech without a pause: recognise it, then call `Segmenter.split_at_words` with its words."""

    speech: SampleRange


@dataclass(frozen=True, slots=True)
class SplitSpan:
    """A final span that ends between two words, and the words before its end."""

    start: int
    end: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class SpeechOnset:
    """Speech has begun, at this sample."""

    at: int


@dataclass(frozen=True, slots=True)
class PartialSpan:
    """How far the open span can be recognised now."""

    start: int
    """Of the open span."""
    speech: SampleRange
    complete: bool
    """The speech has paused, so that this may be all of it."""


class PartialPace(Enum):
    """When partials are due: after `first` samples of speech, then after `update` new ones, at least `growth`
    of the span's length."""

    DECODED_ANEW = int(0.55 * SAMPLE_RATE), int(0.5 * SAMPLE_RATE), 0.12
    """Each is recognised from the beginning of the span."""
    INCREMENTAL = int(0.2 * SAMPLE_RATE), int(0.2 * SAMPLE_RATE), 0.0
    """Only what is new in it is."""

    def __init__(self, first: int, update: int, growth: float) -> None:
        self.first, self.update, self.growth = first, update, growth


@dataclass(frozen=True, slots=True)
class PauseToJudge:
    """A pause that the turn model is to judge: call `Segmenter.judge_pause`, which later input waits for."""

    quiet_since: int
    """Sample."""
    turn: SampleRange
    """The turn so far: with this pause, and at most 8 s long."""


@dataclass(frozen=True, slots=True)
class ProcessedUntil:
    """All that ends before this sample has been reported; at least every 256 ms, so that the same is reported
    however fast the audio comes. Deferred input is not processed yet."""

    at: int
    quiet_since: int | None
    """The sample at which the silence began; None while there is speech."""


Step = FinalSpan | OverlongSpeech | SpeechOnset | PauseToJudge | ProcessedUntil
