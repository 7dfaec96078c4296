"""A text as it is understood: sentences that know which words they are. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NumberedSentence:
    """A sentence, and its first and last word among all words of the text, from 0."""

    text: str
    start_word: int
    end_word: int

    @property
    def word_count(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class TextSegment:
    """Sentences `first` ≤ i < `end` of a text, which stand one after the other."""

    first: int
    end: int
    text: str
    start_word: int
    end_word: int


def segment(sentences: Sequence[NumberedSentence], first: int, end: int) -> TextSegment:
    """The sentences `first` ≤ i < `end` as one; at least one."""
    part = sentences[first:end]
    return TextSegment(
        first,
        end,
        " ".join(sentence.text for sentence in part),
        min(sentence.start_word for sentence in part),
        max(sentence.end_word for sentence in part),
    )


def segments(sentences: Sequence[NumberedSentence], most_words: int) -> Iterator[TextSegment]:
    """The whole text in segments of at most so many words; a longer sentence is one by itself."""
    first, words = 0, 0
    for index, sentence in enumerate(sentences):
        if index > first and words + sentence.word_count > most_words:
            yield segment(sentences, first, index)
            first, words = index, 0
        words += sentence.word_count
    if first < len(sentences):
        yield segment(sentences, first, len(sentences))
