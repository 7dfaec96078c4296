"""Times of day: “three thirty p m”, “ten o'clock”, `at 3.30`, `9am`. Pure, English.

An AM or PM is written where it was said, and nowhere else.
"""

import re
from dataclasses import dataclass, replace

from ringback.features.measures import measure_symbol
from ringback.features.numbers import Atom, AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Entity
from ringback.features.vocabulary import words

_AT = words("at by from until till before after around between about to and through")
_TIME_CUES = words(
    "time alarm standup opens open opened starts start started begins closes close leaves leave departs "
    "arrives meeting appointment  scheduled lunch dinner breakfast o'clock am pm noon"
)
_HALVES = {"am": "AM", "pm": "PM"}
_SPELLED = {("a", "m"): "AM", ("p", "m"): "PM", ("ay", "em"): "AM", ("pee", "em"): "PM"}
_WRITTEN = re.compile(r"(\d{1,2})(?:[:.](\d\d))?(am|pm|a\.m|p\.m)?")
_COUNTED = words("percent per dollars dollar cents euros pounds a an times each points point degrees")
_PHRASE_ENDS = words(
    "in on for with and to until till or but tomorrow today tonight yesterday every sharp at please "
    "because so if when this next monday tuesday wednesday thursday friday saturday sunday from each then"
)


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """An hour and what was said with it; `end` is the atom behind them."""

    hour: str
    end: int
    minute: str = ""
    half: str = ""
    """AM or PM."""

    @property
    def digits(self) -> str:
        return self.hour + self.minute

    @property
    def text(self) -> str:
        hour = self.hour.removeprefix("0") if self.half else self.hour
        clock = f"{hour}:{self.minute}" if self.minute else hour
        return f"{clock} {self.half}" if self.half else clock


def find_time(passage: Passage, i: int) -> Entity | None:
    """A time of day that begins at atom `i`."""
    clock = _read_clock(passage, i)
    if clock is None:
        return None
    if not clock.half:
        clock = _with_half(passage, clock)
    end = clock.end
    if clock.half:
        is_time = 1 <= int(clock.hour) <= 12
    elif passage.text(end) == "o'clock" and passage.follows(end) and not clock.minute:
        return passage.single("time", clock.digits, i, end + 1, f"{clock.hour}:00")
    else:
        is_time = bool(clock.minute) and _is_bare_time(passage, i, clock)
    return passage.single("time", clock.digits, i, end, clock.text) if is_time else None


def _with_half(passage: Passage, clock: TimeOfDay) -> TimeOfDay:
    """With the AM or PM behind it: `am`, `p.m.`, “a m”, “ay em”."""
    i = clock.end
    if not passage.follows(i):
        return clock
    if half := _HALVES.get(passage.text(i)):
        return replace(clock, half=half, end=i + 1)
    spelled = _SPELLED.get((passage.text(i), passage.text(i + 1))) if passage.follows(i + 1) else None
    return clock if spelled is None else replace(clock, half=spelled, end=i + 2)


def _read_clock(passage: Passage, i: int) -> TimeOfDay | None:
    """An hour, with its minute if one is said; AM or PM only where it is of the same word: `9am`."""
    atom = passage.atoms[i]
    if atom.kind in (AtomKind.WRITTEN, AtomKind.NUMBER):
        return _read_written(atom, i)
    if atom.kind is AtomKind.DIGITS:
        return _read_clock_digits(passage, atom, i)
    hour = _read_hour(passage, i)
    if hour is None:
        return None
    value, end = hour
    if passage.kind(end) is AtomKind.HUNDRED and passage.follows(end):
        said = passage.follows(end + 1) and passage.text(end + 1) == "hours"
        return TimeOfDay(f"{value:02d}", end + 1, "00") if said else None
    minute, after = _read_parted_minute(passage, i, end) or _read_minute(passage, end)
    if passage.kind(i) in (AtomKind.OH, AtomKind.ZERO):
        hours = passage.follows(after) and passage.text(after) == "hours"
        said = bool(minute) and (hours or (passage.previous(i) == "at" and _phrase_ends(passage, after)))
        return TimeOfDay(f"{value:02d}", after, minute) if said else None
    return TimeOfDay(str(value), after, minute)


def _read_hour(passage: Passage, i: int) -> tuple[int, int] | None:
    """A spoken hour from 0 to 23, and its end: “nine”, “sixteen”, “twenty two”, “oh six”."""
    atom = passage.atoms[i]
    if atom.kind in (AtomKind.OH, AtomKind.ZERO):
        unit = passage.kind(i + 1) is AtomKind.UNIT and passage.follows(i + 1)
        return (passage.atoms[i + 1].value, i + 2) if unit else None
    if atom.kind in (AtomKind.UNIT, AtomKind.TEEN):
        return atom.value, i + 1
    if atom.kind is not AtomKind.TENS or atom.value != 20:
        return None
    if passage.kind(i + 1) is AtomKind.UNIT and passage.follows(i + 1) and passage.atoms[i + 1].value <= 3:
        return 20 + passage.atoms[i + 1].value, i + 2
    return 20, i + 1


def _read_written(atom: Atom, i: int) -> TimeOfDay | None:
    match = _WRITTEN.fullmatch(atom.text)
    if match is None or int(match[1]) > 23 or int(match[2] or 0) > 59:
        return None
    half = (match[3] or "").replace(".", "")
    return TimeOfDay(match[1], i + 1, match[2] or "", _HALVES.get(half, ""))


def _read_clock_digits(passage: Passage, atom: Atom, i: int) -> TimeOfDay | None:
    if len(atom.text) <= 2 and atom.value <= 23:
        minute, end = _read_parted_minute(passage, i, i + 1) or _read_minute(passage, i + 1)
        return TimeOfDay(atom.text, end, minute)
    if len(atom.text) in (3, 4) and int(atom.text[:-2]) <= 23 and int(atom.text[-2:]) <= 59:
        return TimeOfDay(atom.text[:-2], i + 1, atom.text[-2:])
    return None


def _read_minute(passage: Passage, i: int) -> tuple[str, int]:
    """Two digits of a minute, 00 to 59, and their end; empty where none are said."""
    return _minute_at(passage, i) if passage.follows(i) else ("", i)


def _minute_at(passage: Passage, i: int) -> tuple[str, int]:
    if i >= len(passage.atoms):
        return "", i
    atom = passage.atoms[i]
    if atom.kind in (AtomKind.OH, AtomKind.ZERO) and passage.follows(i + 1):
        following = passage.atoms[i + 1]
        return (f"0{following.value}", i + 2) if following.kind is AtomKind.UNIT else ("", i)
    if atom.kind is AtomKind.DIGITS and len(atom.text) == 2 and atom.value <= 59:
        return atom.text, i + 1
    if atom.kind in (AtomKind.TEEN, AtomKind.TENS):
        number = passage.number_at(i)
        if number is not None and not number.ordinal and 10 <= number.whole <= 59 and not number.fraction:
            return str(number.whole), number.end
    return "", i


def _read_parted_minute(passage: Passage, hour: int, i: int) -> tuple[str, int] | None:
    """The minute of `10, 15 a.m.`, “ten, fifteen a.m.”: behind a comma only where an AM or PM follows, and
    not in a list of hours: `9, 10, 11 a.m.`"""
    listed = hour > 0 and passage.atoms[hour - 1].stop == "," and passage.number_at(hour - 1) is not None
    if listed or passage.atoms[i - 1].stop != "," or _is_next_hour(passage, hour, i):
        return None
    minute, end = _minute_at(passage, i)
    return (minute, end) if minute and _with_half(passage, TimeOfDay("", end)).half else None


def _is_next_hour(passage: Passage, hour: int, i: int) -> bool:
    """“nine, ten a.m.”: two hours, not 9:10."""
    spoken = passage.kind(hour) in (AtomKind.UNIT, AtomKind.TEEN) and passage.kind(i) is AtomKind.TEEN
    value = passage.atoms[i].value if spoken else 0
    return value <= 12 and value == passage.atoms[hour].value + 1


def _is_bare_time(passage: Passage, i: int, clock: TimeOfDay) -> bool:
    """Whether a bare hour and minute is a time: behind “at” and the like, or a word for a time."""
    hour, end = int(clock.hour), clock.end
    if passage.follows(end) and passage.text(end) == "hours":
        return True
    if ":" in passage.text(i):
        return True
    if _begins_range(passage, end):
        return True
    previous = passage.previous(i)
    if passage.kind(i) is AtomKind.NUMBER:  # 3.30 is a number everywhere else
        return previous == "at" and not _is_measured(passage, end)
    if passage.follows(end) and (
        passage.kind(end) not in (AtomKind.OTHER, AtomKind.WRITTEN, AtomKind.LETTER)
        or passage.digits_at(end) is not None
    ):
        return False
    if passage.kind(i) is AtomKind.DIGITS and len(passage.text(i)) > 2:
        return previous == "at" and _phrase_ends(passage, end) and passage.text(i)[-1] in "05"
    if hour > 12 or hour == 0:
        return previous == "at" or (previous in ("leaves", "departs", "arrives", "until") and hour < 20)
    return previous in _AT or passage.cue(i, _TIME_CUES, 4)


def _begins_range(passage: Passage, end: int) -> bool:
    """“nine thirty to ten a m”: the other end leaves no doubt."""
    if passage.text(end) not in ("to", "till", "until", "-", "–") or not passage.follows(end + 1):
        return False
    other = _read_clock(passage, end + 1)
    return other is not None and bool(other.half or _with_half(passage, other).half)


def _phrase_ends(passage: Passage, i: int) -> bool:
    return not passage.follows(i) or passage.text(i) in _PHRASE_ENDS


def _is_measured(passage: Passage, i: int) -> bool:
    """Whether what follows shows a quantity: “at 3.30 percent”, “at 3.30 dollars”, “at 3.30 a share”."""
    if not passage.follows(i):
        return False
    counted = passage.text(i) in _COUNTED or passage.kind(i) is AtomKind.SCALE
    return counted or measure_symbol(passage, i) is not None
