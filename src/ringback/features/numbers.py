"""Atoms: the smallest pieces of a sequence of words that a number may be made of. Pure, English.

A model writes numbers in many ways: `fifty-five`, `212 555 01 01`, `4-1-1-1`, `9am`, `$12`. Every word is one
or more atoms; spoken number words and written digits stand in the same sequence, so that one grammar reads
both, mixed as they come.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ringback.transcript import Word


class AtomKind(Enum):
    __hash__ = object.__hash__  # members are single objects; Enum's own goes through their names

    UNIT = auto()  # one … nine
    ZERO = auto()  # zero, nought
    OH = auto()  # oh, o: zero where digits are around it
    TEEN = auto()  # ten … nineteen
    TENS = auto()  # twenty … ninety
    HUNDRED = auto()
    SCALE = auto()  # thousand, million …
    ORDINAL = auto()  # first, twentieth, 3rd
    DIGITS = auto()  # 0 … 9 alone: 212
    NUMBER = auto()  # a written number with a comma or a point: 12,400 or 2.5
    GROUPS = auto()  # digits with hyphens or points: 555-1234, 4111.1111.1111.1111
    WRITTEN = auto()  # some other word with digits in it: $12, 9am, 3:30, 1980s
    LETTER = auto()  # one letter
    OTHER = auto()


@dataclass(slots=True)
class Atom:
    word: int
    """The index of the word that it is a part of."""
    text: str
    """In lower case, without the punctuation around it."""
    kind: AtomKind
    value: int = 0
    first: bool = True
    """Whether a word begins with it."""
    last: bool = True
    stop: str = ""
    """The punctuation behind its word, if it is the last of it: `.`, `,`, `?` …"""

    @property
    def digits(self) -> str:
        """What it is, digit by digit: `12` for “twelve”, `5551234` for “555-1234”."""
        if self.kind in SPOKEN_DIGITS:
            return str(self.value)
        return "".join(character for character in self.text if character.isdigit())


SPOKEN_DIGITS = frozenset(
    {AtomKind.UNIT, AtomKind.ZERO, AtomKind.OH, AtomKind.TEEN, AtomKind.TENS, AtomKind.ORDINAL}
)
SINGLE_DIGITS = frozenset({AtomKind.UNIT, AtomKind.ZERO, AtomKind.OH})
CARDINAL_STARTS = frozenset({AtomKind.UNIT, AtomKind.ZERO, AtomKind.TEEN, AtomKind.TENS})

_UNITS = "one two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNIT_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth"
_TEEN_ORDINALS = (
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_TENS_ORDINALS = "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

VOCABULARY: dict[str, tuple[AtomKind, int]] = {
    **{word: (AtomKind.UNIT, 1 + i) for i, word in enumerate(_UNITS.split())},
    **{word: (AtomKind.TEEN, 10 + i) for i, word in enumerate(_TEENS.split())},
    **{word: (AtomKind.TENS, 20 + 10 * i) for i, word in enumerate(_TENS.split())},
    "fourty": (AtomKind.TENS, 40),
    **{word: (AtomKind.ORDINAL, 1 + i) for i, word in enumerate(_UNIT_ORDINALS.split())},
    **{word: (AtomKind.ORDINAL, 10 + i) for i, word in enumerate(_TEEN_ORDINALS.split())},
    **{word: (AtomKind.ORDINAL, 20 + 10 * i) for i, word in enumerate(_TENS_ORDINALS.split())},
    "zero": (AtomKind.ZERO, 0),
    "nought": (AtomKind.ZERO, 0),
    "oh": (AtomKind.OH, 0),
    "o": (AtomKind.OH, 0),
    "hundred": (AtomKind.HUNDRED, 100),
    "hundredth": (AtomKind.ORDINAL, 100),
    **{word: (AtomKind.SCALE, value) for word, value in SCALES.items()},
    **{word + "th": (AtomKind.ORDINAL, value) for word, value in SCALES.items()},
}


def atoms_of(words: Sequence[Word]) -> list[Atom]:
    """The atoms of the words, in order; a word of punctuation alone is one of kind OTHER."""
    atoms: list[Atom] = []
    for index, word in enumerate(words):
        text = word.text
        if text.isalpha():  # nearly every word
            bare, stop = text.lower(), ""
        else:
            opened = text.lstrip(_OPENING)
            bare = opened.rstrip(_CLOSING)
            stop = opened[len(bare) :].strip(_QUOTES)
            bare = bare.lower().replace("’", "'")
            if _INITIALS.fullmatch(bare):
                bare, stop = bare.replace(".", ""), stop.removeprefix(".")
        known = VOCABULARY.get(bare)
        if known is not None:
            atoms.append(Atom(index, bare, known[0], known[1], stop=stop))
        elif bare.isalpha() and len(bare) > 1:
            atoms.append(Atom(index, bare, AtomKind.OTHER, stop=stop))
        else:
            _add_unusual(atoms, index, bare, stop)
    return atoms


def _add_unusual(atoms: list[Atom], index: int, bare: str, stop: str) -> None:
    """Atoms of a word with something else than letters in it, or of one letter."""
    if "-" in bare and not any(character.isdigit() for character in bare):
        pieces = bare.split("-")
        known = [VOCABULARY.get(piece) for piece in pieces]
        if all(known):
            for place, (piece, found) in enumerate(zip(pieces, known, strict=True)):
                assert found is not None
                last = place == len(pieces) - 1
                atoms.append(Atom(index, piece, found[0], found[1], place == 0, last, stop if last else ""))
            return
    kind, value = _written(bare)
    atoms.append(Atom(index, bare, kind, value, stop=stop))


def _written(bare: str) -> tuple[AtomKind, int]:
    if bare.isascii() and bare.isdigit():
        return AtomKind.DIGITS, int(bare) if len(bare) <= _LONGEST_NUMBER else 0
    if len(bare) == 1 and bare.isalpha():
        return AtomKind.LETTER, 0
    if not any("0" <= character <= "9" for character in bare):
        return AtomKind.OTHER, 0
    if ordinal := _ORDINAL.fullmatch(bare):
        return AtomKind.ORDINAL, int(ordinal[1].replace(",", ""))
    if _NUMBER.fullmatch(bare):
        return AtomKind.NUMBER, 0
    if _GROUPS.fullmatch(bare):
        return AtomKind.GROUPS, 0
    return AtomKind.WRITTEN, 0


_LONGEST_NUMBER = 18
_OPENING = "\"'“‘«([¿¡"
_CLOSING = ".,?!;:…\"'”’»)]"
_QUOTES = "\"'”’»)]"
_INITIALS = re.compile(r"(?:[a-z]\.)+[a-z]")
_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,12})(?:st|nd|rd|th)")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+")
_GROUPS = re.compile(
    r"\d+(?:-\d+)+|\d{3}\.\d{3}\.\d{4}"  # with points, none of them is an IP address
    r"|\d{4}(?:\.\d{3,6}){2,}|\d{3}(?:\.\d{3,4}){4,}"
)
