"""The sentences of one channel's words, as what understands the text gets them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringback.features.edits import Edit, moved
from ringback.features.paragraphs import sentences
from ringback.transcript import Word, joined

MOST_WORDS = 60
"""Of one sentence; where a model writes no punctuation, the words are cut at this many."""


@dataclass(frozen=True, slots=True)
class WrittenSentence:
    """Words `first` ≤ i < `end` of a channel, and their text with punctuation, whether asked for or not."""

    first: int
    end: int
    text: str


def written_sentences(words: Sequence[Word]) -> tuple[WrittenSentence, ...]:
    """All words, in order and without loss."""
    return tuple(_cut(words))


def moved_sentences(found: Sequence[WrittenSentence], edits: Sequence[Edit]) -> tuple[WrittenSentence, ...]:
    """The same after these edits of the words; those of which nothing is left are gone."""
    ranges = moved([(each.first, each.end) for each in found], edits)
    return tuple(
        WrittenSentence(first, end, each.text)
        for (first, end), each in zip(ranges, found, strict=True)
        if first < end
    )


def _cut(words: Sequence[Word]) -> Iterator[WrittenSentence]:
    first = 0
    for sentence in sentences(words):
        for at in range(0, len(sentence.words), MOST_WORDS):
            part = sentence.words[at : at + MOST_WORDS]
            yield WrittenSentence(first, first + len(part), joined(part))
            first += len(part)
