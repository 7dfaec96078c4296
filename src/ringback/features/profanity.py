"""Profanity as asterisks, letter by letter (https://developers.deepgram.com/docs/profanity-filter). Pure.

Whole words and phrases only, of a list per language (`profanity_words/`); words with a clean meaning are not
on it. In English the usual endings of the commonest ones are matched too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from ringback.features.edits import Edit
from ringback.transcript import Word, base_language


def mask_profanity(words: Sequence[Word], language: str) -> list[Edit]:
    """Each profane word, masked: as many asterisks as it has letters and digits; its time stays.

    `language` is a BCP-47 tag, used for words without a language of their own.
    """
    return list(_masked(words, language))


def _masked(words: Sequence[Word], language: str) -> Iterator[Edit]:
    bares = [word.bare for word in words]
    at = 0
    while at < len(words):
        count = _matched(_lexicon(words[at].language or language), words, bares, at)
        if count:
            yield Edit(at, at + count, tuple(_mask(word) for word in words[at : at + count]))
        at += count or 1


@dataclass(frozen=True, slots=True)
class _Lexicon:
    single: frozenset[str]
    phrases: Mapping[str, tuple[tuple[str, ...], ...]]
    """By their first word, the longest first."""
    unspaced: frozenset[str]
    """Of a language that writes no spaces: entries of any number of words."""
    longest: int
    """Characters of the longest entry in `unspaced`."""


_UNSPACED = frozenset({"ja", "th", "zh"})
_EMPTY = _Lexicon(frozenset(), {}, frozenset(), 0)


def _lexicon(language: str) -> _Lexicon:
    return _read_lexicon(base_language(language))


@cache
def _read_lexicon(code: str) -> _Lexicon:
    file = files("ringback.features") / "profanity_words" / f"{code}.txt"
    if not re.fullmatch(r"[a-z]{2,3}", code) or not file.is_file():
        return _EMPTY
    entries = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("# ")]
    entries += [entry.replace("ß", "ss") for entry in entries if "ß" in entry]  # as in Switzerland
    if code in _UNSPACED:
        return _Lexicon(frozenset(), {}, frozenset(entries), max(map(len, entries)))
    phrases: dict[str, list[tuple[str, ...]]] = {}
    for entry in sorted(entries, key=len, reverse=True):
        if len(parts := tuple(entry.split())) > 1:
            phrases.setdefault(parts[0], []).append(parts)
    single = frozenset(entry for entry in entries if " " not in entry)
    return _Lexicon(single, {first: tuple(found) for first, found in phrases.items()}, frozenset(), 0)


def _matched(lexicon: _Lexicon, words: Sequence[Word], bares: Sequence[str], at: int) -> int:
    """How many words from `at` on are a profane word or phrase; 0: none."""
    for phrase in lexicon.phrases.get(bares[at], ()):
        if tuple(bares[at : at + len(phrase)]) == phrase:
            return len(phrase)
    if lexicon.unspaced:
        return _matched_unspaced(lexicon, words, bares, at)
    return 1 if _is_profane(bares[at], lexicon.single) else 0


def _is_profane(bare: str, single: frozenset[str]) -> bool:
    if not single or not bare:
        return False
    if bare in single:
        return True
    inflected = _INFLECTED.fullmatch(bare) is not None and "fuck" in single
    if inflected or ("-" not in bare and "'" not in bare and "’" not in bare):
        return inflected
    parts = re.split("[-'’]", bare)
    return any(len(part) > 2 and _is_profane(part, single) for part in parts)


def _matched_unspaced(lexicon: _Lexicon, words: Sequence[Word], bares: Sequence[str], at: int) -> int:
    text, longest = "", 0
    for count, bare in enumerate(bares[at:], 1):
        text += bare
        if len(text) > lexicon.longest or (count > 1 and words[at + count - 1].spaced):
            break
        if text in lexicon.unspaced:
            longest = count
    return longest


def _mask(word: Word) -> Word:
    text = "".join("*" if character.isalnum() else character for character in word.text)
    return replace(word, text=text, word="*" * sum(character.isalnum() for character in word.bare))


# The English ones that people inflect; "spiced" and "monger" show why not all are.
_INFLECTED = re.compile(
    r"(mother|cluster|un|ab)?(fuck|shit)(s|ed|er|ers|ing|in|ings|ty|tier|tiest|ted|ting|tin|face|faces|head|heads|wit|up|ups)?"
    r"|(bull|horse|dip|ape)?shit(s|ter|ters|ting|tin|ted|ty)?"
    r"|(bitch|wank|cunt|slut|whore|twat|bastard|arsehole|asshole|dickhead|faggot|nigger|tosser|fag|piss)"
    r"(s|es|ed|er|ers|ing|in|y|ty|ish)?"
    r"|cocksuck(er|ers|ing|in)|wanking|whoring|bitchin"
)
