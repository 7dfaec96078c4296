"""Dictation: spoken marks as marks (https://developers.deepgram.com/docs/dictation). Pure.

Seven commands: period, comma, colon, question mark, exclamation mark, new line, new paragraph. The mark
stands on the word before, in place of what the model wrote there; a command takes the marks around itself
away. A sentence begins with a capital behind `.`, `?`, `!` and a new paragraph. "The grace period" and
"colon cancer" are no commands: what a command's words would be beside says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ringback.features.vocabulary import words as word_set
from ringback.features.writing import closing_of
from ringback.transcript import Word

PAUSE = 0.5
"""Seconds before or behind a word that set it apart as a command."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is said, and what is written for it."""

    said: tuple[str, ...]
    mark: str
    ends: bool = False
    """Whether a sentence begins behind it."""
    breaks: bool = False
    """Whether a line does."""


COMMANDS = (
    Command(("question", "mark"), "?", ends=True),
    Command(("exclamation", "mark"), "!", ends=True),
    Command(("new", "line"), "\n", breaks=True),
    Command(("newline",), "\n", breaks=True),
    Command(("new", "paragraph"), "\n\n", ends=True, breaks=True),
    Command(("period",), ".", ends=True),
    Command(("comma",), ","),
    Command(("colon",), ":"),
)


def dictate(words: Sequence[Word], before: Word | None = None) -> tuple[Word, ...]:
    """The words with each command carried out. A command with no word before it leaves its mark as a word.
    `before`: the dictated word right before them; None: the text begins with them, and so with a capital."""
    bares = [word.bare for word in words]
    written: list[Word] = []
    capital = before is None or _ends_sentence(before)
    line_begins = False
    at = 0
    while at < len(words):
        command = _command_at(words, bares, at)
        if command is not None:
            _carry_out(command, written, words[at])
            capital = command.ends or (capital and command.breaks)
            line_begins = command.breaks
            at += len(command.said)
            continue
        word = words[at]
        if capital and word.text[:1].islower():
            word = replace(word, text=word.text[:1].upper() + word.text[1:])
        written.append(replace(word, spaced=False) if line_begins else word)
        capital = line_begins = False
        at += 1
    return tuple(written)


def _ends_sentence(dictated: Word) -> bool:
    """Whether its mark was dictated and a sentence begins behind it."""
    text = dictated.text
    ended = text.endswith("\n\n") or text.rstrip("\n").endswith((".", "?", "!"))
    return dictated.word is not None and ended


def _command_at(words: Sequence[Word], bares: Sequence[str], at: int) -> Command | None:
    for command in COMMANDS:
        end = at + len(command.said)
        if tuple(bares[at:end]) == command.said:
            return command if _is_meant(words, bares, at, end) else None
    return None


def _carry_out(command: Command, written: list[Word], said: Word) -> None:
    if not written:
        written.append(replace(said, text=command.mark, word=command.mark))
        return
    before = written[-1]
    text = before.text.rstrip(" ")
    if command.breaks:
        from_model = command.ends and before.word is None  # the model's own comma, not a dictated one
        text = (text.rstrip(",;:-…") if from_model else text) + command.mark
    else:
        text = text.rstrip(_MARKS) + command.mark
    written[-1] = replace(before, text=text, word=before.bare)


def _is_meant(words: Sequence[Word], bares: Sequence[str], first: int, end: int) -> bool:
    """Whether the words are a command, not words of the sentence."""
    if _compound(bares, end):
        return False
    parted = first > 0 and closing_of(words[first - 1].text) != ""
    noun = _Noun.NO if parted else _noun_before(bares, first)
    return noun is _Noun.NO or (noun is _Noun.LIKELY and _set_apart(words, first, end))


def _set_apart(words: Sequence[Word], first: int, end: int) -> bool:
    """Whether there is a pause or a mark before or behind, a capital behind, or nothing."""
    if end == len(words) or closing_of(words[end - 1].text):
        return True
    if first and (closing_of(words[first - 1].text) or words[first].start - words[first - 1].end >= PAUSE):
        return True
    following = words[end]
    return following.start - words[end - 1].end >= PAUSE or (
        following.text[:1].isupper() and following.bare not in _ALWAYS_CAPITAL
    )


class _Noun(Enum):
    """Whether the words before make a noun of the command's word."""

    NO = "no"
    LIKELY = "likely"
    CERTAIN = "certain"


def _noun_before(bares: Sequence[str], first: int) -> _Noun:
    before = bares[max(0, first - 3) : first]
    name = bares[first]
    if not before:
        return _Noun.NO
    nearest, earlier = before[-1], before[:-1]
    if nearest in _PRONOUNS:
        # "i know that comma", "who is this question mark", but perhaps "in this period".
        there_is = nearest in _COUNTING and bool(earlier) and earlier[-1] in _HAVING
        return _Noun.LIKELY if there_is or name in ("period", "colon", "new") else _Noun.NO
    if nearest in _DETERMINERS or nearest in _NAMING.get(name, frozenset()):
        return _Noun.CERTAIN
    determined = any(word in _DETERMINERS | _PRONOUNS for word in earlier)
    if nearest in _ORDERING or nearest in _DESCRIBING.get(name, frozenset()):
        return _Noun.CERTAIN if determined else _Noun.LIKELY
    # "the patient period", but "… in the chest comma": only of a period are there so many kinds.
    beside = bool(earlier) and earlier[-1] in _DETERMINERS | _PRONOUNS
    return _Noun.LIKELY if name == "period" and beside else _Noun.NO


def _compound(bares: Sequence[str], end: int) -> bool:
    following = bares[end] if end < len(bares) else ""
    return following in _BEHIND_NOUN.get(bares[end - 1], frozenset())


_MARKS = ".,?!;:…"
_DETERMINERS = word_set("a an the every my your its our their per")
_PRONOUNS = word_set("this that each any another no some one his her all both")
"""Determiners that also stand by themselves."""
_COUNTING = word_set("any another no some one each")
_HAVING = word_set("is are was were be has have had need needs put use used with without")
"""Behind these the ones before are determiners: "there is no question mark"."""
_ORDERING = word_set("first second third last next same")
_NAMING = {
    "period": word_set(
        "grace trial waiting notice jurassic cretaceous triassic cooling reporting probation probationary "
        "cooling-off menstrual incubation fiscal warranty"
    ),
    "colon": word_set("semi ascending descending transverse sigmoid spastic"),
    "comma": word_set("inverted oxford serial"),
    "new": word_set("brand"),
}
"""What, before a command's word, makes a noun of it."""
_DESCRIBING = {
    "period": word_set(
        "time review pay payment billing transition long short rest enrollment retention recovery holding "
        "lunch class historical"
    ),
}
"""The same behind a determiner; by themselves they may end a sentence: "it lasted long period"."""
_BEHIND_NOUN = {
    "period": word_set("of in drama piece costume pains cramps"),
    "colon": word_set("cancer cleanse polyp polyps surgery resection screening"),
    "comma": word_set("separated delimited splice"),
    "line": word_set("of"),
    "mark": word_set("of"),
}
_ALWAYS_CAPITAL = word_set("i i'm i'll i've i'd")
