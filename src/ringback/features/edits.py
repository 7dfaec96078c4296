"""Changes to a sequence of words that other positions can be carried over: pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ringback.transcript import Word

Range = tuple[int, int]
"""Words `first` ≤ i < `end`."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`words[first:end]` give way to `words`; at least one word does."""

    first: int
    end: int
    words: tuple[Word, ...]


SENTENCE_ENDS = tuple(".?!…")


def end_sentence(word: Word, mark: str) -> Word:
    """The word as the last of its sentence, where a later one is left out that ended it with `mark`."""
    if word.text.endswith(SENTENCE_ENDS):
        return word
    return replace(word, text=word.text.rstrip(",;:-") + mark)


def outside(edits: Sequence[Edit], closed: Sequence[Range]) -> list[Edit]:
    """The edits that touch none of the closed ranges."""
    return [edit for edit in edits if not any(edit.first < end and first < edit.end for first, end in closed)]


def apply_edits(words: Sequence[Word], edits: Sequence[Edit]) -> tuple[Word, ...]:
    """The words after the edits, which are in order and do not overlap; all others are the same objects."""
    if not edits:
        return tuple(words)
    changed: list[Word] = []
    done = 0
    for edit in edits:
        changed += words[done : edit.first]
        changed += edit.words
        done = edit.end
    changed += words[done:]
    return tuple(changed)


def moved(ranges: Sequence[Range], edits: Sequence[Edit]) -> tuple[Range, ...]:
    """Where the ranges are after the edits. One that an edit reaches into covers all that the edit wrote; one
    of which nothing is left is empty."""
    if not edits:
        return tuple(ranges)
    firsts = [edit.first for edit in edits]
    shifts = list(accumulate((len(edit.words) - (edit.end - edit.first) for edit in edits), initial=0))

    def position(before: int, *, at_end: bool) -> int:
        count = bisect_left(firsts, before)  # edits that begin before it; the last one may reach over it
        if count and before < edits[count - 1].end:
            written = len(edits[count - 1].words) if at_end else 0
            return edits[count - 1].first + shifts[count - 1] + written
        return before + shifts[count]

    return tuple((position(first, at_end=False), position(end, at_end=True)) for first, end in ranges)
