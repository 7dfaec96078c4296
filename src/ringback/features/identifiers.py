"""Runs of digits and letters that name something: phone numbers, cards, accounts, orders. Pure, English.

A run is read digit by digit, whatever groups it was said or written in; its cue and its length say what it
is. No length and no checksum is needed: recognisers drop and double digits.
"""

from dataclasses import dataclass, replace

from ringback.features.cues import CARD, CVV, EXPIRY, ID, NUMBER, PHONE, ROOM, SSN, cue_before, is_linked
from ringback.features.measures import measure_symbol
from ringback.features.numbers import SINGLE_DIGITS, AtomKind
from ringback.features.passage import Passage
from ringback.features.readings import read_year
from ringback.features.spans import Entity, Part
from ringback.features.vocabulary import words

_LONGEST_RUN = 40
"""Pieces of a run: nothing that is dialled, typed or printed on a card is longer."""
_LONGEST_COUNT = 5
_DASHES = ("dash", "hyphen", "-", "–")
_JOINED = frozenset(
    {"account_number", "routing_number", "passport_number", "driver_license", "vehicle_id", "password"}
    | {"healthcare_number", "location_zip", CVV, EXPIRY, CARD, SSN, ID}
)
"""Cues behind which a number is read digit by digit."""
_UNITS_BEHIND = words(
    "percent per dollars dollar cents cent euros euro pounds pence am pm o'clock point million billion "
    "thousand hundred degrees years year months month weeks week days day hours hour minutes minute "
    "seconds times people bucks grand yen rupees"
)


@dataclass(slots=True)
class Run:
    """Digits that follow each other: each piece as it was said, and the atom that it ends at."""

    first: int
    pieces: list[str]
    ends: list[int]
    dashes: list[int]
    """How many pieces stood before each dash that was said."""
    singles: bool = True
    """Whether each digit was said by itself."""
    zeros: bool = False
    """Whether “oh”, “double” and the like show that digits are meant."""
    stops: bool = False
    """Whether a full stop lies inside."""

    @property
    def digits(self) -> str:
        return "".join(self.pieces)

    @property
    def end(self) -> int:
        return self.ends[-1]


def read_run(passage: Passage, i: int, *, over_stops: bool = False) -> Run | None:
    """The longest run of digits from atom `i`, over commas and said dashes; over full stops where asked."""
    run = Run(i, [], [], [])
    end = i
    while end < len(passage.atoms) and len(run.pieces) < _LONGEST_RUN:
        start = end
        if run.pieces:
            stop = passage.atoms[end - 1].stop
            if stop not in ("", ",", "-", "—") and not (over_stops and stop == "."):
                break
            run.stops = run.stops or (stop == "." and passage.digits_at(end) is not None)
            if passage.text(end) in _DASHES and end + 1 < len(passage.atoms):
                start = end + 1
        said = passage.digits_at(start)
        if said is None:
            break
        atom = passage.atoms[start]
        if start > end:
            run.dashes.append(len(run.pieces))
        run.singles = run.singles and (
            atom.kind in SINGLE_DIGITS or (atom.kind is AtomKind.DIGITS and len(atom.text) == 1)
        )
        run.zeros = run.zeros or (atom.kind is AtomKind.OH and end > i) or atom.text in ("double", "triple")
        run.pieces.append(said[0])
        end = said[1]
        run.ends.append(end)
    return _without_counted(passage, run)


def _without_counted(passage: Passage, run: Run) -> Run | None:
    """The run without a last number that counts what follows it: “… seven two, five dollars”."""
    while run.pieces and is_counted(passage, run.end):
        run.pieces.pop()
        run.ends.pop()
    while run.pieces and not passage.is_whole(run.first, run.end):
        run.pieces.pop()
        run.ends.pop()
    return run if run.pieces else None


def is_counted(passage: Passage, end: int) -> bool:
    """Whether what a number counts is said at atom `end`, behind it."""
    if not passage.follows(end):
        return False
    return (
        passage.text(end) in _UNITS_BEHIND
        or passage.texts(end, end + 2) in (["a", "m"], ["p", "m"])
        or measure_symbol(passage, end) is not None
    )


def find_run(passage: Passage, i: int) -> Entity | None:
    """A run of digits that is not a value: typed by its cue, or by its length and how it was said."""
    cue, distance = cue_before(passage, i)
    run = read_run(passage, i, over_stops=cue in _JOINED or cue == PHONE)
    if run is not None and run.stops and not _is_expected(cue, run.digits):
        run = _card_before_stop(passage, run) if cue == CARD else None
        run = run or read_run(passage, i)
    if run is None or not passage.is_whole(run.first, run.end):
        return None
    linked = bool(cue) and is_linked(passage, i, distance)
    typed = _typed(passage, run, cue, linked)
    return typed or _untyped(passage, run, cue, linked)


def _is_expected(cue: str, digits: str) -> bool:
    count = len(digits)
    if cue == PHONE:
        return phone_text(digits) is not None
    if cue == CARD:
        return 13 <= count <= _LONGEST_CARD
    return (cue == SSN and count == 9) or (cue == "routing_number" and count == 9)


_LONGEST_CARD = 19


def _card_before_stop(passage: Passage, run: Run) -> Run | None:
    """A card's number, when more digits follow behind a full stop: a group that was recognised twice, or the
    date on it."""
    for count in range(len(run.pieces), 0, -1):
        digits, end = "".join(run.pieces[:count]), run.ends[count - 1]
        if passage.atoms[end - 1].stop == "." and _is_expected(CARD, digits):
            return replace(run, pieces=run.pieces[:count], ends=run.ends[:count])
    return None


def _typed(passage: Passage, run: Run, cue: str, linked: bool) -> Entity | None:
    digits, count = run.digits, len(run.digits)
    if cue == CARD and count >= 8:
        return _grouped(passage, run, CARD, card_groups(digits))
    if count >= 13 and len(_written_groups(passage, run)) > 1 and cue in ("", NUMBER, PHONE) and count <= 16:
        return _grouped(passage, run, CARD, card_groups(digits))
    if cue == SSN and 7 <= count <= 11:
        text = f"{digits[:3]}-{digits[3:5]}-{digits[5:]}" if count == 9 else digits
        return _joined(passage, run, SSN, text)
    if cue in (CVV, EXPIRY) and linked and (detail := _card_detail(run, cue)):
        return _joined(passage, run, cue, detail)
    if cue == PHONE or (cue in ("", NUMBER, ROOM) and not run.dashes):
        phone = _phone(passage, run, expected=cue == PHONE)
        if phone is not None:
            return phone
    if cue in (PHONE, CARD, SSN, CVV, EXPIRY, ROOM, NUMBER, ""):
        return None
    if not linked and not (run.singles and count >= 3) and not run.zeros:
        return None
    if len(run.pieces) == 1 and count < 3:
        return None
    return _joined(passage, run, cue, _as_grouped(passage, run) if cue == ID else _dashed(run))


def _as_grouped(passage: Passage, run: Run) -> str:
    """With the hyphens that the model wrote, unless it wrote digit by digit: 555-1234, but 7-8-4-5."""
    written = passage.text(run.first)
    alone = run.end == run.first + 1 and passage.kind(run.first) is AtomKind.GROUPS
    return written if alone and any(len(group) > 1 for group in written.split("-")) else _dashed(run)


def _card_detail(run: Run, cue: str) -> str:
    """A card's check number, or month and year of its end; empty: neither."""
    digits, count = run.digits, len(run.digits)
    if cue == CVV:
        return digits if 2 <= count <= 4 else ""
    month = 1 if count == 3 and len(run.pieces) == 2 else 2  # “nine twenty six”
    if run.dashes or not (count in (month + 2, month + 4) and 1 <= int(digits[:month]) <= 12):
        return ""
    return f"{digits[:month]}/{digits[month:]}" if count < 6 or digits[2:4] == "20" else ""


def _untyped(passage: Passage, run: Run, cue: str, linked: bool) -> Entity | None:
    digits, count = run.digits, len(run.digits)
    if len(run.pieces) < 2:
        hyphened = passage.text(run.first).split("-")
        spelled = len(hyphened) >= 3 and all(len(group) == 1 for group in hyphened)
        short = linked and count <= _LONGEST_EXTENSION and passage.cue(run.first, _BEFORE_SHORT, 4)
        hyphen = len(hyphened) > 1
        return _joined(passage, run, "digits", digits) if spelled or (short and hyphen) else None
    spoken = passage.kind(run.first) is not AtomKind.DIGITS
    if (cue == ROOM and linked and count <= 6) or (cue == NUMBER and linked and (run.zeros or run.singles)):
        return _joined(passage, run, "digits", _dashed(run))
    if run.singles and count >= 3 and not (spoken and _is_counting(digits) and not cue):
        return _joined(passage, run, "digits", _dashed(run))
    if run.zeros and count >= 3 and read_year(passage.atoms, run.first) is None:
        return _joined(passage, run, "digits", _dashed(run))
    if run.dashes:
        return _joined(passage, run, "digits", _dashed(run))
    if cue and count >= 8 and linked:
        return _joined(passage, run, "digits", digits)
    return None


_LONGEST_EXTENSION = 6
_BEFORE_SHORT = ("extension", "ext", "ending", "four")
"""Behind these the hyphens are the model's own: `extension 32-1`, “the last four are” `678-9`."""


def _is_counting(digits: str) -> bool:
    """“one two three”, “five four three”: the speaker counts."""
    return len(digits) <= _LONGEST_COUNT and (digits in "123456789" or digits in "9876543210")


def _phone(passage: Passage, run: Run, *, expected: bool) -> Entity | None:
    digits, count = run.digits, len(run.digits)
    groups = len(run.pieces) > 1 or passage.kind(run.first) is AtomKind.GROUPS
    named = count == 10 and passage.texts(run.first - 2, run.first) == ["number", "is"]
    if not expected and not groups and not named:
        return None
    if not expected and count == 7 and not (run.singles or _written_groups(passage, run) in _SEVEN_DIGITS):
        return None
    text = phone_text(digits) if expected or _is_dialled(digits) else None
    return None if text is None else _joined(passage, run, PHONE + "_number", text)


_SEVEN_DIGITS = ([3, 4], [7], [1, 1, 1, 2, 2])
"""Groups of a number without an area code, also as it is said: “five five five twelve thirty four”."""


def _is_dialled(digits: str) -> bool:
    """Whether area and exchange are as the North American plan has them: neither begins with 0 or 1."""
    local = digits[-10:]
    return len(local) < 10 or not {local[0], local[3]} & set("01")


def _written_groups(passage: Passage, run: Run) -> list[int]:
    if run.end - run.first == 1:
        return [len(group) for group in passage.text(run.first).replace(".", "-").split("-")]
    return [len(piece) for piece in run.pieces]


def phone_text(digits: str) -> str | None:
    """A number of the North American plan as it is printed; None for another count of digits."""
    if len(digits) == 7:
        return f"{digits[:3]}-{digits[3:]}"
    if len(digits) == 10:
        return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    if len(digits) == 11 and digits[0] == "1":
        return f"+1 ({digits[1:4]}) {digits[4:7]}-{digits[7:]}"
    return None


def card_groups(digits: str) -> list[str]:
    """Groups as they are embossed: 4-6-5 for American Express, otherwise four by four."""
    if len(digits) == 15 and digits[:2] in ("34", "37"):
        return [digits[:4], digits[4:10], digits[10:]]
    if len(digits) < 13:
        return [digits]
    return [digits[i : i + 4] for i in range(0, len(digits), 4)]


def _dashed(run: Run) -> str:
    return "".join(("-" if place in run.dashes else "") + piece for place, piece in enumerate(run.pieces))


def _joined(passage: Passage, run: Run, kind: str, text: str) -> Entity | None:
    return passage.single(kind, run.digits, run.first, run.end, text)


def _grouped(passage: Passage, run: Run, kind: str, groups: list[str]) -> Entity | None:
    """One output word a group where each group begins with an input word, otherwise one over all."""
    parts: list[Part] = []
    ends = {0: run.first}
    length = 0
    for piece, end in zip(run.pieces, run.ends, strict=True):
        length += len(piece)
        ends[length] = end
    place = 0
    for group in groups:
        first, after = ends.get(place), ends.get(place + len(group))
        if first is None or after is None or not passage.is_whole(first, after):
            return _joined(passage, run, kind, " ".join(groups))
        part = passage.part(first, after, group)
        place += len(group)
        parts.append(part if place == length else replace(part, closes=False))
    return passage.entity(kind, run.digits, *parts)


def find_extension(passage: Passage, i: int) -> Entity | None:
    """“x four five” behind a phone number as `x45`."""
    if passage.text(i) != "x" or not passage.follows(i) or not passage.follows(i + 1):
        return None
    run = read_run(passage, i + 1)
    before = sum(len(atom.digits) for atom in passage.atoms[max(0, i - _LONGEST_PHONE) : i])
    if run is None or not 2 <= len(run.digits) <= 6 or before < 7 or passage.digits_at(i - 1) is None:
        return None
    return passage.single("digits", run.digits, i, run.end, f"x{run.digits}")


_LONGEST_PHONE = 12
"""Atoms of a phone number."""


def find_plus_phone(passage: Passage, i: int) -> Entity | None:
    """“plus four four two oh …”, `+44 20 7946 0958`, `plus 442-079-460-958`."""
    digits, end = "".join(filter(str.isdigit, passage.text(i))), i + 1
    more = read_run(passage, end) if passage.follows(end) else None
    if more is not None and len(digits) <= _LONGEST_COUNTRY:
        digits, end = digits + more.digits, more.end
    if not 10 <= len(digits) <= 15 or digits[0] == "0":
        return None
    return passage.single("phone_number", digits, i, end, "+" + international_groups(digits))


_LONGEST_COUNTRY = 4
"""Digits of a country's code, and of what a model may have written together with it."""


def international_groups(digits: str) -> str:
    """The country code and the groups of the numbers that our users say most; others in one run."""
    for code, shapes in _SHAPES.items():
        groups = shapes.get(len(digits) - len(code)) if digits.startswith(code) else None
        if groups is not None:
            rest, written = digits[len(code) :], [code]
            for size in groups:
                written.append(rest[:size])
                rest = rest[size:]
            return " ".join(written)
    return digits


_SHAPES: dict[str, dict[int, tuple[int, ...]]] = {
    "1": {10: (3, 3, 4)},
    "44": {10: (2, 4, 4)},
    "33": {9: (1, 2, 2, 2, 2)},
    "34": {9: (3, 3, 3)},
    "61": {9: (1, 4, 4)},
    "91": {10: (5, 5)},
}
