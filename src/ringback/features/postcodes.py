"""British and Canadian postcodes, spelled or in groups: “s w one a one a a”, `K1A-0B1`. Pure, English."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ringback.features.cues import cue_before
from ringback.features.numbers import AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Entity, Part
from ringback.features.spelled import letter_at
from ringback.features.vocabulary import words

_SHORTEST, _LONGEST = 5, 8
"""Characters: of the shortest postcode, and one more than of the longest."""
_OH = "°"
"""An “oh”: the letter or a zero, as the place it stands in has it."""
_AREAS = words(
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN "
    "EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK "
    "ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA "
    "TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE"
)
_BRITISH = re.compile(f"([A-Z{_OH}]{{1,2}})((?:[0-9{_OH}]{{1,2}}|[0-9][A-Z])[0-9{_OH}])([A-Z]{{2}})")
_CANADIAN = re.compile(f"([ABCEGHJ-NPRSTVXY])([0-9{_OH}])([A-Z])([0-9{_OH}])([A-Z])([0-9{_OH}])")


def find_postcode(passage: Passage, i: int) -> Entity | None:
    """A postcode that begins at atom `i`, in its two halves."""
    if passage.text(i) == "oh" or passage.kind(i) not in _BEGINNINGS:
        return None
    text, ends = _spelled(passage, i)
    for length in sorted(ends, reverse=True):
        halves = _halves(text[:length]) if length >= _SHORTEST else None
        if halves is not None and _is_meant(passage, i, ends[length]):
            return _entity(passage, ends, halves)
    return None


_BEGINNINGS = (AtomKind.LETTER, AtomKind.OH, AtomKind.WRITTEN, AtomKind.OTHER)


def _spelled(passage: Passage, i: int) -> tuple[str, dict[int, int]]:
    """Letters and digits from atom `i` on, and behind how many of them which atom begins."""
    text, end = "", i
    ends = {0: i}
    while end < len(passage.atoms) and len(text) < _LONGEST:
        piece = _piece(passage, end)
        if piece is None or (text and passage.atoms[end - 1].stop not in ("", ",", "-")):
            break
        text, end = text + piece[0], piece[1]
        if text[0].isdigit() or (text[:3].isalpha() and len(text) > 2):
            break  # no postcode begins with a digit or with three letters
        ends[len(text)] = end
    return text, ends


def _piece(passage: Passage, i: int) -> tuple[str, int] | None:
    if passage.kind(i) is AtomKind.OH:
        return _OH, i + 1
    letter = letter_at(passage, i)
    if letter is not None:
        return letter, i + 1
    written = passage.text(i).replace("-", "")
    looks_ordinal = passage.kind(i) is AtomKind.ORDINAL and written[0].isdigit()  # `E1 2ND`
    if (looks_ordinal or passage.kind(i) is AtomKind.WRITTEN) and written.isascii() and written.isalnum():
        return written.upper(), i + 1
    return passage.digits_at(i)


def _halves(text: str) -> tuple[str, str] | None:
    if match := _CANADIAN.fullmatch(text):
        whole = "".join(match.groups()).replace(_OH, "0")
        return whole[:3], whole[3:]
    match = _BRITISH.fullmatch(text)
    if match is None:
        return None
    area, digits = match[1].replace(_OH, "O"), match[2].replace(_OH, "0")
    return (area + digits[:-1], digits[-1] + match[3]) if area in _AREAS else None


def _is_meant(passage: Passage, i: int, end: int) -> bool:
    """One word that has the shape by chance (`B338TH`) is a postcode only where one is asked for."""
    return passage.is_whole(i, end) and (end > i + 1 or cue_before(passage, i)[0] == "location_zip")


def _entity(passage: Passage, ends: Mapping[int, int], halves: Sequence[str]) -> Entity | None:
    """A word for each half, if an input word begins with the second; otherwise one over both."""
    lengths = (0, len(halves[0]), len("".join(halves)))
    digits = "".join(character for character in "".join(halves) if character.isdigit())
    if lengths[1] not in ends or not passage.is_whole(ends[0], ends[lengths[1]]):
        return passage.single("location_zip", digits, ends[0], ends[lengths[2]], " ".join(halves))
    parts: list[Part] = [
        passage.part(ends[first], ends[end], half)
        for half, (first, end) in zip(halves, pairwise(lengths), strict=True)
    ]
    return passage.entity("location_zip", digits, replace(parts[0], closes=False), parts[1])
