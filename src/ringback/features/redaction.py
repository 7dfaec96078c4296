"""What `redact` hides (https://developers.deepgram.com/docs/redaction). Pure.

Recognisers drop digits, double them and mishear the words before them. So no check digit and no exact length
is needed to hide something: the number of digits, and the cues before them, say what they may be, and
whatever an asked type may own is hidden. Where several may own it, the nearest cue names the label.

| type | without a cue | behind its cue (within 8 words, another channel's too) |
|---|---|---|
| credit_card | 12 digits or more | 8 or more |
| ssn | 9 | 4, or 7 to 11 |
| phone_number | 7, 10 or 11 | 7 to 13 |
| cvv | – | 2 to 4 |
| credit_card_expiration | – | 3 to 8, or a date |
| dob | – | 4 to 8, or a date |
| other numbers | 6 or more (numerical_pii) | see `_BEHIND_CUE` |

`numbers` hides any three digits in a row besides, `aggressive_numbers` every numeral.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from ringback.features.edits import Range
from ringback.features.numbers import VOCABULARY, AtomKind, atoms_of
from ringback.features.ranges import is_range, is_shared, phrase_ends
from ringback.features.redaction_cues import Cues
from ringback.features.spans import Entity
from ringback.features.vocabulary import words as word_set
from ringback.listen.entity_types import RedactionTypes
from ringback.transcript import NamedSpan, Word, overlap

UNNAMED = "[REDACTED]"
"""The label of digits that were caught by their number alone, and of everything in results that may
change."""

SHORTEST_RUN = 3
"""Digits in a row that `numbers` hides whatever they are."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """`words[first:end]` are to be hidden; `kind` None: by the number of their digits alone."""

    first: int
    end: int
    kind: str | None


class Labels:
    """The labels of one request or stream: `[SSN_1]`, then `[SSN_2]`; asked for in order of time."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def next(self, kind: str | None) -> str:
        """The label for the next one of this type."""
        if kind is None:
            return UNNAMED
        self._given[kind] += 1
        return f"[{kind.upper()}_{self._given[kind]}]"


def find_hidden(
    words: Sequence[Word],
    entities: Sequence[Entity],
    names: Sequence[NamedSpan],
    requested: RedactionTypes,
    cues: Cues,
    *,
    settled: bool = True,
) -> tuple[Hidden, ...]:
    """What is to be hidden, in order and without overlap. Not `settled`: in a result that may change, any
    three digits are hidden that a requested type might come to own."""
    if not requested:
        return ()
    stricter = requested if settled else replace(requested, runs=requested.runs or requested.numeric)
    found = [Hidden(span.first, span.end, span.kind) for span in names if requested.covers(span.kind)]
    if requested.covers("age"):
        found += [Hidden(i, i + 1, "age") for i, word in enumerate(words) if _is_age_in_itself(word.bare)]
    runs = list(_runs(words, entities))
    judge = partial(_judge, words=words, requested=stricter, cues=cues, ages=_ages(runs, words))
    for run in runs:
        whole = judge(run)
        # Two dates that touch may look like a card: if no card is asked for, they are dates all the same.
        parts = [judge(part) for part in run.parts] if whole is None else [whole]
        found += [hidden for hidden in parts if hidden is not None]
    return tuple(_merged(found))


def hide(entities: Sequence[Entity], hidden: Sequence[Hidden], labels: Sequence[str]) -> tuple[Entity, ...]:
    """The entities in order, each that a hidden span touches in its place a label; `labels`: one per span."""
    visible = [each for each in entities if not any(overlap(each, span) for span in hidden)]
    marked = [
        Entity(span.first, span.end, span.kind or "", "", label=label)
        for span, label in zip(hidden, labels, strict=True)
    ]
    return tuple(sorted([*visible, *marked], key=lambda entity: entity.first))


# What may own how many digits behind its cue.
_BEHIND_CUE = {
    "credit_card": range(8, 1_000),
    "cvv": range(2, 5),
    "credit_card_expiration": range(3, 9),
    "ssn": (4, *range(7, 12)),
    "phone_number": range(7, 14),
    "account_number": range(4, 25),
    "bank_account": range(4, 35),
    "routing_number": range(6, 12),
    "passport_number": range(5, 13),
    "driver_license": range(4, 16),
    "healthcare_number": range(5, 16),
    "vehicle_id": range(2, 18),
    "password": range(3, 17),
    "dob": range(4, 9),
    "location_zip": range(4, 10),
    "location_coordinate": range(2, 20),
    "age": range(1, 4),
}
_LONGEST_AGE = 3

_PLAIN = word_set(
    "digits cardinal phone_number credit_card ssn account_number location_zip numerical_pii cvv "
    "bank_account routing_number credit_card_expiration passport_number password vehicle_id "
    "healthcare_number driver_license"
)
"""Kinds that are digits one after the other: two that touch may be one number."""

_BETWEEN = word_set("and then uh um er dash hyphen space so okay ok yes yeah")
"""What people say between the groups of one number."""

_GROUP = (3, 4)
"""Digits of a group of a phone number or a card."""


@dataclass(frozen=True, slots=True)
class _Run:
    first: int
    end: int
    kind: str
    digits: str
    parts: tuple["_Run", ...] = ()
    """Those that were taken for one number; none: it is one itself."""


def _runs(words: Sequence[Word], entities: Sequence[Entity]) -> Iterator[_Run]:
    """The entities, those of one number as one; and every digit that none of them covers."""
    current: _Run | None = None
    for run in _with_uncovered(words, _with_ibans(words, entities)):
        if current is not None and _is_one_number(words, current, run):
            parts = (*(current.parts or (current,)), run)
            current = _Run(current.first, run.end, "digits", current.digits + run.digits, parts)
            continue
        if current is not None:
            yield current
        current = run
    if current is not None:
        yield current


def _is_one_number(words: Sequence[Word], run: _Run, following: _Run) -> bool:
    if not (_is_plain(words, run) and _is_plain(words, following)):
        return False
    between = words[run.end : following.first]
    if len(between) > 2 or any(word.bare not in _BETWEEN for word in between):
        return False
    if any(word.bare == "and" for word in between) and _is_counted_on(words, run, following):
        return False  # "between one hundred and two hundred", but "617 and 555 4987"
    # "It was in 2019. Three of us …", but also "4539. 1488." and "4. 5. 3. 9."
    ends = words[following.first - 1].text.endswith((".", "?", "!"))
    return not ends or len(following.digits) >= 2 or len(words[run.end - 1].bare) == 1


def _is_counted_on(words: Sequence[Word], run: _Run, following: _Run) -> bool:
    """Whether one of them is a number of its own: both are, or one is too short or too large for a group."""
    numbers = [each for each in (run, following) if each.kind == "cardinal"]
    return len(numbers) == 2 or any(
        len(number.digits) not in _GROUP or _is_value(number, words) for number in numbers
    )


def _is_plain(words: Sequence[Word], run: _Run) -> bool:
    if run.kind == "time" and SHORTEST_RUN <= len(run.digits) == run.end - run.first:
        return True  # "four zero one"
    written = all(any(c.isdigit() for c in word.text) for word in words[run.first : run.end])
    return run.kind in _PLAIN or (written and run.kind in {"date", "time"})


def _with_ibans(words: Sequence[Word], entities: Sequence[Entity]) -> list[_Run]:
    runs = [_Run(each.first, each.end, each.kind, each.digits) for each in entities]
    for iban in _ibans(words):
        runs = [run for run in runs if not overlap(run, iban)] + [iban]
    return sorted(runs, key=lambda run: run.first)


def _ibans(words: Sequence[Word]) -> Iterator[_Run]:
    """International bank account numbers, together or in groups: two letters, two digits, 11 more or so."""
    at = 0
    while at < len(words):
        end, text = at, ""
        if _IBAN_BEGINS.match(words[at].text):
            while end < len(words) and _IBAN_GROUP.fullmatch(group := words[end].text.strip(".,?!")):
                text += group
                end += 1
        if len(text) >= _SHORTEST_IBAN:
            yield _Run(at, end, "bank_account", re.sub(r"\D", "", text))
        at = max(end, at + 1)


_IBAN_BEGINS = re.compile(r"[A-Z]{2}[0-9]{2}")
_IBAN_GROUP = re.compile(r"[A-Z0-9]+")
_SHORTEST_IBAN = 14


def _with_uncovered(words: Sequence[Word], runs: Sequence[_Run]) -> Iterator[_Run]:
    """The runs, and a run for each other word that is or holds digits: no grammar foresees everything."""
    said = _digits_said(words)
    at = 0
    for run in [*runs, _Run(len(words), len(words), "", "")]:
        for index in range(at, run.first):
            if digits := said.get(index):
                yield _Run(index, index + 1, "digits", digits)
        if run.kind:
            yield run
        at = max(at, run.end)


def _digits_said(words: Sequence[Word]) -> dict[int, str]:
    """By word: the digits in it, written or as a number below a hundred."""
    said: dict[int, str] = {}
    for atom in atoms_of(words):
        digits = "" if atom.kind is AtomKind.ORDINAL else atom.digits
        if digits:
            said[atom.word] = said.get(atom.word, "") + digits
    return said


def _judge(
    run: _Run, words: Sequence[Word], requested: RedactionTypes, cues: Cues, ages: Container[Range]
) -> Hidden | None:
    for kind in _possible_types(run, words, cues.of(run.first, words[run.first].start), ages):
        if requested.covers(kind):
            return Hidden(run.first, run.end, kind)
    if requested.runs and len(run.digits) >= SHORTEST_RUN:
        return Hidden(run.first, run.end, None)
    if requested.numerals and run.digits and not _may_be_a_pronoun(run, words):
        return Hidden(run.first, run.end, None)
    return None


def _may_be_a_pronoun(run: _Run, words: Sequence[Word]) -> bool:
    """“no one”, “oh”"""
    return run.end - run.first == 1 and words[run.first].bare in {"one", "oh", "o"}


def _possible_types(
    run: _Run, words: Sequence[Word], cues: Sequence[str], ages: Container[Range]
) -> Iterator[str]:
    """What the run may be, the likeliest first."""
    count = len(run.digits)
    plain = _is_plain(words, run)
    for cue in cues:
        if count not in _BEHIND_CUE[cue]:
            continue
        if plain or (run.kind == "date" and cue in {"dob", "credit_card_expiration"}):
            yield cue
    if plain and (run.first, run.end) in ages:
        yield "age"
    yield run.kind
    if not plain or _is_value(run, words):
        return
    if count >= 12:
        yield "credit_card"
    if count == 9:
        yield "ssn"
    if count in {7, 10, 11}:
        yield "phone_number"
    if count >= 6:
        yield "numerical_pii"


def _is_value(run: _Run, words: Sequence[Word]) -> bool:
    """“1,200,000” and “two hundred thousand” are amounts, whatever the number of their digits."""
    covered = words[run.first : run.end]
    return run.kind == "cardinal" and any(
        word.bare in _SCALES or _THOUSANDS.fullmatch(word.bare) for word in covered
    )


_SCALES = word_set("hundred thousand million billion trillion")
_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")


def _ages(runs: Sequence[_Run], words: Sequence[Word]) -> set[Range]:
    """The words of each age; of “thirty to forty years old” both ends are one."""
    numbers = [number for run in runs for number in run.parts or (run,) if _may_be_age(number, words)]
    ages = {(run.first, run.end) for run in runs if _may_be_age(run, words) and _is_age(run, words)}
    ages |= {(each.first, each.end) for each in numbers if _is_age(each, words)}
    for one, other in reversed(list(pairwise(numbers))):
        if (other.first, other.end) in ages and is_shared(words, one, other):
            ages.add((one.first, one.end))
    for one, other in pairwise(numbers):
        if (one.first, one.end) in ages and is_range(words, one, other) and phrase_ends(words, other.end):
            ages.add((other.first, other.end))
    return ages


def _may_be_age(run: _Run, words: Sequence[Word]) -> bool:
    """By how many digits it has, or each end of `30-40`."""
    written = [group for word in words[run.first : run.end] for group in _DIGITS.findall(word.text)]
    ends = written if len(written) == 2 and run.end == run.first + 1 else [run.digits]
    return all(1 <= len(end) <= _LONGEST_AGE for end in ends)


def _is_age(run: _Run, words: Sequence[Word]) -> bool:
    behind = " ".join(word.bare for word in words[run.end : run.end + 3])
    before = words[run.first - 1].bare if run.first else ""
    return _YEARS_OLD.match(behind) is not None or before in _TURNED


def _is_age_in_itself(bare: str) -> bool:
    """`6-year-old`, “twenty-five-year-old”."""
    age = _YEAR_OLD.fullmatch(bare)
    return age is not None and all(
        piece in VOCABULARY or (piece.isdigit() and len(piece) <= _LONGEST_AGE) for piece in age[1].split("-")
    )


_YEAR_OLD = re.compile(r"(.+)-(?:year|month|week)s?-olds?")
_DIGITS = re.compile("[0-9]+")
_YEARS_OLD = re.compile(r"((years?|months?|weeks?)[ -](old|of age)|y/o)\b")
_TURNED = word_set("turn turned turning turns")


def _merged(found: Sequence[Hidden]) -> Iterator[Hidden]:
    """Overlapping spans as one, under the type of the longer one."""
    current: Hidden | None = None
    for span in sorted(found, key=lambda each: (each.first, -each.end)):
        if current is not None and span.first < current.end:
            longer = max(current, span, key=lambda each: each.end - each.first)
            current = Hidden(current.first, max(current.end, span.end), longer.kind)
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def number_open_from(words: Sequence[Word], entities: Sequence[Entity]) -> int:
    """The first word of a number that the words end in; the number of words: they end in none. For a live
    stream, where the rest of it may follow: no length says that a card is complete."""
    last = len(words)
    while last and words[last - 1].bare in _BETWEEN:
        last -= 1
    runs = [run for run in _runs(words, entities) if run.end >= last and _is_plain(words, run)]
    return runs[-1].first if runs else len(words)
