"""Speech in short pieces, cut at its quietest moments, so that each is likely to be in one language. Pure.

Two languages meet in a pause, nearly always, and a pause is a moment that is quieter than what is around it.
The cuts are those that together lie in the most silence, with pieces neither too short to tell their
language nor so long that one may hold two.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ringback.audio.samples import SAMPLE_RATE, Samples

_Levels = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Samples `start` ≤ i < `end` of a piece of speech."""

    start: int
    end: int
    seconds: float
    """How much of it is loud enough to be speech."""


def phrases_of(samples: Samples) -> list[Phrase]:
    """The phrases of `samples`, shape (n,), in order, without gap or overlap. Of none: none."""
    levels = _levels(samples)
    cuts = [0, *_best_cuts(levels), len(levels)]
    found = [
        Phrase(first * _FRAME, end * _FRAME, float((levels[first:end] > _QUIET).sum()) / _PER_SECOND)
        for first, end in pairwise(cuts)
        if end > first
    ]
    return [*found[:-1], *(_ending_at(len(samples), last) for last in found[-1:])]


def _ending_at(end: int, last: Phrase) -> Phrase:
    return Phrase(last.start, end, last.seconds)


def _levels(samples: Samples) -> _Levels:
    """How loud each frame is, on a scale of its own: 0 as the quietest tenth, 1 as the loudest tenth of the
    frames; from -1 to 1."""
    whole = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(whole):
        return np.zeros(min(1, len(samples)))
    power = np.square(whole, dtype=np.float64).mean(axis=1)
    decibels = _smoothed(10 * np.log10(power + _SILENCE), _BESIDE)
    quiet, loud = np.percentile(decibels, (10, 90))
    levels: _Levels = np.clip((decibels - quiet) / max(loud - quiet, _LEAST_RANGE), -1.0, 1.0)
    return levels


def _smoothed(levels: _Levels, beside: int) -> _Levels:
    """The mean of each with so many on either side."""
    count = 2 * beside + 1
    return np.convolve(np.pad(levels, beside, mode="edge"), np.full(count, 1 / count), mode="valid")


def _best_cuts(levels: _Levels) -> list[int]:
    """The frames to cut before: those with the least sum of costs, where a cut in silence is worth making and
    a cut in speech is made only where a phrase would be too long."""
    count = len(levels)
    if count < 2 * _SHORTEST:
        return []
    # The wider mean is least in the middle of a pause.
    costs = (levels + _smoothed(levels, _PAUSE)) / 2 - _WORTH_A_CUT
    # The least cost of phrases that end before each frame, and where the last of them begins.
    least = np.full(count + 1, np.inf)
    least[0] = 0.0
    begins = np.zeros(count + 1, np.int64)
    for end in range(_SHORTEST, count + 1):
        first, last = max(0, end - _LONGEST), end - _SHORTEST
        begin = first + int(np.argmin(least[first : last + 1]))
        begins[end] = begin
        least[end] = least[begin] + (costs[end] if end < count else 0.0)
    cuts = []
    at = int(begins[count])
    while at > 0:
        cuts.append(at)
        at = int(begins[at])
    return cuts[::-1]


_FRAME = SAMPLE_RATE // 25
_PER_SECOND = SAMPLE_RATE / _FRAME
_BESIDE = 1
"""Frames on either side: 120 ms in all, so that the closure of a plosive is no pause."""
_PAUSE = 3
"""Frames on either side of a cut: 280 ms in all."""
_SILENCE = 1e-10
_LEAST_RANGE = 6.0
"""Decibels between quiet and loud: less is noise, or one sound."""
_QUIET = 0.35
"""Levels below this are no speech."""
_WORTH_A_CUT = 0.1
"""Levels below this are a pause."""
_SHORTEST, _LONGEST = 40, 125
"""Frames of a phrase, 1.6 to 5 s: of those from 1 to 3 s twice as many are identified wrongly."""
