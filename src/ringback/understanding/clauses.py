"""Long sentences cut into clauses. Pure."""

from collections.abc import Sequence

MOST_OF_CLAUSE = 30
"""Words. A sentence that has no more is left whole."""

_LEAST, _USUAL = 8, 20


def clauses(sentence: str) -> list[str]:
    """All words of the sentence, in order, in parts of at most `MOST_OF_CLAUSE` words.

    It is cut behind a comma or the like, else before a word that often begins a clause, else anywhere: text
    that was typed or recognised without punctuation has nothing better.
    """
    words = sentence.split()
    if len(words) <= MOST_OF_CLAUSE:
        return [sentence]
    parts = []
    while words:
        end = _end_of_first(words)
        parts.append(" ".join(words[:end]))
        words = words[end:]
    return parts


def _end_of_first(words: Sequence[str]) -> int:
    if len(words) <= MOST_OF_CLAUSE:
        return len(words)
    ends = range(MOST_OF_CLAUSE, _LEAST - 1, -1)
    after_mark = (end for end in ends if words[end - 1].endswith(_MARKS))
    before_word = (end for end in ends if words[end].lower() in _BEGINNINGS)
    return next(after_mark, None) or next(before_word, None) or _USUAL


_MARKS = (",", ";", ":", "–", "—")
_BEGINNINGS = frozenset(
    {"although", "and", "because", "but", "however", "if", "or", "since", "so", "that", "then", "therefore"}
) | {
    *("though", "unless", "until", "when", "where", "whereas", "which", "while", "who"),
}
"""Words that often begin a clause."""
