"""Host names as they are said and written: “help dash desk dot co dot uk”, `Acme.com`. Pure, English."""

import re
from dataclasses import dataclass

from ringback.features.numbers import SCALES, AtomKind
from ringback.features.passage import Passage
from ringback.features.vocabulary import words

_TLDS = words(
    "com org net edu gov mil int io co dev app ai biz info store shop tech online site me tv us uk de fr "
    "es it nl ca au in jp cn ru br eu ch at be se no dk fi pl pt ie nz za mx xyz cloud news blog health "
    "club live fm ly gg"
)
_ALSO_WORDS = words(
    "in me us it at be no is so to de live news store shop online health club site blog cloud"
)
"""Top-level domains that are common words: only where a word for a web site, or a mailbox, stands before."""
_SITE_CUES = words("visit go website site url link domain www http https browse address page see try shop")
LONGEST_NAME = 40
"""Atoms of a host name, a mailbox or a path; spelled letters are one each."""
JOINERS = {
    "dot": ".",
    ".": ".",
    "dash": "-",
    "hyphen": "-",
    "-": "-",
    "underscore": "_",
    "plus": "+",
    "+": "+",
}
_WRITTEN_DOMAIN = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/\S*)?")
_WRITTEN_URL = re.compile(
    r"(?:https?://|ftp://|www\.)\S+|(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|io|co|dev|app|ai|biz|info)(?:\.[a-z]{2})?(?:/\S*)?"
)


@dataclass(frozen=True, slots=True)
class HostName:
    """A host name in `atoms[first:end]`, as it is written."""

    first: int
    end: int
    text: str


def read_host(passage: Passage, anchor: int, done: int) -> HostName | None:
    """The host name around atom `anchor`, which does not reach before atom `done`."""
    written = passage.text(anchor)
    if written == "localhost":
        return HostName(anchor, anchor + 1, written)
    if written != "dot":
        if not _WRITTEN_URL.fullmatch(written) and not _is_written_host(passage, anchor):
            return None
        first, text, end = anchor, written, anchor + 1
        if passage.text(first - 1) in ("dash", "hyphen", "dot"):
            joined = _labels_before(passage, first, done)
            first, text = joined[0], joined[1] + text
        return HostName(first, end, text)
    end, tail = _labels_behind(passage, anchor)
    if tail is None:
        return None
    first, head = _labels_before(passage, anchor + 1, done)
    if not head or head.startswith((".", "-")) or head in ("a.", "the.", "one."):
        return None
    if tail in _ALSO_WORDS and not _is_site(passage, first):
        return None
    return HostName(first, end, head + tail)


def _is_written_host(passage: Passage, i: int) -> bool:
    """`example.fr`; `web.de` behind “at”; but not “there.is” of a lost space."""
    text = passage.text(i)
    top_level = text.rpartition(".")[2]
    known = top_level in _TLDS and (top_level not in _ALSO_WORDS or passage.text(i - 1) == "at")
    return known and bool(_WRITTEN_DOMAIN.fullmatch(text))


def in_more_words(passage: Passage, host: HostName, done: int) -> HostName | None:
    """The host name with the words before it as a part: “at the coffee shop dot com”. They begin after “at”
    or “visit”. Which of them belong to the name cannot be decided, so words of the sentence end the
    search."""
    for count in range(1, _MOST_WORDS_BEFORE + 1):
        first = host.first - count
        if first <= done or not _is_of_name(passage, first):
            return None
        if passage.text(first - 1) in _BEFORE_NAMES:
            names = "".join(passage.texts(first, host.first))
            return None if names == "the" else HostName(first, host.end, names + host.text)
    return None


def _is_of_name(passage: Passage, i: int) -> bool:
    text = passage.text(i)
    if text == "the":
        return passage.text(i - 1) in _BEFORE_NAMES and passage.text(i + 1) not in _OF_SENTENCES
    plain = passage.kind(i) is AtomKind.OTHER and text.isascii() and text.isalpha()
    return plain and not passage.atoms[i].stop and text not in _OF_SENTENCES


_MOST_WORDS_BEFORE = 3
_BEFORE_NAMES = ("at", "visit")
_OF_SENTENCES = words(
    "the a an and or but of in on at to for from with by as is are was were be it its this that these those "
    "our my your his her their one we you they i he she us them who which what when where how if so then "
    "not no yes please just also only now new official main old same whole own free online least first last "
    "once work home school noon night site website page url link domain blog address web called named try "
    "see use visit go look check get email mail dot dash sign log"
)


def _is_site(passage: Passage, first: int) -> bool:
    return (
        passage.text(first - 1) == "at" or passage.text(first) == "www" or passage.cue(first, _SITE_CUES, 5)
    )


def _labels_behind(passage: Passage, dot: int) -> tuple[int, str | None]:
    """The labels behind a said dot up to the last that is a top-level domain: “example dot co dot uk”."""
    text, best, i = "", None, dot + 1
    best_end = i
    while passage.follows(i) and i < dot + LONGEST_NAME:
        label, i = _spelled_top_level(passage, i) or _label(passage, i)
        text += label
        if label in _TLDS or (_WRITTEN_DOMAIN.fullmatch(label) and label.rpartition(".")[2] in _TLDS):
            best, best_end = text, i
            if label not in _BEFORE_COUNTRIES:
                break
        if passage.text(i) != "dot" or not passage.follows(i):
            break
        text, i = text + ".", i + 1
    return best_end, best


_BEFORE_COUNTRIES = ("co", "com", "org", "net", "gov", "ac", "edu")
"""Behind these a country may follow: “dot co dot uk”."""


def _spelled_top_level(passage: Passage, i: int) -> tuple[str, int] | None:
    """A top-level domain letter by letter: “dot c o m”."""
    end = i
    while passage.kind(end) in (AtomKind.LETTER, AtomKind.OH) and (end == i or passage.follows(end)):
        end += 1
    text = "".join(passage.texts(i, end))
    return (text, end) if text in _TLDS else None


def _label(passage: Passage, i: int) -> tuple[str, int]:
    """One label of a domain: a word or a number."""
    said = passage.digits_at(i) if passage.kind(i) is not AtomKind.OH else None
    return said or (passage.text(i), i + 1)


def _labels_before(passage: Passage, i: int, done: int) -> tuple[int, str]:
    """The labels that lead to atom `i`, from right to left: `x dot`, `x dash`, spelled letters."""
    text = ""
    done = max(done, i - LONGEST_NAME)
    while i - 2 >= done and not passage.atoms[i - 1].stop and not passage.atoms[i - 2].stop:
        joiner = JOINERS.get(passage.text(i - 1))
        if joiner not in (".", "-"):
            break
        first, label = _label_before(passage, i - 1, done)
        if not label:
            break
        text, i = label + joiner + text, first
    return i, text


def _label_before(passage: Passage, i: int, done: int) -> tuple[int, str]:
    """The label that ends at atom `i`: a word, or letters and digits spelled out, with a word before them."""
    text, first = "", i
    done = max(done, i - LONGEST_NAME)
    while first - 1 >= done and (first == i or not passage.atoms[first - 1].stop):
        kind, said = passage.kind(first - 1), passage.text(first - 1)
        if kind is AtomKind.LETTER or (kind is AtomKind.OH and said == "o"):
            spelled = passage.kind(first - 2) is AtomKind.LETTER or text[:1].isalpha()
            if said in ("a", "i") and text and not spelled:
                break
            text, first = said + text, first - 1
        elif kind in NUMBER_KINDS:
            text, first = passage.atoms[first - 1].digits + text, first - 1
        else:
            break
    if text.isdigit():
        return first, digits_of(passage, first, i)
    if first == i and passage.text(i - 1) not in JOINERS:
        return i - 1, passage.text(i - 1)
    return first, text


NUMBER_KINDS = (AtomKind.UNIT, AtomKind.ZERO, AtomKind.TEEN, AtomKind.TENS, AtomKind.DIGITS)


def digits_of(passage: Passage, first: int, end: int) -> str:
    """The digits of `atoms[first:end]`, up to what is none: 42 of “four two”, 2000000 of “two million”."""
    text, i = "", first
    while i < end:
        said = _millions_at(passage, i) or passage.digits_at(i)
        if said is None:
            return text
        text, i = text + said[0], said[1]
    return text


def _millions_at(passage: Passage, i: int) -> tuple[str, int] | None:
    number = passage.number_at(i)
    if number is None or number.ordinal or number.fraction or passage.kind(i) is AtomKind.NUMBER:
        return None
    if number.scale:
        return str(number.whole * SCALES[number.scale]), number.end
    return (str(number.whole), number.end) if number.whole >= 10**6 and not number.written else None
