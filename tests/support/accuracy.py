"""Word error rates, as the field computes them: after Whisper's normaliser for the language."""

from collections.abc import Iterable

from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

_ENGLISH = EnglishTextNormalizer()
_BASIC = BasicTextNormalizer()


def word_error_rate(pairs: Iterable[tuple[str, str]], language: str = "en") -> float:
    """Errors over reference words, for (reference, hypothesis) texts taken together; 0.05 is 5 %."""
    normalise = _ENGLISH if language == "en" else _BASIC
    errors = words = 0
    for reference, hypothesis in pairs:
        expected, recognised = normalise(reference).split(), normalise(hypothesis).split()
        errors += _distance(expected, recognised)[0]
        words += len(expected)
    return errors / words


def lost_or_doubled(reference: str, hypothesis: str) -> int:
    """Words of an English text that have nothing beside them when both are aligned: not those that
    were misheard, but those that are missing or too many."""
    return _distance(_ENGLISH(reference).split(), _ENGLISH(hypothesis).split())[1]


def _distance(expected: list[str], recognised: list[str]) -> tuple[int, int]:
    """Insertions, deletions and substitutions between two word lists (Levenshtein); and, of the alignments
    with the fewest, insertions and deletions alone in the one that has the fewest of those."""
    row = [(j, j) for j in range(len(recognised) + 1)]
    for i, word in enumerate(expected, 1):
        diagonal, row[0] = row[0], (i, i)
        for j, other in enumerate(recognised, 1):
            beside = (diagonal[0] + (word != other), diagonal[1])
            gaps = [(errors + 1, gaps + 1) for errors, gaps in (row[j], row[j - 1])]
            diagonal, row[j] = row[j], min(beside, *gaps)
    return row[-1]
