"""A cut in the middle of speech, which may split a word. Pure.

The words before the cut were reported. The speech after it is recognised together with the last word before,
so that a word across the cut is recognised whole; then the word that was reported already is removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ringback.audio.samples import SAMPLE_RATE
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class SpeechCut:
    """A cut, and the last word that was reported before it."""

    at: int
    """Sample."""
    last_word: Word | None
    """With times of the stream; None: there was no word."""

    @property
    def start(self) -> int:
        """The sample from which on the speech after the cut is to be recognised."""
        if self.last_word is None:
            overlap = _UNHEARD_OVERLAP
        else:
            overlap = self.at / SAMPLE_RATE - self.last_word.start + _WORD_START_SLACK
        # A word that ended long ago cannot reach across the cut.
        return max(0, self.at - int(overlap * SAMPLE_RATE)) if overlap <= MAX_OVERLAP else self.at

    def words_after(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Of the words recognised from `start` on (times of the stream): those that were not reported yet."""
        if self.last_word is None:
            return tuple(words)
        for i, word in enumerate(words):
            same = _may_be_same_word(word, self.last_word)
            if same and (_is_untimed(word) or word.start < self.last_word.end + _SAME_WORD_SLACK):
                return tuple(words[i + 1 :])
            if word.start >= self.last_word.end - _OTHER_WORD_SLACK:
                return tuple(words[i:])
        return ()


def _may_be_same_word(word: Word, last_word: Word) -> bool:
    """Whether one is the other or its beginning, which may be all of it before the cut."""
    one, other = word.bare, last_word.bare
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _is_untimed(word: Word) -> bool:
    """Whether it is shorter than any spoken word: it was aligned with another one, and its time is wrong."""
    return word.end - word.start < _SHORTEST_WORD


_SHORTEST_WORD = 0.05
MAX_OVERLAP = 1.0
"""Seconds before the cut that may be recognised again."""
_WORD_START_SLACK = 0.05
"""Seconds before the last word: how exactly its start is known."""
_UNHEARD_OVERLAP = 0.25
"""Seconds before the cut in which a word may have begun that was too short to be recognised."""
_OTHER_WORD_SLACK, _SAME_WORD_SLACK = 0.06, 0.12
"""Seconds by which a word's time may be wrong, where its text differs and where it is the same."""
