"""How sure it is that a turn has ended: from the silence so far and the turn model's verdict. Pure.

    c = 1 - exp(-silence / τ),   τ = 1.0 - 0.67 · min(1, 2 · completeness)   seconds

So confidence rises with silence, and each threshold is a wait: at 0.7 after 0.40 s where the model takes what
was said for complete, after 1.2 s where it does not at all. The constants were chosen on the development set
of labelled pauses alone (docs/performance.md, Turns); docs/adr/0048-flux.md has the reasons.
"""

import math
from dataclasses import dataclass

import msgspec

ASKED_AFTER = 0.192
"""Seconds of silence after which the turn model is asked, once for each pause: with more silence in what it
hears, more sounds like an end."""

WHILE_SPEAKING = 0.02
"""The confidence while speech is heard."""

MOST = 0.9999
"""What silence alone never exceeds: a threshold of 1.0 is never reached."""

HESITATION = 0.1
"""Below this completeness the speaker is taken to hesitate (`turn_detection=true`)."""

LONGEST_HESITATION_MS = 1_200
"""Silence that ends a hesitation, too."""


class TurnThresholds(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a turn ends (https://developers.deepgram.com/docs/flux/configuration)."""

    eot_threshold: float = 0.7
    eager_eot_threshold: float | None = None
    """None: no EagerEndOfTurn, and so no TurnResumed."""
    eot_timeout_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class PauseEndpoints:
    """What the silence of one pause brings, in seconds of it; None: nothing."""

    end: float | None
    """The end of the turn, or of the utterance."""
    eager: float | None = None
    """An end that may be taken back; before `end`."""


def confidence(silence: float, completeness: float) -> float:
    """From 0 to `MOST`. `silence`: seconds; `completeness`: the model's verdict on this pause, from 0 to 1; 0
    until it is there."""
    return min(MOST, 1.0 - math.exp(-max(0.0, silence) / _slowness(completeness)))


def silence_until(threshold: float, completeness: float) -> float | None:
    """Seconds of silence after which the confidence reaches the threshold; None: never."""
    if threshold >= 1.0:
        return None
    return -math.log(1.0 - threshold) * _slowness(completeness)


@dataclass(frozen=True, slots=True)
class TurnPauses:
    """The rule of a turn-based stream."""

    thresholds: TurnThresholds

    @property
    def asks_model(self) -> bool:
        """Whether its verdict makes a difference."""
        return self.thresholds.eot_threshold < 1.0 or self.thresholds.eager_eot_threshold is not None

    def endpoints(self, completeness: float) -> PauseEndpoints:
        """Of a pause with this verdict."""
        thresholds = self.thresholds
        timeout = thresholds.eot_timeout_ms / 1000
        end = silence_until(thresholds.eot_threshold, completeness)
        end = timeout if end is None else min(end, timeout)
        if thresholds.eager_eot_threshold is None:
            return PauseEndpoints(end)
        eager = silence_until(thresholds.eager_eot_threshold, completeness)
        return PauseEndpoints(end, eager if eager is not None and eager < end else None)


@dataclass(frozen=True, slots=True)
class HesitationPauses:
    """The rule of `/v1/listen` with `turn_detection=true`: `endpointing`, but longer in a hesitation."""

    endpointing: int
    """Milliseconds."""
    asks_model: bool = True

    def endpoints(self, completeness: float) -> PauseEndpoints:
        """Of a pause with this verdict."""
        hesitates = completeness < HESITATION
        return PauseEndpoints(max(self.endpointing, LONGEST_HESITATION_MS if hesitates else 0) / 1000)


def _slowness(completeness: float) -> float:
    """τ, in seconds."""
    return _SLOWEST - _FASTER * min(1.0, 2.0 * max(0.0, completeness))


_SLOWEST, _FASTER = 1.0, 0.67
