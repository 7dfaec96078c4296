"""Numbers that stand for themselves: cardinals, ordinals, decimals, pairs, house numbers. Pure, English."""

from ringback.features.identifiers import read_run
from ringback.features.numbers import SINGLE_DIGITS, AtomKind
from ringback.features.passage import Passage
from ringback.features.readings import Number, fraction_digits, read_digits
from ringback.features.spans import Entity, Part
from ringback.features.vocabulary import words

_STREETS = words(
    "street avenue road drive lane boulevard court way place parkway highway terrace circle square trail "
    "alley broadway st ave rd dr ln blvd ct pl pkwy"
)
_BETWEEN_PARTS = ("slash", "over")
_ROUND = words(
    "about around over under nearly almost take least most than to of only exactly roughly approximately"
)
_IDIOMS = words("times thanks reasons miles ways things")
_FRACTIONS = words(
    "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh sevenths "
    "eighth eighths ninth ninths tenth tenths"
)


def find_house_number(passage: Passage, i: int) -> Entity | None:
    """“twelve thirty four maple drive” as `1234 maple drive`."""
    house = None if passage.said.isdisjoint(_STREETS) else _read_house(passage, i)
    if house is None:
        return None
    house_digits, end = house
    letter = _house_letter(passage, end)
    first = end + len(letter)
    street = _street_end(passage, first)
    if street is None or _is_ordinal_name(passage, end):
        return None
    number = passage.part(i, first, house_digits + letter)
    name = _street_name(passage, first, street)
    digits = house_digits + "".join(
        character for part in name for character in part.text or "" if character.isdigit()
    )
    return passage.entity("location_address", digits, number, *name)


def _read_house(passage: Passage, i: int) -> tuple[str, int] | None:
    """The digits of a house's number, and their end: “four hundred” of “four hundred fifth avenue”."""
    number = passage.number_at(i)
    if number is not None and number.ordinal:
        name = number.whole % 100
        round_one = number.end - (1 if passage.atoms[number.end - 1].value == name else 2) - 1
        is_round = passage.kind(round_one) in (AtomKind.HUNDRED, AtomKind.SCALE)
        parted = name and number.whole > _MOST_STREETS and is_round and passage.follows(round_one + 1)
        return (str(number.whole - name), round_one + 1) if parted else None
    run = read_run(passage, i)
    if run is None or run.stops or len(run.digits) > 6 or not passage.is_whole(i, run.end):
        return None
    parted = any(passage.atoms[end - 1].stop for end in run.ends[:-1])
    return None if parted and not run.singles else (run.digits, run.end)


_MOST_STREETS = 300
"""“One hundred fifth street” is there, “three hundred fifth” is hardly anywhere: a house's number."""


def _house_letter(passage: Passage, i: int) -> str:
    """“two twenty one b baker street”, but “four hundred b street”."""
    letter = passage.kind(i) is AtomKind.LETTER and passage.text(i) != "i" and passage.follows(i)
    return passage.text(i).upper() if letter and passage.text(i + 1) not in _STREETS else ""


def _street_name(passage: Passage, i: int, end: int) -> list[Part]:
    """“west forty second street” with its number in digits."""
    parts: list[Part] = []
    while i < end:
        number = passage.number_at(i)
        if number is not None and number.ordinal and number.whole >= 10 and passage.is_whole(i, number.end):
            parts.append(passage.part(i, number.end, number.text()))
            i = number.end
        else:
            parts.append(passage.part(i, i + 1, None))
            i = passage.next_word(i)
    return parts


def _is_ordinal_name(passage: Passage, i: int) -> bool:
    """“thirty third street”: the tens belong to the street's name."""
    following = passage.atoms[i]
    return (
        passage.kind(i - 1) is AtomKind.TENS and following.kind is AtomKind.ORDINAL and following.value < 10
    )


def _street_end(passage: Passage, i: int) -> int | None:
    """The end of a street's name that begins at atom `i`: up to three words, a number, and “street”."""
    named, end = 0, i
    while named < _LONGEST_STREET and end < i + 2 * _LONGEST_STREET:
        if not passage.follows(end) or passage.text(end) in _NOT_IN_STREETS:
            return None
        if passage.text(end) in _STREETS and (end > i or passage.text(end) == "broadway"):
            return end + 1
        named += passage.kind(end) is AtomKind.OTHER or passage.kind(end) is AtomKind.LETTER
        end += 1
    return None


_LONGEST_STREET = 4


_NOT_IN_STREETS = words(
    "in on at to the a an of for from with and or is are was way people minutes miles days years percent "
    "cars feet blocks houses more other per each every by"
)


def find_pair(passage: Passage, i: int) -> Entity | None:
    """“one hundred twenty over eighty”, “oh seven slash twenty eight”, “twenty twenty vision”."""
    texts = passage.texts(i, i + 3)
    if texts == ["twenty", "twenty", "vision"]:
        return passage.single("cardinal", "2020", i, i + 2, "20/20")
    if (version := _find_version(passage, i)) is not None:
        return version
    if texts == ["twenty", "four", "seven"] and passage.kind(i + 3) not in SINGLE_DIGITS:
        return passage.single("cardinal", "247", i, i + 3, "24/7")
    return None if passage.said.isdisjoint(_BETWEEN_PARTS) else _slashed(passage, i)


def _find_version(passage: Passage, i: int) -> Entity | None:
    """“one point two point three”: more than one point."""
    number = passage.number_at(i) if "point" in passage.said else None
    if number is None or not number.fraction or number.pointed or number.scale or number.negative:
        return None
    text, end = number.text(), number.end
    while passage.text(end) == "point" and passage.follows(end) and passage.follows(end + 1):
        said = fraction_digits(passage.atoms, end + 1)
        if said is None:
            break
        text, end = f"{text}.{said[0]}", said[1]
    return passage.single("cardinal", text.replace(".", ""), i, end, text) if end > number.end else None


def _slashed(passage: Passage, i: int) -> Entity | None:
    groups: list[str] = []
    end = i
    while True:
        group = ""
        while len(group) < 4 and (end == i or passage.follows(end)):
            said = passage.digits_at(end)
            if said is None:
                break
            group, end = group + said[0], said[1]
        if not group:
            return None
        groups.append(group)
        if passage.text(end) not in _BETWEEN_PARTS or not passage.follows(end) or len(groups) == 3:
            break
        sign = passage.text(end)
        end += 1
    if len(groups) < 2:
        return None
    if sign == "over" and (len(groups) > 2 or not _is_blood_pressure(groups)):
        return None
    kind = "cardinal"
    if passage.cue(i, ("expires", "expiration", "expiry", "exp", "expiring"), 5):
        kind = "credit_card_expiration"
    elif len(groups) == 3:
        kind = "date"
    return passage.single(kind, "".join(groups), i, end, "/".join(groups))


def _is_blood_pressure(groups: list[str]) -> bool:
    high, low = (int(group) for group in groups)
    return 60 <= high <= 260 and 30 <= low < high


def find_number(passage: Passage, number: Number) -> Entity | None:
    """A number that nothing else claimed, as prose has it: from ten on in digits, below as it was said."""
    first, end = number.first, number.end
    if _is_small_part(passage, number):
        return passage.single("cardinal", number.digits, first, end + 1, None)
    if number.pointed or not passage.is_whole(first, end) or _is_fraction(passage, number):
        return None
    kind = "ordinal" if number.ordinal else "cardinal"
    if number.scale:
        return _scaled(passage, number, kind)
    if _stays(passage, number):
        return Entity(
            passage.part(first, end, None).first, passage.part(first, end, None).end, kind, number.digits
        )
    return passage.single(kind, number.digits, first, end, number.text())


def _scaled(passage: Passage, number: Number, kind: str) -> Entity | None:
    scale = number.end - 1
    if passage.text(number.first) == "a" or not passage.is_whole(number.first, scale):
        return None  # “a million” is hardly ever a count
    amount = passage.part(number.first, scale, number.text())
    return passage.entity(kind, number.digits, amount, passage.part(scale, number.end, number.scale))


def _stays(passage: Passage, number: Number) -> bool:
    if number.written:
        return False
    if number.ordinal:
        return number.whole < 10 or _is_part_of(passage, number)
    if number.is_small or _is_half_heard(passage, number) or passage.text(number.end) == "past":
        return True
    if number.whole <= 12 and _is_hour(passage, number.first):
        return True
    if passage.text(number.first) == "a" and number.end == number.first + 2:
        behind = passage.text(number.end) if passage.follows(number.end) else ""
        return behind in _IDIOMS or passage.previous(number.first) not in _ROUND
    bare_scale = number.end == number.first + 1 and passage.kind(number.first) in (
        AtomKind.HUNDRED,
        AtomKind.SCALE,
    )
    return bare_scale or (number.negative and number.whole == 0 and not number.fraction)


def _is_part_of(passage: Passage, number: Number) -> bool:
    """“a tenth of a percent”, “one hundredth of a second”; “the one hundredth of them” is in its place."""
    previous = passage.previous(number.first)
    one = passage.text(number.first) == "one" and previous != "the"
    return (previous == "a" or one) and passage.text(number.end) == "of"


def _is_hour(passage: Passage, i: int) -> bool:
    """“half past twelve”, “a quarter to eleven”, “ten past ten”: as people say them, in words."""
    before, earlier = passage.text(i - 1), passage.text(i - 2)
    return before == "past" or (before in ("to", "after", "before", "till") and earlier == "quarter")


def _is_half_heard(passage: Passage, number: Number) -> bool:
    """“two fifty”, “nine eleven”: ambiguous, so both words stay."""
    first, end = number.first, number.end
    behind = passage.kind(end) in (AtomKind.TEEN, AtomKind.TENS) and passage.follows(end)
    before = passage.kind(first - 1) is AtomKind.UNIT and passage.follows(first) and number.whole < 100
    return (behind and passage.kind(end - 1) is AtomKind.UNIT and end == first + 1) or (
        before and passage.kind(first - 2) not in (AtomKind.TENS, *SINGLE_DIGITS)
    )


def _is_small_part(passage: Passage, number: Number) -> bool:
    """“one tenth”, “one twentieth of it”: left as they were said."""
    behind = passage.follows(number.end) and passage.kind(number.end) is AtomKind.ORDINAL
    one = passage.texts(number.first, number.end) == ["one"]
    return behind and one and passage.atoms[number.end].value >= 10


def _is_fraction(passage: Passage, number: Number) -> bool:
    """“one third”, “three quarters”: left as they were said."""
    if number.ordinal or number.fraction or number.written or number.scale:
        return False
    return passage.follows(number.end) and passage.text(number.end) in _FRACTIONS and number.whole < 10


def find_round_by_ear(passage: Passage, number: Number) -> Number | None:
    """“two fifty”, “one eighty” as 250 and 180, where a unit or the like follows: the whole, as a number."""
    atoms, i = passage.atoms, number.first
    if atoms[i].kind is not AtomKind.UNIT or number.end != i + 1 or not passage.follows(i + 1):
        return None
    if passage.kind(i + 1) not in (AtomKind.TEEN, AtomKind.TENS):
        return None
    said = read_digits(atoms, i + 1)
    if said is None or len(said[0]) != 2:
        return None
    return Number(i, said[1], atoms[i].value * 100 + int(said[0]))
