"""A cut in the middle of speech, which a word may lie across: pure.

What was before the cut has been told. What comes behind it is recognised together with the last word before,
so that a word across the cut is heard whole; then that word, which has been told, is taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ringback.audio.samples import SAMPLE_RATE
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class Seam:
    """At sample `at`, behind `told`: the last word before it, in stream time; None: there was none."""

    at: int
    told: Word | None

    @property
    def start(self) -> int:
        """The sample from which on the speech behind the cut is to be recognised."""
        back = _UNTOLD if self.told is None else self.at / SAMPLE_RATE - self.told.start + _LEAD
        # A word that ended long ago does not lie across the cut.
        return max(0, self.at - int(back * SAMPLE_RATE)) if back <= LONGEST else self.at

    def behind(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Of what was recognised from `start` on, with times in the stream: the words that were not told."""
        if self.told is None:
            return tuple(words)
        for i, word in enumerate(words):
            if word.start >= self.told.end + _NEAR:
                return tuple(words[i:])
            if _may_be_same(word, self.told):
                return tuple(words[i + 1 :])
            if word.start >= self.told.end - _UNSURE:
                return tuple(words[i:])
        return ()


def _may_be_same(word: Word, told: Word) -> bool:
    """Whether one is the other, or its beginning: up to the cut no more was to be heard."""
    one, other = word.bare, told.bare
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


LONGEST = 1.0
"""Seconds before the cut that may be wanted again."""
_LEAD = 0.05
"""Seconds before the told word, whose beginning is not known more exactly."""
_UNTOLD = 0.25
"""Seconds before the cut in which a word may have begun, of which too little was heard to tell it."""
_UNSURE, _NEAR = 0.06, 0.12
"""Seconds by which the time of a word may be wrong: where its text is another; and where it is the same."""
