"""Mail addresses, URLs and IP addresses as they are said: “sarah dot lee at gmail dot com”. Pure, English."""

import re

from ringback.features.hosts import (
    JOINERS,
    LONGEST_NAME,
    NUMBER_KINDS,
    HostName,
    digits_of,
    in_more_words,
    read_host,
)
from ringback.features.numbers import SINGLE_DIGITS, AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Entity
from ringback.features.vocabulary import words

_NEVER_LOCAL = words(
    "are is was were be look looking meet go going come me us him her them it you we they visit find "
    "found see sign signup login log up here there online works working work live lives stay shop "
    "shopping out now today website page site available arrive arrived start started stop and or the a an "
    "on of for by in from available located hosted posted this that these those him later back early "
    "staying happens sold order ordered read more items"
)
MAIL_CUES = words(
    "email e-mail email's mail emails mailed address write reply contact send sent ping cc forward to is "
    "it's reach message gmail inbox invite"
)
_MAIL_HOSTS = words("gmail yahoo hotmail outlook icloud aol protonmail proton live comcast")
_WRITTEN_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_SPELLED_SCHEMES = {"https": "https://", "http": "http://", "ftp": "ftp://"}


def internet_anchors(passage: Passage) -> list[int]:
    """The atoms around which an address may lie: a said “dot” and words that hold a point or an `@`."""
    return [
        i
        for i, atom in enumerate(passage.atoms)
        if atom.text in ("dot", "localhost")
        or (atom.kind in _MAY_HOLD_POINT and ("." in atom.text or "@" in atom.text))
    ]


_MAY_HOLD_POINT = (AtomKind.OTHER, AtomKind.WRITTEN)


def find_address(passage: Passage, anchor: int, done: int) -> Entity | None:
    """The mail address or URL around atom `anchor`, which does not reach before atom `done`."""
    atom = passage.atoms[anchor]
    if _WRITTEN_MAIL.fullmatch(atom.text):
        return passage.single(
            "email_address", _digits(atom.text), anchor, anchor + 1, passage.original(anchor)
        )
    if _IP.fullmatch(atom.text):
        return passage.single("ip_address", _digits(atom.text), anchor, anchor + 1, atom.text)
    if atom.text == "dot":
        numbers = _find_ip(passage, anchor, done)
        if numbers is not None:
            return numbers
    host = read_host(passage, anchor, done)
    if host is None:
        return None
    return _find_mail(passage, host, done) or _find_url(passage, host, done)


def _find_mail(passage: Passage, host: HostName, done: int) -> Entity | None:
    for each in (host, in_more_words(passage, host, done)):
        local = None if each is None else _read_local(passage, each.first, done)
        if each is not None and local is not None:
            digits = _digits(local[1] + each.text)
            return passage.single("email_address", digits, local[0], each.end, f"{local[1]}@{each.text}")
    return None


def _find_url(passage: Passage, host: HostName, done: int) -> Entity | None:
    longer = in_more_words(passage, host, done)
    if longer is not None and _is_place(passage, longer.first - 1):
        host = longer
    first, scheme = _read_scheme(passage, host.first, done)
    end, path = _read_path(passage, host.end)
    if host.text == "localhost" and not (scheme or path):
        return None
    whole = scheme + host.text + path
    if end == first + 1:  # as the model wrote it
        whole = passage.original(first)
    return passage.single("url", _digits(whole), first, end, whole)


def _is_place(passage: Passage, at: int) -> bool:
    """Whether “at” leads to a web site: “shop at”, “find us at”; “visit” does."""
    return passage.text(at) == "visit" or passage.text(at - 1) in _BEFORE_SITES


_BEFORE_SITES = words(
    "shop us online found available page site website more up hosted order apply register buy store blog "
    "live it's that's is"
)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _read_local(passage: Passage, domain: int, done: int) -> tuple[int, str] | None:
    """The part before “at”, and where it begins; None: no mail address."""
    signed = passage.texts(domain - 2, domain) == ["at", "sign"]
    at = domain - 2 if signed else domain - 1
    if passage.text(at) not in ("at", "@") or at - 1 < done or passage.atoms[at - 1].stop:
        return None
    first, text = _local_piece(passage, at, done)
    simple = first == at - 1
    while first - 1 > done and not passage.atoms[first - 1].stop:
        joiner = JOINERS.get(passage.text(first - 1))
        if joiner is None or passage.atoms[first - 2].stop:
            break
        start, piece = _local_piece(passage, first - 1, done)
        if not piece:
            break
        first, text, simple = start, piece + joiner + text, False
        if passage.text(first - 1) == "dr":
            first, text = first - 1, "dr" + text
    if not text or (text in _NEVER_LOCAL and simple):
        return None
    return (first, text) if signed or not simple or _is_mail(passage, first, at) else None


def _is_mail(passage: Passage, first: int, at: int) -> bool:
    """Whether one plain word before “at” is a mailbox: by a word for mail, a mail host, or at the start."""
    if passage.text(at + 1).partition(".")[0] in _MAIL_HOSTS:
        return True
    if first == 0 or passage.atoms[first - 1].stop in (".", "?", "!", ":"):
        return True
    return passage.cue(first, MAIL_CUES - {"to", "is", "it's"}, 8) or passage.previous(first) in MAIL_CUES


def _local_piece(passage: Passage, end: int, done: int) -> tuple[int, str]:
    """Letters and digits spelled out before atom `end`, and one word before them: “j doe four two”."""
    first, text = end, ""
    word = False
    done = max(done, end - LONGEST_NAME)
    while first - 1 >= done and (first == end or not passage.atoms[first - 1].stop):
        kind, said = passage.kind(first - 1), passage.text(first - 1)
        if kind is AtomKind.LETTER or (kind is AtomKind.OH and said == "o"):
            if said in ("a", "i") and (
                word or (not _spelled_before(passage, first - 1, done) and len(text) < 2)
            ):
                break
            text, first = said + text, first - 1
        elif (
            not word
            and not any(map(str.isalpha, text))
            and (start := _number_before(passage, first, done)) is not None
        ):
            first = start
            text = digits_of(passage, first, end)
        elif kind is AtomKind.OH and not word:
            first -= 1
            text = "0" + text
        elif not word and not any(character.isalpha() for character in text) and said not in _STOPS:
            if said in JOINERS or not all(map(str.isalnum, _PARTS.split(said))):
                break
            text, first, word = said + text, first - 1, True
        else:
            break
    return first, text


def _number_before(passage: Passage, i: int, done: int) -> int | None:
    """Where a number begins that ends before atom `i`: “two hundred thousand”, but not “a thousand”."""
    for start in range(max(done, i - _LONGEST_NUMBER), i - 1):
        number = passage.number_at(start) if passage.kind(start) in NUMBER_KINDS else None
        scales = any(passage.kind(at) in (AtomKind.HUNDRED, AtomKind.SCALE) for at in range(start, i))
        if number is not None and number.end == i and scales:
            return start
    return i - 1 if passage.kind(i - 1) in NUMBER_KINDS else None


_LONGEST_NUMBER = 10
"""Atoms of a number in a mailbox."""
_PARTS = re.compile(r"[.'’_-]")
"""What stands between the parts of a mailbox that was written as one word."""
_STOPS = words(
    "to at is it's the my email me us her his their our your and or address mail send with of on it"
)


def _spelled_before(passage: Passage, i: int, done: int) -> bool:
    return i - 1 >= done and passage.kind(i - 1) is AtomKind.LETTER


def _read_scheme(passage: Passage, first: int, done: int) -> tuple[int, str]:
    """“https colon slash slash” before the domain, also when its letters are spelled."""
    if first - 3 < done or passage.texts(first - 3, first) != ["colon", "slash", "slash"]:
        return first, ""
    i = first - 3
    if (scheme := _SPELLED_SCHEMES.get(passage.text(i - 1))) and i - 1 >= done:
        return i - 1, scheme
    for name in ("https", "http", "ftp"):
        start = i - len(name)
        if start >= done and passage.texts(start, i) == list(name):
            return start, _SPELLED_SCHEMES[name]
    return first, ""


def _read_path(passage: Passage, i: int) -> tuple[int, str]:
    """“slash pricing”, “slash get dash started”, “question mark id equals one two”, “colon eighty eighty”."""
    path, last = "", i + LONGEST_NAME
    while passage.follows(i) and i < last:
        sign, start = _path_sign(passage, i)
        if not sign:
            break
        label, end = _path_label(passage, start)
        if not label:
            break
        path, i = path + sign + label, end
    return i, path


def _path_sign(passage: Passage, i: int) -> tuple[str | None, int]:
    text = passage.text(i)
    if text == "slash":
        return "/", i + 1
    if text == "forward" and passage.text(i + 1) == "slash":
        return "/", i + 2
    if text == "question" and passage.text(i + 1) == "mark":
        return "?", i + 2
    signs = {
        "equals": "=",
        "ampersand": "&",
        "dash": "-",
        "hyphen": "-",
        "underscore": "_",
        "dot": ".",
        "hash": "#",
    }
    if text == "colon" and passage.digits_at(i + 1) is not None:
        return ":", i + 1
    return signs.get(text), i + 1


def _path_label(passage: Passage, i: int) -> tuple[str, int]:
    text, end = "", i
    while end < i + LONGEST_NAME and (end == i or passage.follows(end)):
        said = passage.digits_at(end)
        if said is not None:
            text, end = text + said[0], said[1]
        elif passage.kind(end) is AtomKind.LETTER:
            text, end = text + passage.text(end), end + 1
        elif end == i:
            return _with_digits(passage, i)
        else:
            break
    return text, end


def _with_digits(passage: Passage, i: int) -> tuple[str, int]:
    """A word of a path, with two digits or more said behind it: “slash abc one two three”."""
    text, end = "", i + 1
    while passage.follows(end) and passage.kind(end) in SINGLE_DIGITS and end < i + LONGEST_NAME:
        text, end = text + passage.atoms[end].digits, end + 1
    return (passage.text(i) + text, end) if len(text) > 1 else (passage.text(i), i + 1)


def _find_ip(passage: Passage, dot: int, done: int) -> Entity | None:
    """Numbers with said dots between them: four are an IP address, two or three may be a version."""
    first, before = dot, ""
    done = max(done, dot - 4)
    while first - 1 >= done and passage.kind(first - 1) in NUMBER_KINDS and not passage.atoms[first - 1].stop:
        first -= 1
        before = digits_of(passage, first, dot)
    if passage.text(first - 1) == "dot" and passage.kind(first - 2) in NUMBER_KINDS:
        return None  # the end of a longer number that is neither
    groups, i = [before], dot
    while before and passage.follows(i) and passage.text(i) == "dot" and len(groups) < LONGEST_NAME:
        group, end = "", i + 1
        while passage.follows(end) and (said := passage.digits_at(end)) is not None and len(group) < 3:
            group, end = group + said[0], said[1]
        if not group:
            break
        groups.append(group)
        i = end
    if len(groups) == 4 and all(int(group) <= 255 for group in groups):
        return passage.single("ip_address", "".join(groups), first, i, ".".join(groups))
    if len(groups) >= 2 and passage.cue(first, ("version", "release", "v"), 2):
        return passage.single("cardinal", "".join(groups), first, i, ".".join(groups))
    return None
