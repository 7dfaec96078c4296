"""How a run of atoms is read: as a value, as digits, as a year. Pure, English.

“two hundred and five” is a value, “four one five” digits, “nineteen oh five” a year; “twenty twenty six” may
be all three. A reading starts at an atom and says where it ends; which one is meant is decided by its
callers, who know what stands around.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ringback.features.numbers import (
    CARDINAL_STARTS,
    SINGLE_DIGITS,
    Atom,
    AtomKind,
)
from ringback.features.vocabulary import MONTHS, words


@dataclass(frozen=True, slots=True)
class Number:
    """A value read from `atoms[first:end]`."""

    first: int
    end: int
    whole: int
    fraction: str = ""
    """The digits behind the point: `50` of 2.50."""
    scale: str = ""
    """`million` and greater, where the number is a count of them: “2.5 million”."""
    ordinal: bool = False
    negative: bool = False
    pointed: bool = False
    """Whether it begins with its point: “point five”. By itself that may be no number."""
    written: str = ""
    """The digits as the model wrote them, if it wrote all of them: `0.5`, `1,200`, `007`."""

    @property
    def digits(self) -> str:
        if self.written:
            return "".join(character for character in self.written if character.isdigit())
        return self.fraction if self.pointed else f"{self.whole}{self.fraction}"

    def text(self, *, grouped: bool = True) -> str:
        """With or without commas between thousands; the scale is a word of its own."""
        if self.written:
            text = self.written if grouped else self.written.replace(",", "")
        else:
            text = f"{self.whole:,}" if grouped else str(self.whole)
            text += f".{self.fraction}" if self.fraction else ""
        if self.ordinal:
            text += ordinal_ending(self.whole)
        return f"-{text}" if self.negative else text

    @property
    def is_small(self) -> bool:
        """Whether prose has a word for it: below ten, whole, as a model writes it."""
        return not (self.written or self.fraction or self.scale or self.negative) and self.whole < 10


def ordinal_ending(value: int) -> str:
    if value % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


def read_number(atoms: Sequence[Atom], i: int) -> Number | None:
    """The longest value that begins at atom `i`: “minus twelve thousand”, “2.5 million”."""
    if i >= len(atoms):
        return None
    if atoms[i].text in _MINUS:
        counted = i + 1 < len(atoms) and not atoms[i].stop and atoms[i + 1].text not in (*_MINUS, "a", "the")
        number = read_number(atoms, i + 1) if counted else None
        if number is None or number.ordinal:
            return None
        return replace(number, first=i, negative=True)
    if atoms[i].text == "point":
        digits, end = _behind_point(atoms, i)
        return _read_scale(atoms, Number(i, end, 0, digits, pointed=True)) if digits else None
    whole = _read_whole(atoms, i)
    if whole is None or whole.ordinal:
        return whole
    return _read_scale(atoms, _read_fraction(atoms, whole))


def _read_fraction(atoms: Sequence[Atom], number: Number) -> Number:
    """“point seven five”, “and a half” behind a whole number."""
    i = number.end
    if i + 1 >= len(atoms) or atoms[i - 1].stop or atoms[i].stop or number.fraction:
        return number
    if atoms[i].text == "point":
        digits, end = _behind_point(atoms, i)
        return replace(number, end=end, fraction=digits, written="") if digits else number
    if [atom.text for atom in atoms[i : i + 3]] == ["and", "a", "half"] and not atoms[i + 1].stop:
        return replace(number, end=i + 3, fraction="5", written="")
    return number


def _behind_point(atoms: Sequence[Atom], point: int) -> tuple[str, int]:
    """The digits behind a said point, and their end."""
    digits, end = "", point + 1
    while end < len(atoms) and not atoms[end - 1].stop and (said := fraction_digits(atoms, end)):
        digits, end = digits + said[0], said[1]
    return digits, end


def fraction_digits(atoms: Sequence[Atom], i: int) -> tuple[str, int] | None:
    """Digits behind a point: “seven five”, “seventy five”, “oh”, 75."""
    atom = atoms[i]
    if atom.kind in SINGLE_DIGITS or atom.kind is AtomKind.TEEN or atom.kind is AtomKind.DIGITS:
        return atom.digits, i + 1
    tens = _below_hundred(atoms, i)
    return None if tens is None else (str(tens[0]), tens[1])


def _read_scale(atoms: Sequence[Atom], number: Number) -> Number:
    """A scale behind what could not take it as a whole: “2.5 million”, “1.5 thousand”."""
    i = number.end
    if i >= len(atoms) or atoms[i].kind is not AtomKind.SCALE or atoms[i - 1].stop or number.scale:
        return number
    if atoms[i].value >= 10**6:
        return replace(number, end=i + 1, scale=atoms[i].text)
    if not number.fraction or len(number.fraction) > 3:
        return number
    thousandths = int(number.fraction.ljust(3, "0"))
    return replace(number, end=i + 1, whole=number.whole * 1000 + thousandths, fraction="", written="")


def _read_whole(atoms: Sequence[Atom], i: int) -> Number | None:
    atom = atoms[i]
    if atom.kind is AtomKind.NUMBER:
        whole, _, fraction = atom.text.partition(".")
        return Number(i, i + 1, int(whole.replace(",", "")), fraction, written=atom.text)
    if atom.kind is AtomKind.ORDINAL:
        spoken = atom.text[0].isalpha()
        written = "" if spoken else atom.text[:-2]
        return Number(i, i + 1, atom.value, ordinal=True, written=written)
    if atom.kind is AtomKind.DIGITS and not _takes_scale(atoms, i) and not _takes_ordinal(atoms, i):
        return Number(i, i + 1, atom.value, written=atom.text)
    return _read_groups(atoms, i)


def _takes_scale(atoms: Sequence[Atom], i: int) -> bool:
    """Whether written digits count hundreds or thousands: 5 hundred, 250 thousand. 12 million stays."""
    following = atoms[i + 1] if i + 1 < len(atoms) and not atoms[i].stop else None
    return following is not None and (
        following.kind is AtomKind.HUNDRED or (following.kind is AtomKind.SCALE and following.value == 1000)
    )


def _takes_ordinal(atoms: Sequence[Atom], i: int) -> bool:
    """Whether written tens are parted from their ordinal: `20 2nd`."""
    return i + 1 < len(atoms) and not atoms[i].stop and _is_tens_before(atoms, i)


def _read_groups(atoms: Sequence[Atom], i: int) -> Number | None:
    total, below, end, scales, ordinal = 0, 10**15, i, 0, False
    scale_text = ""
    while True:
        start = end
        if total and start < len(atoms) and atoms[start].text == "and" and not atoms[start].stop:
            start += 1
        group = _below_thousand(atoms, start, opening=not total)
        if group is None:
            break
        value, after, is_ordinal = group
        scale = _scale_at(atoms, after) if not is_ordinal else None
        if scale is not None and scale.value >= below:
            break
        if start > end and (scale is not None or value >= 100):
            break  # “two thousand and three thousand” is two numbers
        if scale is None:
            total, end, ordinal = total + value, after, is_ordinal
            break
        total, end, below = total + value * scale.value, after + 1, scale.value
        scales, scale_text, ordinal = scales + 1, scale.text, scale.kind is AtomKind.ORDINAL
        if ordinal or atoms[end - 1].stop or end >= len(atoms):
            break
    if end == i:
        return None
    if scales == 1 and below >= 10**6 and total % below == 0 and not ordinal:
        return Number(i, end, total // below, scale=scale_text)
    return Number(i, end, total, ordinal=ordinal)


def _scale_at(atoms: Sequence[Atom], i: int) -> Atom | None:
    if i >= len(atoms) or atoms[i - 1].stop:
        return None
    atom = atoms[i]
    if atom.kind is AtomKind.SCALE or (atom.kind is AtomKind.ORDINAL and atom.value >= 1000):
        return atom if atom.text[0].isalpha() else None
    return None


def _below_thousand(atoms: Sequence[Atom], i: int, *, opening: bool) -> tuple[int, int, bool] | None:
    """The value, the end and whether it is an ordinal, of a group before a scale or at the end."""
    if i >= len(atoms):
        return None
    atom = atoms[i]
    if opening and atom.text == "a":
        return _behind_article(atoms, i)
    if opening and atom.kind is AtomKind.HUNDRED:
        return _behind_hundred(atoms, i, 1)
    start = _below_hundred_or_ordinal(atoms, i)
    if start is None and atom.kind is AtomKind.DIGITS and (opening or atom.value < 1000):
        start = atom.value, i + 1, False
    if start is None:
        return None
    value, end, ordinal = start
    if ordinal or end >= len(atoms) or atoms[end - 1].stop or not 0 < value < 100:
        return start
    if atoms[end].kind is AtomKind.HUNDRED:
        return _behind_hundred(atoms, end, value)
    if atoms[end].kind is AtomKind.ORDINAL and atoms[end].value == 100 and atoms[end].text[0].isalpha():
        return value * 100, end + 1, True
    return start


def _behind_article(atoms: Sequence[Atom], i: int) -> tuple[int, int, bool] | None:
    """“a hundred and one”, “a thousand”."""
    if atoms[i].stop or i + 1 >= len(atoms):
        return None
    if atoms[i + 1].kind is AtomKind.SCALE:
        return 1, i + 1, False
    return _behind_hundred(atoms, i + 1, 1) if atoms[i + 1].kind is AtomKind.HUNDRED else None


def _behind_hundred(atoms: Sequence[Atom], i: int, hundreds: int) -> tuple[int, int, bool]:
    """What follows “hundred” at atom `i`, unless that begins a number of its own."""
    alone = hundreds * 100, i + 1, False
    if atoms[i].stop or i + 1 >= len(atoms):
        return alone
    start = i + 2 if atoms[i + 1].text == "and" and not atoms[i + 1].stop else i + 1
    rest = _below_hundred_or_ordinal(atoms, start) if start < len(atoms) else None
    if rest is None and start < len(atoms) and _is_written_rest(atoms, start):
        rest = atoms[start].value, start + 1, atoms[start].kind is AtomKind.ORDINAL
    if rest is None or rest[0] == 0:
        return alone
    value, end, ordinal = rest
    if end < len(atoms) and not atoms[end - 1].stop and atoms[end].kind is AtomKind.HUNDRED:
        return alone
    return hundreds * 100 + value, end, ordinal


def _is_written_rest(atoms: Sequence[Atom], i: int) -> bool:
    """Whether written digits go on with a hundred in words: “one hundred 20”, “one hundred 2nd”."""
    if atoms[i].kind is AtomKind.ORDINAL:
        return atoms[i].value < 100 and _ends_written(atoms, i)
    alone = atoms[i].stop or i + 1 == len(atoms) or not is_digit_like(atoms[i + 1])
    return atoms[i].kind is AtomKind.DIGITS and len(atoms[i].text) == 2 and bool(alone)


def _below_hundred_or_ordinal(atoms: Sequence[Atom], i: int) -> tuple[int, int, bool] | None:
    atom = atoms[i]
    if atom.kind is AtomKind.ORDINAL and atom.value < 100 and atom.text[0].isalpha():
        return atom.value, i + 1, True
    if _takes_ordinal(atoms, i):
        return atom.value + atoms[i + 1].value, i + 2, True
    plain = _below_hundred(atoms, i)
    return None if plain is None else (*plain, False)


def _is_tens_before(atoms: Sequence[Atom], i: int) -> bool:
    """Whether atom `i` is the tens of “twenty second”, “the twenty 2nd”, `20 2nd`; “20 second” counts
    seconds."""
    atom, ordinal = atoms[i], atoms[i + 1]
    if ordinal.kind is not AtomKind.ORDINAL or not 0 < ordinal.value < 10:
        return False
    if ordinal.text[0].isalpha():
        return atom.kind is AtomKind.TENS
    tens = atom.kind is AtomKind.TENS or (atom.kind is AtomKind.DIGITS and atom.text in _WRITTEN_TENS)
    return tens and _ends_written(atoms, i + 1)


def _ends_written(atoms: Sequence[Atom], i: int) -> bool:
    """Whether the ordinal in digits at atom `i` is the end of the number before it: “the one hundred 2nd”,
    “on twenty 2nd street”. “I paid three hundred 2nd time” has two numbers."""
    if atoms[i - 1].text == "and":
        return True
    first = i
    while first > 0 and not atoms[first - 1].stop and atoms[first - 1].kind in _COUNTING:
        first -= 1
    if first > 0 and atoms[first - 1].text == "a":
        first -= 1
    if first == 0 or atoms[first - 1].stop:
        return True
    before = atoms[first - 1].text
    return before in _BEFORE_ORDINALS or before in MONTHS or before.endswith("'s")


_COUNTING = CARDINAL_STARTS | {AtomKind.HUNDRED, AtomKind.SCALE, AtomKind.DIGITS}
_BEFORE_ORDINALS = words(
    "the this my your his her its our their every each on at in from to near of off until north south east "
    "west"
)


_WRITTEN_TENS = frozenset(str(tens) for tens in range(20, 100, 10))


def _below_hundred(atoms: Sequence[Atom], i: int) -> tuple[int, int] | None:
    atom = atoms[i]
    if atom.kind not in CARDINAL_STARTS:
        return None
    if atom.kind is AtomKind.TENS and not atom.stop and i + 1 < len(atoms):
        following = atoms[i + 1]
        if following.kind is AtomKind.UNIT:
            return atom.value + following.value, i + 2
    return atom.value, i + 1


def read_year(atoms: Sequence[Atom], i: int) -> tuple[int, int] | None:
    """A year as it is said, 1010 to 2099, and its end: “nineteen oh five”, “two thousand and ten”, 1999."""
    atom = atoms[i]
    if atom.kind is AtomKind.DIGITS:
        return (atom.value, i + 1) if len(atom.text) == 4 and 1100 <= atom.value < 2100 else None
    if atom.kind is AtomKind.UNIT:
        number = read_number(atoms, i)
        said = number is not None and not number.ordinal and not number.fraction
        if said and number is not None and atom.value == 2 and 2000 <= number.whole < 2100:
            return number.whole, number.end
        return None
    century = _below_hundred(atoms, i)
    if century is None or not 10 <= century[0] <= 20 or century[1] != i + 1 or atom.stop:
        return None
    if i + 1 >= len(atoms):
        return None
    following = atoms[i + 1]
    if following.kind is AtomKind.OH and i + 2 < len(atoms) and not following.stop:
        if atoms[i + 2].kind is AtomKind.UNIT:
            return century[0] * 100 + atoms[i + 2].value, i + 3
        return None
    if following.kind in (AtomKind.TEEN, AtomKind.TENS):
        rest = _below_hundred(atoms, i + 1)
        return None if rest is None else (century[0] * 100 + rest[0], rest[1])
    return None


def is_digit_like(atom: Atom) -> bool:
    """Whether it may stand in a run of digits."""
    return atom.kind in _RUN


_RUN = SINGLE_DIGITS | {AtomKind.TEEN, AtomKind.TENS, AtomKind.DIGITS, AtomKind.GROUPS}
_TIMES = {"double": 2, "triple": 3}
_MINUS = ("minus", "negative")


def read_digits(atoms: Sequence[Atom], i: int) -> tuple[str, int] | None:
    """The next digits of a run, and their end: “double five”, “twenty six”, “eight hundred”, 555-1234."""
    if i >= len(atoms):
        return None
    atom = atoms[i]
    times = _TIMES.get(atom.text)
    if times is not None and i + 1 < len(atoms) and not atom.stop:
        single = atoms[i + 1]
        is_one = single.kind in SINGLE_DIGITS or (single.kind is AtomKind.DIGITS and len(single.text) == 1)
        return (single.digits * times, i + 2) if is_one else None
    if not is_digit_like(atom):
        return None
    value = _below_hundred(atoms, i)
    if value is None:
        return atom.digits, i + 1
    end = value[1]
    if end >= len(atoms) or atoms[end - 1].stop or value[0] == 0:
        return str(value[0]), end
    if atoms[end].kind is AtomKind.HUNDRED or (
        atoms[end].kind is AtomKind.SCALE and atoms[end].value == 1000
    ):
        return _round_digits(atoms, i, end)
    return str(value[0]), end


def _round_digits(atoms: Sequence[Atom], i: int, hundred: int) -> tuple[str, int]:
    """“eight hundred” in a run: `800` before single digits, a whole value (`999`, `1234`) otherwise."""
    number = _read_groups(atoms, i)
    assert number is not None
    if number.scale or number.ordinal:
        return str(atoms[i].value), i + 1
    last = atoms[number.end - 1]
    more = number.end < len(atoms) and not last.stop and is_digit_like(atoms[number.end])
    if number.end == hundred + 2 and more and last.kind is AtomKind.UNIT:
        return str(number.whole - last.value), hundred + 1
    return str(number.whole), number.end
