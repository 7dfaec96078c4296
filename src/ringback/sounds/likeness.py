"""The sound of a piece of text, and how alike two of them are. Pure.

A sound is two strings: the letters, and the code of how they are spoken (metaphone: Lawrence Philips,
"Hanging on the Metaphone", 1990, made for English). Codes forgive spelling, letters keep apart what codes
throw together; other languages than English have the letters' share at least.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ringback.sounds.spoken import ordinal, readings

LONGEST = 500
"""Characters of one text that are listened to."""

_OF_CODES = 0.6
"""The code's share in the likeness; the letters have the rest."""


@dataclass(frozen=True, slots=True)
class Sound:
    letters: str
    """Letters and digits, without case, accents, spaces and punctuation."""
    code: str
    """Metaphone codes of the words, run together; empty where no word has one."""

    def __bool__(self) -> bool:
        return bool(self.letters)


@lru_cache(16_384)
def sounds_of(text: str) -> tuple[Sound, ...]:
    """As it is written, then in other ways that its numbers may be said; at least one, which may be empty."""
    parts = _parts(text[:LONGEST])
    letters = "".join(part.casefold() for part in parts)
    ways = [_said(parts, way) for way in range(_WAYS)] if any(map(_is_number, parts)) else [" ".join(parts)]
    written = Sound(letters, _code(ways[0]))
    return written, *(Sound(_letters_of(way), _code(way)) for way in dict.fromkeys(ways) if len(ways) > 1)


def joined(sounds: Sequence[Sound]) -> Sound:
    """Several in a row as one."""
    return Sound("".join(each.letters for each in sounds), "".join(each.code for each in sounds))


def likeness(one: Sound, other: Sound) -> float:
    """From 0.0 (nothing in common) to 1.0 (written alike)."""
    return float(likenesses([one], [other])[0, 0])


def likenesses(some: Sequence[Sound], others: Sequence[Sound]) -> npt.NDArray[np.float32]:
    """The likeness of each to each, shape (some, others)."""
    letters = _similar([each.letters for each in some], [each.letters for each in others])
    codes = _similar([each.code for each in some], [each.code for each in others])
    # What has no code (other alphabets) is known by its letters alone.
    uncoded = _uncoded(some)[:, None] | _uncoded(others)
    alike = np.where(uncoded, letters, _OF_CODES * codes + (1 - _OF_CODES) * letters)
    return np.where(letters == 1.0, np.float32(1.0), alike.astype(np.float32))


def _uncoded(sounds: Sequence[Sound]) -> npt.NDArray[np.bool_]:
    return np.array([not each.code for each in sounds], np.bool_)


def _similar(some: list[str], others: list[str]) -> npt.NDArray[np.float32]:
    # 2 MB in each of the server and the engine process, while no request searches or names terms.
    from rapidfuzz import process  # noqa: PLC0415
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415

    alike: npt.NDArray[np.float32] = process.cdist(
        some, others, scorer=Levenshtein.normalized_similarity, dtype=np.float32
    )
    return alike


_WAYS = 3
_PARTS = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+", re.IGNORECASE)
_SEPARATORS = re.compile(r"(?<=\d),(?=\d{3})")


def _parts(text: str) -> list[str]:
    """Words and runs of digits, without accents; thousands separators are not said."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _PARTS.findall(_SEPARATORS.sub("", plain))


def _is_number(part: str) -> bool:
    return part[0].isascii() and part[0].isdigit()


def _said(parts: Sequence[str], way: int) -> str:
    return " ".join(_number_said(part, way) if _is_number(part) else part for part in parts)


def _number_said(part: str, way: int) -> str:
    digits = part.rstrip("stndrhSTNDRH")
    if not (digits.isascii() and digits.isdigit()):
        return part
    if digits != part:
        return ordinal(digits)
    ways = readings(digits)
    return ways[min(way, len(ways) - 1)]


def _letters_of(text: str) -> str:
    return "".join(text.split()).casefold()


@lru_cache(16_384)
def _code(text: str) -> str:
    return "".join(_word_code(word) for word in text.split())


_SPELLED = re.compile(r"[B-DF-HJ-NP-TV-XZb-df-hj-np-tv-xz]{1,5}|[A-Z]{1,5}")
"""Initialisms: no vowel that could be spoken, or in capitals."""

_LETTER_NAMES = (
    *("ay", "bee", "see", "dee", "ee", "ef", "jee", "aych", "eye", "jay", "kay", "el", "em", "en", "oh"),
    *("pee", "cue", "ar", "es", "tee", "you", "vee", "doubleyou", "ex", "why", "zee"),
)


def _word_code(word: str) -> str:
    import jellyfish  # noqa: PLC0415 - see `_similar`

    if _SPELLED.fullmatch(word):
        return "".join(jellyfish.metaphone(_LETTER_NAMES[ord(letter) - ord("A")]) for letter in word.upper())
    return "".join(jellyfish.metaphone(word).split())
