"""Where a final of a live stream ends inside an entity: a run of digits, a date, a mail address.

Pure, English. What is open is held back until it is known how it goes on, so that a card said with pauses is
one card and not four numbers.
"""

from ringback.features.amounts import CURRENCIES, is_written_money
from ringback.features.cues import cue_before
from ringback.features.dates import DOUBTFUL_MONTHS
from ringback.features.identifiers import phone_text
from ringback.features.internet import MAIL_CUES
from ringback.features.numbers import AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Entity
from ringback.features.spelled import asks_for_letters, is_letter, is_prefix
from ringback.features.vocabulary import MONTHS, words

_MAIL = words("email e-mail mail gmail inbox")
_NUMBERS = frozenset(AtomKind) - {AtomKind.OTHER, AtomKind.LETTER}
_PREFIXES = words("minus negative plus double triple")
"""Words that begin a number, or join its digits."""
_JOINERS = words("dash hyphen dot underscore slash colon point")
"""Words that stand between two pieces of one entity."""
_COMPLETE = words("email_address url ip_address percent ordinal")
_BEFORE_MONTHS = words("on in by since until till from before after this last next due")
_LONGEST_TAIL = 60
"""Atoms that are looked at from the end."""


def open_atom(passage: Passage, last: Entity | None) -> int:
    """The first atom of the open tail; the number of atoms: none is open. `last`: the last entity."""
    end = len(passage.atoms)
    if last is not None and last.end == len(passage.words) and _is_complete(passage, last):
        return end
    first = end
    while first > max(0, end - _LONGEST_TAIL) and _belongs(passage, first - 1, first == end):
        first -= 1
    while first < end and not passage.atoms[first].first:
        first -= 1
    return first


def _is_complete(passage: Passage, entity: Entity) -> bool:
    count = len(entity.digits)
    if entity.kind == "ssn":
        return count == 9
    if entity.kind == "credit_card":
        return count >= 16 or (count == 15 and entity.digits.startswith(("34", "37")))
    if entity.kind == "phone_number":
        return count >= 10 and phone_text(entity.digits) is not None
    if entity.kind in ("date", "dob"):
        # "March third twenty twenty" may go on: "two".
        return count >= 4 and passage.kind(len(passage.atoms) - 1) is not AtomKind.TENS
    if entity.kind == "time":
        return bool(entity.smart) and (entity.smart[-1].text or "").endswith("M")
    return entity.kind in _COMPLETE


def _is_month(passage: Passage, i: int) -> bool:
    """Whether “may” or the like is the month: by the word before, or by a capital inside a sentence."""
    word = passage.words[passage.atoms[i].word]
    inside = i > 0 and not passage.atoms[i - 1].stop
    return passage.previous(i) in _BEFORE_MONTHS or (inside and word.text[:1].isupper())


def _belongs(passage: Passage, i: int, is_last: bool) -> bool:
    """Whether atom `i` may be part of an entity that reaches to the end, all atoms behind it being so."""
    text, kind = passage.text(i), passage.kind(i)
    behind = passage.text(i + 1)
    if kind is AtomKind.OH and text == "oh":
        return not is_last or passage.kind(i - 1) in _NUMBERS
    if kind in _NUMBERS or text in _PREFIXES or text in MONTHS or is_written_money(text):
        if text in DOUBTFUL_MONTHS and _is_month(passage, i):
            return True
        return not (is_last and (text in DOUBTFUL_MONTHS or text in ("first", "second", "plus")))
    if text in _JOINERS:
        return i > 0 and not (is_last and text in ("point", "slash"))
    if is_letter(passage, i):
        spelled = is_letter(passage, i - 1) or passage.kind(i - 1) in _NUMBERS
        alone = text in ("a", "i") and not (spelled or (not is_last and is_letter(passage, i + 1)))
        return not alone or (is_last and asks_for_letters(passage, i))
    if text in CURRENCIES or text in ("and", "to", "or", "hundred"):  # “forty to”: dollars are still to come
        return passage.kind(i - 1) in _NUMBERS or (text == "and" and passage.text(i - 1) in CURRENCIES)
    if text == "at":
        return passage.cue(i, MAIL_CUES, 8)
    if is_prefix(passage, i):
        return 1 <= cue_before(passage, i)[1] <= 3 if is_last else passage.kind(i + 1) in _NUMBERS
    if is_last:
        return _goes_on(passage, i)
    return behind in _JOINERS - {"point", "colon"} or behind == "at"


def _goes_on(passage: Passage, i: int) -> bool:
    """Whether the last word is a part of an address: behind a said “dot”, or behind “at” and a word for
    mail."""
    before = passage.text(i - 1)
    return before in ("dot", "underscore") or (before == "at" and passage.cue(i, _MAIL))
