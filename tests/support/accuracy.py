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
        expected, heard = normalise(reference).split(), normalise(hypothesis).split()
        errors += _distance(expected, heard)
        words += len(expected)
    return errors / words


def _distance(expected: list[str], heard: list[str]) -> int:
    """Insertions, deletions and substitutions between two word lists (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(expected, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
