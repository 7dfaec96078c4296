"""Where one person speaks, as far as can be told: stretches of speech, cut at changes of speaker, in windows.
Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ringback.audio.samples import SAMPLE_RATE, Samples

Classes = npt.NDArray[np.intp]
"""For each frame of the segmentation the set of people who speak; 0: none."""

VAD_WINDOW = 512
"""Samples of one judgement of Silero's."""

FRAME = 270
"""Samples from one frame of the segmentation to the next …"""
FIRST_FRAME = 495
"""… and the middle of the first one."""

_SPEECH, _QUIET, _PAUSE, _MARGIN = 0.5, 0.35, 6, int(0.03 * SAMPLE_RATE)
"""Speech begins at the first probability, and has ended where so many windows were below the second."""

_UNSURE_FRAMES = 6
"""At the edges of what the segmentation has heard: there it has too little to go by."""
_LEAST_BETWEEN, _LEAST_INSIDE = int(0.2 * SAMPLE_RATE), int(0.1 * SAMPLE_RATE)
"""Samples between two cuts, and between a cut and the end of the speech."""

LEAST = int(0.2 * SAMPLE_RATE)
"""Samples; in less there is no voice to be heard."""
WINDOW, HOP = int(1.5 * SAMPLE_RATE), SAMPLE_RATE
"""Samples of a window, and from one to the next …"""
ONLY_WINDOW = 2 * SAMPLE_RATE
"""… and of one that is the whole of a short stretch, at the most."""
ALIKE = 0.6
"""Cosine of the voices of two windows from which on one person is taken to speak between them, too."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples `start` ≤ i < `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class VoiceWindow:
    """What is listened to in order to tell who speaks in `owns`, a part of it."""

    covered: Stretch
    owns: Stretch
    goes_on: bool
    """Whether there is one before it in the same stretch."""


def speech_in(probabilities: Sequence[float], length: int) -> Iterator[Stretch]:
    """Stretches of speech without a pause, of `length` samples, by the probability of each window."""
    start: int | None = None
    quiet = 0
    for number, probability in enumerate(probabilities):
        if start is None:
            start, quiet = (number if probability >= _SPEECH else None), 0
            continue
        quiet = quiet + 1 if probability < _QUIET or (quiet and probability < _SPEECH) else 0
        if quiet == _PAUSE:
            yield _with_margin(start, number + 1 - quiet, length)
            start = None
    if start is not None:
        yield _with_margin(start, len(probabilities) - quiet, length)


def _with_margin(first: int, end: int, length: int) -> Stretch:
    return Stretch(max(0, first * VAD_WINDOW - _MARGIN), min(length, end * VAD_WINDOW + _MARGIN))


def changes(classes: Classes, start: int) -> list[int]:
    """The samples at which other people speak than before, silence left out; `start`: the first sample of
    what the segmentation has heard."""
    spoken = np.flatnonzero(classes)
    differs = np.flatnonzero(classes[spoken[1:]] != classes[spoken[:-1]])
    frames = (spoken[differs] + spoken[differs + 1] + 1) / 2
    sure = frames[(frames >= _UNSURE_FRAMES) & (frames <= len(classes) - _UNSURE_FRAMES)]
    return [start + FIRST_FRAME + round(float(frame) * FRAME) for frame in sure]


def cut(speech: Sequence[Stretch], at: Sequence[int]) -> Iterator[Stretch]:
    """The stretches, cut at these samples."""
    for stretch in speech:
        edges = [stretch.start]
        for place in sorted(at):
            inside = stretch.start + _LEAST_INSIDE <= place <= stretch.end - _LEAST_INSIDE
            if inside and (len(edges) == 1 or place - edges[-1] >= _LEAST_BETWEEN):
                edges.append(place)
        edges.append(stretch.end)
        for start, end in pairwise(edges):
            yield Stretch(start, end)


def windows(stretch: Stretch) -> list[Stretch]:
    """The windows that cover one stretch, evenly spread; none where it is too short."""
    if stretch.length < LEAST:
        return []
    if stretch.length <= ONLY_WINDOW:
        return [stretch]
    spare = stretch.length - WINDOW
    count = 1 + -(-spare // HOP)
    starts = [stretch.start + spare * number // (count - 1) for number in range(count)]
    return [Stretch(start, start + WINDOW) for start in starts]


def embedded_first(covered: Sequence[Stretch]) -> list[Stretch]:
    """Of the windows of one stretch every second one, and the last."""
    return [each for number, each in enumerate(covered) if number % 2 == 0 or number == len(covered) - 1]


def in_doubt(covered: Sequence[Stretch], embeddings: Mapping[Stretch, Samples]) -> Iterator[Stretch]:
    """Those that were not embedded first, between two that do not sound alike.

    Of one left out, the two beside it leave at most half a second unheard.
    """
    for before, each, behind in zip(covered, covered[1:], covered[2:], strict=False):
        if each not in embeddings and float(embeddings[before] @ embeddings[behind]) < ALIKE:
            yield each


def owners(stretch: Stretch, embedded: Sequence[Stretch]) -> Iterator[VoiceWindow]:
    """The windows of one stretch that were embedded: each owns what is nearer to its middle than to those of
    the others."""
    edges = [stretch.start, *((one.start + other.end) // 2 for one, other in pairwise(embedded)), stretch.end]
    for covered, (start, end) in zip(embedded, pairwise(edges), strict=True):
        yield VoiceWindow(covered, Stretch(start, end), goes_on=start > stretch.start)
