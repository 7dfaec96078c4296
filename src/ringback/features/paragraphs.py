"""Sentences and paragraphs (https://developers.deepgram.com/docs/paragraphs).

Deepgram does not publish its rule. Ours: a sentence ends where its punctuation says so; a paragraph ends
at a long pause, at a shorter one once it has some sentences, at a full count of them, and at each change
of speaker. All pauses are seconds.
"""

import itertools
import re
from collections.abc import Iterator, Sequence

from ringback.transcript import Paragraph, Sentence, Word

LONG_PAUSE = 2.0
PAUSE = 0.7
SENTENCES_BEFORE_PAUSE = 3
MOST_SENTENCES = 6


def paragraphs(words: Sequence[Word]) -> tuple[Paragraph, ...]:
    """The words of one channel, in order and without loss, as paragraphs."""
    found: list[Paragraph] = []
    current: list[Sentence] = []
    for sentence in sentences(words):
        if current and _paragraph_ends(current, sentence):
            found.append(_paragraph(current))
            current = []
        current.append(sentence)
    if current:
        found.append(_paragraph(current))
    return tuple(found)


def sentences(words: Sequence[Word]) -> Iterator[Sentence]:
    """The words of one channel, in order and without loss, as sentences."""
    current: list[Word] = []
    for word, following in itertools.zip_longest(words, words[1:]):
        current.append(word)
        if following is None or _sentence_ends(word, following):
            yield Sentence(tuple(current))
            current = []


def _paragraph_ends(current: Sequence[Sentence], following: Sentence) -> bool:
    last, first = current[-1].words[-1], following.words[0]
    pause = first.start - last.end
    return (
        last.speaker != first.speaker
        or pause >= LONG_PAUSE
        or (pause >= PAUSE and len(current) >= SENTENCES_BEFORE_PAUSE)
        or len(current) >= MOST_SENTENCES
    )


def _paragraph(found: Sequence[Sentence]) -> Paragraph:
    return Paragraph(tuple(found), found[0].words[0].speaker)


def _sentence_ends(word: Word, following: Word) -> bool:
    if word.speaker != following.speaker or following.start - word.end >= LONG_PAUSE:
        return True
    text = word.text.rstrip(_CLOSING)
    if not text.endswith(_TERMINAL):
        return False
    return not (text.endswith(".") and _sentence_goes_on(text, following.text.lstrip(_OPENING)))


def _sentence_goes_on(text: str, following: str) -> bool:
    """Whether a point closes an abbreviation or an ellipsis, rather than the sentence."""
    bare = text.lstrip(_OPENING)
    return (
        following[:1].islower()
        or bare.lower() in _BEFORE_NAMES
        or _INITIAL.fullmatch(bare) is not None
        or (bare.lower() in _BEFORE_NUMBERS and following[:1].isdigit())
    )


_TERMINAL = (".", "?", "!", "…", "。", "？", "！", "؟", "।", "。")
_CLOSING = "\"'”’»)]」』"
_OPENING = "\"'“‘«([¿¡「『"
_BEFORE_NAMES = frozenset(
    {"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "mt.", "gen.", "col.", "lt.", "capt."}
) | {
    *("sgt.", "rev.", "hon.", "sen.", "rep.", "gov.", "vs.", "e.g.", "i.e.", "cf."),
}
_BEFORE_NUMBERS = frozenset(["no.", "nos.", "vol.", "ch.", "fig.", "p.", "pp.", "art.", "sec."])

# "J. R. Smith" goes on; "So did I." does not.
_INITIAL = re.compile(r"[A-HJ-Z]\.")
