"""Ranges that the model wrote as one word: `$40-50`, `9-10am`, `40-50 dollars`, `June 3-5`. Pure, English.

They stay as they are written; they are found so that both ends of them can be reported and redacted.
"""

import re

from ringback.features.amounts import CURRENCIES
from ringback.features.cues import cue_before
from ringback.features.numbers import AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Entity
from ringback.features.vocabulary import MONTHS

_NUMBER = r"[$€£¥₹]?([0-9][0-9,]{,14})(?:[.:][0-9]{1,4})?(?:%|[ap]\.?m|[kmb])?"
_RANGE = re.compile(f"{_NUMBER}[-–—]{_NUMBER}")
_MONEY = re.compile(r"[$€£¥₹]")
_TIME = re.compile(r":\d\d|\d[ap]\.?m")
_MOST_YEARS = 100


def find_written_range(passage: Passage, i: int) -> Entity | None:
    """The range in the word of atom `i`, or of the one behind a month; with the unit behind it."""
    at = i + 1 if passage.text(i) in MONTHS and passage.follows(i + 1) else i
    ends = _RANGE.fullmatch(passage.text(at)) if passage.kind(at) in _WRITTEN else None
    kind, end = _kind(passage, i, at, ends) if ends is not None else ("", at)
    digits = "".join(character for character in passage.text(at) if character.isdigit())
    return passage.single(kind, digits, i, end, None) if kind else None


_WRITTEN = (AtomKind.GROUPS, AtomKind.WRITTEN)


def _kind(passage: Passage, i: int, at: int, ends: re.Match[str]) -> tuple[str, int]:
    """What it is a range of, and its end; empty: of nothing that is said."""
    text, behind = passage.text(at), at + 1
    low, high = (int(group.replace(",", "")) for group in ends.groups())
    scaled = behind + 1 if passage.follows(behind) and passage.kind(behind) is AtomKind.SCALE else behind
    if passage.follows(scaled) and passage.text(scaled) in CURRENCIES:
        return "money", scaled + 1
    if _MONEY.search(text):
        return "money", scaled
    if text.endswith("%"):
        return "percent", behind
    if passage.follows(behind) and passage.text(behind) == "percent":
        return "percent", behind + 1
    if passage.follows(behind) and passage.text(behind) in ("am", "pm", "o'clock"):
        return "time", behind + 1
    if _TIME.search(text):
        return "time", behind
    if at > i:
        return ("date", behind) if 1 <= low < high <= 31 else ("", at)
    years = 1500 <= low < high < 2100 and high - low <= _MOST_YEARS
    return ("date", behind) if years and not cue_before(passage, i)[0] else ("", at)
