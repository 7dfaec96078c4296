"""Mail addresses, URLs and IP addresses as they are said: “sarah dot lee at gmail dot com”. Pure, English."""

import re

from ringback.features.numbers import Atom, AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Entity
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
_LONGEST_NAME = 40
"""Atoms of a host name, a mailbox or a path; spelled letters are one each."""
_JOINERS = {
    "dot": ".",
    ".": ".",
    "dash": "-",
    "hyphen": "-",
    "-": "-",
    "underscore": "_",
    "plus": "+",
    "+": "+",
}
_NEVER_LOCAL = words(
    "are is was were be look looking meet go going come me us him her them it you we they visit find "
    "found see sign signup login log up here there online works working work live lives stay shop "
    "shopping out now today website page site available arrive arrived start started stop and or the a an "
    "on of for by in from available located hosted posted this that these those him later back early "
    "staying happens sold order ordered read more items"
)
MAIL_CUES = words(
    "email e-mail mail emails mailed address write reply contact send sent ping cc forward to is it's "
    "reach message gmail inbox invite"
)
_MAIL_HOSTS = words("gmail yahoo hotmail outlook icloud aol protonmail proton live comcast")
_WRITTEN_DOMAIN = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/\S*)?")
_WRITTEN_URL = re.compile(
    r"(?:https?://|ftp://|www\.)\S+|(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|io|co|dev|app|ai|biz|info)(?:\.[a-z]{2})?(?:/\S*)?"
)
_WRITTEN_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_SPELLED_SCHEMES = {"https": "https://", "http": "http://", "ftp": "ftp://"}


def internet_anchors(passage: Passage) -> list[int]:
    """The atoms around which an address may lie: a said “dot” and words that hold a point or an `@`."""
    return [
        i
        for i, atom in enumerate(passage.atoms)
        if atom.text == "dot" or (atom.kind in _MAY_HOLD_POINT and ("." in atom.text or "@" in atom.text))
    ]


_MAY_HOLD_POINT = (AtomKind.OTHER, AtomKind.WRITTEN)


def find_address(passage: Passage, anchor: int, done: int) -> Entity | None:
    """The mail address or URL around atom `anchor`, which does not reach before atom `done`."""
    atom = passage.atoms[anchor]
    if _WRITTEN_MAIL.fullmatch(atom.text):
        return passage.single(
            "email_address", _digits(atom.text), anchor, anchor + 1, _original(passage, atom)
        )
    if _IP.fullmatch(atom.text):
        return passage.single("ip_address", _digits(atom.text), anchor, anchor + 1, atom.text)
    if atom.text == "dot":
        numbers = _find_ip(passage, anchor, done)
        if numbers is not None:
            return numbers
    domain = _read_domain(passage, anchor, done)
    if domain is None:
        return None
    first, end, text = domain
    mail = _read_local(passage, first, done)
    if mail is not None:
        return passage.single("email_address", _digits(mail[1] + text), mail[0], end, f"{mail[1]}@{text}")
    first, scheme = _read_scheme(passage, first, done)
    end, path = _read_path(passage, end)
    whole = scheme + text + path
    if end == first + 1:  # as the model wrote it
        whole = _original(passage, passage.atoms[first])
    return passage.single("url", _digits(whole), first, end, whole)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _original(passage: Passage, atom: Atom) -> str:
    return passage.words[atom.word].text.strip("\"'“”‘’«»()[]").rstrip(".,?!;:")


def _read_domain(passage: Passage, anchor: int, done: int) -> tuple[int, int, str] | None:
    """The domain around an anchor: its first atom, its end, its text."""
    written = passage.text(anchor)
    if written != "dot":
        if not _WRITTEN_URL.fullmatch(written):
            return None
        first, text, end = anchor, written, anchor + 1
        if passage.text(first - 1) in ("dash", "hyphen", "dot") and first - 2 >= done:
            joined = _labels_before(passage, first, done)
            first, text = joined[0], joined[1] + text
        return first, end, text
    end, tail = _labels_behind(passage, anchor)
    if tail is None:
        return None
    first, head = _labels_before(passage, anchor + 1, done)
    if not head.strip(".-") or head.startswith((".", "-")) or head in ("a.", "the.", "one."):
        return None
    if tail in _ALSO_WORDS and not _is_site(passage, first):
        return None
    return first, end, head + tail


def _is_site(passage: Passage, first: int) -> bool:
    return (
        passage.text(first - 1) == "at" or passage.text(first) == "www" or passage.cue(first, _SITE_CUES, 5)
    )


def _labels_behind(passage: Passage, dot: int) -> tuple[int, str | None]:
    """The labels behind a said dot up to the last that is a top-level domain: “example dot co dot uk”."""
    text, best, i = "", None, dot + 1
    best_end = i
    behind_dot = True
    while i < min(len(passage.atoms), dot + _LONGEST_NAME) and not passage.atoms[i - 1].stop:
        label = passage.text(i)
        piece = _label(passage, i)
        if piece is None:
            break
        text, i = text + piece[0], piece[1]
        written_tld = "." in label and _WRITTEN_DOMAIN.fullmatch(label) and label.rsplit(".", 1)[1] in _TLDS
        if (behind_dot and label in _TLDS and len(piece[0]) == len(label)) or written_tld:
            best, best_end = text, i
            if label not in ("co", "com", "org", "net", "gov", "ac", "edu"):
                break
        joiner = passage.text(i)
        if not passage.follows(i):
            break
        if joiner == "dot":
            text, i, behind_dot = text + ".", i + 1, True
        elif joiner in ("dash", "hyphen") and best is None:
            text, i, behind_dot = text + "-", i + 1, False
        elif passage.kind(i) is AtomKind.LETTER and piece[1] - 1 == i - 1 and best is None:
            behind_dot = False
        else:
            break
    return best_end, best


def _label(passage: Passage, i: int) -> tuple[str, int] | None:
    """One label of a domain or path: a word, a number, letters spelled out."""
    if i >= len(passage.atoms):
        return None
    said = passage.digits_at(i)
    if said is not None and passage.kind(i) is not AtomKind.OH:
        return said
    text = passage.text(i)
    if not text or text in _JOINERS or text in ("slash", "at", "colon"):
        return None
    return text, i + 1


def _labels_before(passage: Passage, i: int, done: int) -> tuple[int, str]:
    """The labels that lead to atom `i`, from right to left: `x dot`, `x dash`, spelled letters."""
    text = ""
    done = max(done, i - _LONGEST_NAME)
    while i - 1 >= done and (i == len(passage.atoms) or not passage.atoms[i - 1].stop):
        joiner = _JOINERS.get(passage.text(i - 1))
        if joiner in (".", "-") and i - 2 >= done and not passage.atoms[i - 2].stop:
            first, label = _label_before(passage, i - 1, done)
            if not label:
                break
            text, i = label + joiner + text, first
        else:
            break
    return i, text


def _label_before(passage: Passage, i: int, done: int) -> tuple[int, str]:
    """The label that ends at atom `i`: a word, or letters and digits spelled out, with a word before them."""
    text, first = "", i
    done = max(done, i - _LONGEST_NAME)
    while first - 1 >= done and (first == i or not passage.atoms[first - 1].stop):
        kind, said = passage.kind(first - 1), passage.text(first - 1)
        if kind is AtomKind.LETTER or (kind is AtomKind.OH and said == "o"):
            if said in ("a", "i") and text and not _letter_chain(passage, first - 1, text):
                break
            text, first = said + text, first - 1
        elif kind in _NUMBER_KINDS:
            text, first = passage.atoms[first - 1].digits + text, first - 1
        else:
            break
    if first < i and (text.isdigit() or len(text) == i - first == 0):
        return first, _digits_of(passage, first, i)
    if first == i and passage.text(i - 1) not in _JOINERS:
        return i - 1, passage.text(i - 1)
    return first, text


def _letter_chain(passage: Passage, i: int, text: str) -> bool:
    return len(text) >= 1 and (passage.kind(i - 1) is AtomKind.LETTER or text[0].isalpha())


_NUMBER_KINDS = (AtomKind.UNIT, AtomKind.ZERO, AtomKind.TEEN, AtomKind.TENS, AtomKind.DIGITS)


def _digits_of(passage: Passage, first: int, end: int) -> str:
    text, i = "", first
    while i < end:
        said = passage.digits_at(i)
        if said is None:
            return text
        text, i = text + said[0], said[1]
    return text


def _read_local(passage: Passage, domain: int, done: int) -> tuple[int, str] | None:
    """The part before “at”, and where it begins; None: no mail address."""
    at = domain - 1
    if passage.text(at) not in ("at", "@") or at - 1 < done or passage.atoms[at - 1].stop:
        return None
    first, text = _local_piece(passage, at, done)
    simple = first == at - 1
    while first - 1 > done and not passage.atoms[first - 1].stop:
        joiner = _JOINERS.get(passage.text(first - 1))
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
    return (first, text) if not simple or _is_mail(passage, first, at) else None


def _is_mail(passage: Passage, first: int, at: int) -> bool:
    """Whether one plain word before “at” is a mailbox: by a word for mail, a mail host, or at the start."""
    if passage.text(at + 1) in _MAIL_HOSTS or passage.text(at + 1).split(".")[0] in _MAIL_HOSTS:
        return True
    if first == 0 or passage.atoms[first - 1].stop in (".", "?", "!", ":"):
        return True
    return passage.cue(first, MAIL_CUES - {"to", "is", "it's"}, 8) or passage.previous(first) in MAIL_CUES


def _local_piece(passage: Passage, end: int, done: int) -> tuple[int, str]:
    """Letters and digits spelled out before atom `end`, and one word before them: “j doe four two”."""
    first, text = end, ""
    word = False
    while first - 1 >= done and (first == end or not passage.atoms[first - 1].stop):
        kind, said = passage.kind(first - 1), passage.text(first - 1)
        if kind is AtomKind.LETTER or (kind is AtomKind.OH and said == "o"):
            if said in ("a", "i") and (
                word or (not _spelled_before(passage, first - 1, done) and len(text) < 2)
            ):
                break
            text, first = said + text, first - 1
        elif kind in _NUMBER_KINDS and not word and not any(character.isalpha() for character in text):
            first -= 1
            text = _digits_of(passage, first, end)
        elif kind is AtomKind.OH and not word:
            first -= 1
            text = "0" + text
        elif not word and not any(character.isalpha() for character in text) and said not in _STOPS:
            if said in _JOINERS or not said.replace(".", "").replace("'", "").isalnum():
                break
            text, first, word = said + text, first - 1, True
        else:
            break
    return first, text


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
    path, last = "", i + _LONGEST_NAME
    while passage.follows(i) and i < last:
        sign, start = _path_sign(passage, i)
        if not sign or start >= len(passage.atoms):
            break
        label, end = _path_label(passage, start)
        if not label:
            break
        path, i = path + sign + label, end
    return i, path


def _path_sign(passage: Passage, i: int) -> tuple[str, int]:
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
    return signs.get(text, ""), i + 1


def _path_label(passage: Passage, i: int) -> tuple[str, int]:
    text, end = "", i
    while end < min(len(passage.atoms), i + _LONGEST_NAME) and (end == i or passage.follows(end)):
        said = passage.digits_at(end)
        if said is not None:
            text, end = text + said[0], said[1]
        elif passage.kind(end) is AtomKind.LETTER:
            text, end = text + passage.text(end), end + 1
        elif end == i:
            return passage.text(end), end + 1
        else:
            break
    return text, end


def _find_ip(passage: Passage, dot: int, done: int) -> Entity | None:
    """Numbers with said dots between them: four are an IP address, two or three may be a version."""
    first, before = dot, ""
    done = max(done, dot - 4)
    while (
        first - 1 >= done and passage.kind(first - 1) in _NUMBER_KINDS and not passage.atoms[first - 1].stop
    ):
        first -= 1
        before = _digits_of(passage, first, dot)
    groups, i = [before], dot
    while before and passage.follows(i) and passage.text(i) == "dot" and len(groups) < 6:
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
