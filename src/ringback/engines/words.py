"""From tokens in time to words in time: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ringback.transcript import Word

_OPENING = "\"'“¿([{-"
_SENTENCE_ENDS = ".?!。？！"
_SHORTEST_WORD = 0.02
_LONGEST_TYPICAL_WORD = 0.7


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens that decode to whole characters. Times in seconds from the segment's start."""

    text: str
    start: float
    end: float
    probabilities: tuple[float, ...]
    """One per token."""


def words_of(pieces: Sequence[Piece], *, by_spaces: bool, duration: float) -> tuple[Word, ...]:
    """Words of at least 20 ms within the first `duration` seconds, in order, each with its punctuation.

    With `by_spaces` a word begins at a space; without (Chinese, Japanese, Thai …) every piece is one.
    """
    groups = _grouped(pieces, by_spaces=by_spaces)
    return _ordered([_word(group) for group in groups], duration)


def _grouped(pieces: Sequence[Piece], *, by_spaces: bool) -> list[list[Piece]]:
    groups: list[list[Piece]] = []
    opening = False
    for piece in pieces:
        begins = piece.text.startswith(" ") if by_spaces else _has_letters(piece.text)
        if not groups or (begins and not opening):
            groups.append([piece])
        else:
            groups[-1].append(piece)
        group_text = "".join(part.text for part in groups[-1]).strip()
        opening = bool(group_text) and all(character in _OPENING for character in group_text)
    return [group for group in groups if "".join(piece.text for piece in group).strip()]


def _has_letters(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _word(group: Sequence[Piece]) -> Word:
    text = "".join(piece.text for piece in group)
    probabilities = [value for piece in group for value in piece.probabilities]
    # The time of trailing punctuation is the pause after the word, which is not the word's.
    spoken = [piece for piece in group if _has_letters(piece.text)] or group
    return Word(
        text=" ".join(text.split()),
        start=spoken[0].start,
        end=spoken[-1].end,
        confidence=min(1.0, max(0.0, sum(probabilities) / len(probabilities))),
        spaced=text.startswith(" "),
    )


def _ordered(words: Sequence[Word], duration: float) -> tuple[Word, ...]:
    longest = 2 * min(_LONGEST_TYPICAL_WORD, median([word.end - word.start for word in words] or [0.0]))
    placed: list[Word] = []
    after = 0.0
    for i, word in enumerate(words):
        start, end = word.start, word.end
        # Alignment stretches the words around a pause over it; a sentence's ends are where pauses are.
        if longest > 0 and end - start > longest:
            if i == 0 or words[i - 1].text[-1] in _SENTENCE_ENDS:
                start = end - longest
            elif word.text[-1] in _SENTENCE_ENDS:
                end = start + longest
        start = min(max(start, after), max(after, duration - _SHORTEST_WORD))
        end = max(min(end, duration), start + _SHORTEST_WORD)
        after = end
        placed.append(_at(word, start, end))
    return tuple(placed)


def _at(word: Word, start: float, end: float) -> Word:
    return Word(word.text, round(start, 3), round(end, 3), word.confidence, word.spaced)
