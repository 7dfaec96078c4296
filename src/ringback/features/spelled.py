"""Names spelled letter by letter: “i n v dash two zero”, “b as in boy seven”, `A B 7 7 2 9`. English."""

from ringback.features.cues import ID, LINKS, NUMBER, ROOM, cue_before, is_linked
from ringback.features.numbers import AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Entity
from ringback.features.vocabulary import words

_NATO_WORDS = words(
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa "
    "quebec romeo sierra tango uniform victor whiskey xray x-ray yankee zulu"
)
LETTER_NAMES = {word: word[0].upper() for word in _NATO_WORDS}
_DASHES = {"dash": "-", "hyphen": "-", "-": "-", "slash": "/", "underscore": "_"}
_SPELLED_KINDS = frozenset(
    {ID, "account_number", "passport_number", "driver_license", "vehicle_id", "password", "healthcare_number"}
)


def is_letter(passage: Passage, i: int) -> bool:
    return letter_at(passage, i) is not None


def letter_at(passage: Passage, i: int) -> str | None:
    """The letter that atom `i` is, or names (“bravo”)."""
    text = passage.text(i)
    if len(text) == 1:
        return text.upper() if passage.kind(i) in _LETTERS else None
    return LETTER_NAMES.get(text)


_LETTERS = (AtomKind.LETTER, AtomKind.OH)


def find_spelled(passage: Passage, i: int) -> Entity | None:
    """Letters and digits behind a word for an id; “room” and the like take one letter with their number."""
    cue, distance = cue_before(passage, i)
    if cue == ROOM:
        return _room_letter(passage, i) if distance <= 3 and is_linked(passage, i, distance) else None
    if not _asks(passage, i, cue, distance):
        return None
    text, end = _read_spelled(passage, i)
    digits = "".join(character for character in text if character.isdigit())
    letters = sum(character.isalpha() for character in text)
    if not digits or not letters or len(digits) + letters < 4 or end - i < 2:
        return None
    return passage.single(cue if cue != NUMBER else ID, digits, i, end, text)


def asks_for_letters(passage: Passage, i: int) -> bool:
    """Whether a word for an id stands before atom `i`, so that a lone “a” may begin one."""
    return _asks(passage, i, *cue_before(passage, i))


def _asks(passage: Passage, i: int, cue: str, distance: int) -> bool:
    return (cue in _SPELLED_KINDS or cue == NUMBER) and distance <= 5 and is_linked(passage, i, distance)


def _read_spelled(passage: Passage, i: int) -> tuple[str, int]:
    text, end = "", i
    while end < len(passage.atoms):
        if text and passage.atoms[end - 1].stop not in ("", ",", "-"):
            break
        piece = _read_piece(passage, end, bool(text))
        if piece is None:
            break
        text, end = text + piece[0], piece[1]
    return (text, end) if text[-1:] not in ("-", "/", "_") else (text[:-1], end - 1)


def _read_piece(passage: Passage, i: int, inside: bool) -> tuple[str, int] | None:
    said = passage.text(i)
    if inside and said in _DASHES and i + 1 < len(passage.atoms):
        return _DASHES[said], i + 1
    if passage.kind(i) is AtomKind.OH:
        return "0" if said == "oh" or _beside_digit(passage, i) else "O", i + 1
    letter = letter_at(passage, i)
    if letter is not None:
        if passage.texts(i + 1, i + 3) == ["as", "in"] and passage.text(i + 3):
            return letter, i + 4
        if passage.texts(i + 1, i + 2) == ["for"] and passage.text(i + 2)[:1] == said[:1]:
            return letter, i + 3
        is_article = said in ("a", "i") and inside and not _goes_on(passage, i + 1)
        return None if is_article and passage.follows(i + 1) else (letter, i + 1)
    digits = passage.digits_at(i)
    if digits is not None:
        return digits
    original = passage.original(i)
    if passage.kind(i) is AtomKind.WRITTEN and original.replace("-", "").isalnum():
        return original.upper(), i + 1
    return (original, i + 1) if is_prefix(passage, i) else None


def is_prefix(passage: Passage, i: int) -> bool:
    """Whether atom `i` is a few capitals, as ids begin with: `INV 2026`, `UA 452`."""
    atom = passage.atoms[i]
    original = passage.words[atom.word].text
    if not original.isupper() or not 2 <= len(atom.text) <= 4 or atom.text in LINKS:
        return False
    return atom.text.isascii() and atom.text.isalpha()


def _beside_digit(passage: Passage, i: int) -> bool:
    return passage.digits_at(i + 1) is not None or passage.text(i - 1) in ("oh", "o")


def _goes_on(passage: Passage, i: int) -> bool:
    return is_letter(passage, i) or passage.digits_at(i) is not None or passage.text(i) in _DASHES


def _room_letter(passage: Passage, i: int) -> Entity | None:
    """“apartment four b” as 4B, “gate b twelve” as B12, “flight u a four fifty two” as UA452."""
    text, end, letters, digits = "", i, 0, ""
    while end < len(passage.atoms) and len(text) < 8:
        if text and not passage.follows(end):
            break
        said = passage.digits_at(end)
        if said is not None:
            text, digits, end = text + said[0], digits + said[0], said[1]
        elif passage.kind(end) is AtomKind.LETTER and letters < 2:
            article = passage.text(end) in ("a", "i") and digits and passage.follows(end + 1)
            if article and not _goes_on(passage, end + 1):
                break
            text, letters, end = text + passage.text(end).upper(), letters + 1, end + 1
        elif not text and is_prefix(passage, end):
            text, letters, end = passage.text(end).upper(), 2, end + 1
        else:
            break
    if not digits or not letters:
        return None
    return passage.single("digits", digits, i, end, text)
