"""Filler words (https://developers.deepgram.com/docs/filler-words). Pure.

Deepgram knows seven and writes each in one way: uh, um, mhmm, mm-mm, uh-uh, uh-huh, nuh-uh. The first two are
left out unless `filler_words=true`; the others carry meaning and stay. English only: “um” is a word in German
and Portuguese.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ringback.features.edits import SENTENCE_ENDS, end_sentence
from ringback.listen.text_languages import is_english
from ringback.transcript import Word


def with_fillers(words: Sequence[Word], language: str) -> tuple[Word, ...]:
    """All words, the fillers spelt as Deepgram spells them. `language` is a BCP-47 tag, used for words
    without a language of their own."""
    return tuple(_spelt(words, language))


def without_fillers(words: Sequence[Word], language: str) -> tuple[Word, ...]:
    """The same without “uh” and “um”. What a filler carried for its sentence, the end or the capital,
    passes to its neighbour."""
    written: list[Word] = []
    capital = False
    for word in _spelt(words, language):
        if word.bare in _LEFT_OUT and _is_english(word, language):
            capital = capital or word.text[:1].isupper()
            _end_sentence_earlier(written, word.text)
        elif capital:
            written.append(replace(word, text=word.text[:1].upper() + word.text[1:]))
            capital = False
        else:
            written.append(word)
    return tuple(written)


def _spelt(words: Sequence[Word], language: str) -> Iterator[Word]:
    at = 0
    while at < len(words):
        word = words[at]
        if word.text[:1] not in _FIRST_LETTERS or not _is_english(word, language):
            yield word
            at += 1
            continue
        pair = f"{word.text.lower()} {words[at + 1].bare}" if at + 1 < len(words) else ""
        if normal := _normal(pair):
            yield _as_one(word, words[at + 1], normal)
            at += 2
            continue
        normal = _normal(word.bare)
        yield word if normal is None or normal == word.bare else _respelt(word, normal)
        at += 1


def _normal(said: str) -> str | None:
    return next((normal for normal, spellings in _SPELLINGS if spellings.fullmatch(said)), None)


def _respelt(word: Word, normal: str) -> Word:
    at = word.text.lower().find(word.bare)
    spelling = normal[:1].upper() + normal[1:] if word.text[at].isupper() else normal
    return replace(word, text=word.text[:at] + spelling + word.text[at + len(word.bare) :])


def _as_one(word: Word, following: Word, normal: str) -> Word:
    ending = following.text[len(following.text.rstrip(".,?!;:…")) :]
    spelling = normal[:1].upper() + normal[1:] if word.text[0].isupper() else normal
    mean = (word.confidence + following.confidence) / 2
    return replace(word, text=spelling + ending, end=following.end, confidence=mean)


def _is_english(word: Word, language: str) -> bool:
    return is_english(word.language or language)


def _end_sentence_earlier(written: list[Word], filler: str) -> None:
    """The end of a sentence that a filler was the last word of."""
    if written and filler[-1] in SENTENCE_ENDS:
        written[-1] = end_sentence(written[-1], filler[-1])


# Models spell them at any length: "uhh", "Ummm"; and some as two words.
_SPELLINGS = tuple(
    (normal, re.compile(pattern))
    for normal, pattern in (
        ("uh", r"u+h+"),
        ("um", r"u+h*m+"),
        ("mhmm", r"m+[- ]?h+m+"),
        ("mm-mm", r"m{2,}[- ]m{2,}"),
        ("uh-huh", r"u+h+[- ]?h+u+h+"),
        ("uh-uh", r"u+h+-u+h+"),
        ("nuh-uh", r"n+u+h+[- ]u+h+"),
    )
)
_LEFT_OUT = frozenset({"uh", "um"})
_FIRST_LETTERS = frozenset("uUmMnN“\"'(¿¡")
