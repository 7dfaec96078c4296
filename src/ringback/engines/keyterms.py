"""`keyterm`: where a term may have been misheard, and whether it was. Pure.

Sound proposes, the recogniser decides: a term that sounds like some of the words heard is written in their
place, and the model is asked how probable either text is for the audio (`keyterm_rescoring`). Deepgram biases
its search instead (https://developers.deepgram.com/docs/keyterm); CTranslate2 has no way to.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise

import numpy as np

from ringback.sounds.likeness import Sound, likenesses, sounds_of
from ringback.sounds.windows import windows
from ringback.transcript import Word, overlap

MOST_TERM_WORDS = 8
MOST_TERM_LETTERS = 60
"""Longer ones are no terms, and are passed over: what they would cost is not worth asking."""

MOST_CANDIDATES = 12
"""In one segment, the most alike first: it bounds what a list of terms can cost."""

MOST_OF_INITIALS = 8
"""The same for those that hardly sound like it."""

_WIDEST = 5
"""Words that one word may have been misheard as."""
_READINGS = 3
"""Windows of one term over the same words that are asked about: sound alone does not know the best."""
_LEAST_LIKENESS = 0.5
_SURE_GAIN = -1.0
"""The text with the term is as probable as the one heard, or nearly: models prefer common words."""
_ALIKE, _POSSIBLE_GAIN = 0.7, -6.5
_LONG, _POSSIBLE_GAIN_OF_LONG = 10, -5.0
"""Characters of a term that nothing else sounds like by chance."""
_POSSIBLE_GAIN_UNPROMPTED, _POSSIBLE_GAIN_UNPROMPTED_OF_LONG = -14.7, -19.5
_INITIALS = re.compile(r"(?:[A-Z]\.?){2,5}")
"""“SSN”: said as letters, which models write as any short words (“send”, “his son”). Sound says little of it,
the audio much: one word and two are asked about, and both gains together are to be good."""
_LEAST_LIKENESS_OF_INITIALS, _WIDEST_OF_INITIALS = 0.28, 2
_POSSIBLE_GAIN_OF_INITIALS, _POSSIBLE_SUM_OF_INITIALS = -4.5, -15.0
_SHORT = 4
"""Letters of a term that is easily a part of something else: likeness alone says little of it."""


@dataclass(frozen=True, slots=True)
class KeytermCandidate:
    """The words `first` ≤ i < `end` sound like the term."""

    term: str
    first: int
    end: int
    likeness: float
    spelled: bool = False
    """Whether the words are the term but for capitals, marks and spaces: there is nothing to ask."""


def usable(terms: Iterable[str]) -> tuple[str, ...]:
    """Those that can be looked for, each once."""
    return tuple(term for term in dict.fromkeys(" ".join(each.split()) for each in terms) if _is_usable(term))


def candidates(words: Sequence[Word], terms: Sequence[str]) -> list[KeytermCandidate]:
    """Where each term may have been misheard, the most alike first; of one term a few over the same words.

    Where it is written already, there is nothing to change: a term in lower case keeps the model's capital.
    """
    sounds = [(term, sound) for term in terms for sound in sounds_of(term) if sound]
    widest = max(_WIDEST, max((len(term.split()) for term in terms), default=0) + 1)
    near = list(windows([word.text for word in words], range(1, min(widest, len(words)) + 1)))
    if not sounds or not near:
        return []
    alike = likenesses([sound for _, sound in sounds], [window.sound for window in near])
    narrow = np.array([_may_be_initials(words[window.first : window.end]) for window in near])
    initials = np.array([_is_initials(term) for term, _ in sounds])
    least = np.where(initials[:, None] & narrow, _LEAST_LIKENESS_OF_INITIALS, _LEAST_LIKENESS)
    found = [
        KeytermCandidate(sounds[row][0], near[column].first, near[column].end, float(alike[row, column]))
        for row, column in np.argwhere(alike >= least)
    ]
    return _best(found, words)


class Judgement(Enum):
    SAID = auto()
    UNSURE = auto()
    """To be asked again without the term in the prompt."""
    NOT_SAID = auto()


def parted(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words, those of several parts in parts: `acme.com` may hold a term, which is not to take its end.
    Text that is written without spaces stays as it is."""
    if not all(word.spaced for word in words[1:]):
        return tuple(words)
    return tuple(part for word in words for part in _parts(word))


def rejoined(parts: Iterable[Word]) -> tuple[Word, ...]:
    """What `parted` has parted, in whole words again."""
    whole: list[Word] = []
    for part in parts:
        if whole and not part.spaced and whole[-1].text.endswith(tuple(_INNER)):
            before = whole[-1]
            confidence = min(before.confidence, part.confidence)
            whole[-1] = replace(before, text=before.text + part.text, end=part.end, confidence=confidence)
        else:
            whole.append(part)
    return tuple(whole)


def _may_be_initials(words: Sequence[Word]) -> bool:
    written = any(character.isdigit() for word in words for character in word.text)
    return len(words) <= _WIDEST_OF_INITIALS and not written


def _is_initials(term: str) -> bool:
    return _INITIALS.fullmatch(term) is not None


def judge(candidate: KeytermCandidate, gain: float) -> Judgement:
    """Whether the term was said. `gain`: log-probability of the segment's text with the term less that of the
    text as heard, both behind a prompt with the term."""
    if gain >= _SURE_GAIN and candidate.likeness >= _LEAST_LIKENESS:
        return Judgement.SAID
    if _is_initials(candidate.term):
        return Judgement.UNSURE if gain >= _POSSIBLE_GAIN_OF_INITIALS else Judgement.NOT_SAID
    alike = candidate.likeness >= _ALIKE and len(candidate.term) > _SHORT
    if (alike and gain >= _POSSIBLE_GAIN) or (
        len(candidate.term) >= _LONG and gain >= _POSSIBLE_GAIN_OF_LONG
    ):
        return Judgement.UNSURE
    return Judgement.NOT_SAID


def is_likely_unprompted(candidate: KeytermCandidate, prompted: float, gain: float) -> bool:
    """Whether the same gain without the prompt settles an `UNSURE` one; `prompted`: the one with it."""
    if _is_initials(candidate.term):
        return prompted + gain >= _POSSIBLE_SUM_OF_INITIALS
    is_long = len(candidate.term) >= _LONG
    return gain >= (_POSSIBLE_GAIN_UNPROMPTED_OF_LONG if is_long else _POSSIBLE_GAIN_UNPROMPTED)


def with_term(words: Sequence[Word], candidate: KeytermCandidate) -> tuple[Word, ...]:
    """The words with the term in place of those that it sounds like: as the caller writes it, between the
    punctuation that was there."""
    old = words[candidate.first : candidate.end]
    return (*words[: candidate.first], *_written(old, candidate.term), *words[candidate.end :])


def with_terms(words: Sequence[Word], said: Iterable[tuple[KeytermCandidate, float]]) -> tuple[Word, ...]:
    """The words with all these terms, those of greater gain first where they claim the same words."""
    chosen: list[KeytermCandidate] = []
    for candidate, _ in sorted(said, key=lambda each: -each[1]):
        if not any(overlap(candidate, other) for other in chosen):
            chosen.append(candidate)
    changed = tuple(words)
    for candidate in sorted(chosen, key=lambda each: -each.first):
        changed = with_term(changed, candidate)
    return changed


def _parts(word: Word) -> list[Word]:
    texts = _PART.findall(word.text)
    if len(texts) < 2 or "".join(texts) != word.text:
        return [word]
    edges = _edges([word], texts)
    return [
        replace(word, text=text, start=start, end=end, spaced=word.spaced and i == 0)
        for i, (text, (start, end)) in enumerate(zip(texts, pairwise(edges), strict=True))
    ]


def _is_usable(term: str) -> bool:
    sound: Sound = sounds_of(term)[0]
    return bool(sound) and len(sound.letters) <= MOST_TERM_LETTERS and len(term.split()) <= MOST_TERM_WORDS


def _best(found: Iterable[KeytermCandidate], words: Sequence[Word]) -> list[KeytermCandidate]:
    best: list[KeytermCandidate] = []
    settled: list[KeytermCandidate] = []
    for each in sorted(
        found, key=lambda each: (-each.likeness, each.end - each.first, each.first, each.term)
    ):
        if any(_rival(each, other) for other in settled):
            continue
        if _is_written(each, words):
            settled.append(each)
        elif _is_spelled(each, words):
            settled.append(each)
            best.append(replace(each, spelled=True))
        elif sum(_rival(each, other) for other in best) < _READINGS:
            best.append(each)
    far = [each for each in best if each.likeness < _LEAST_LIKENESS]
    return [each for each in best if each.likeness >= _LEAST_LIKENESS][:MOST_CANDIDATES] + far[
        :MOST_OF_INITIALS
    ]


def _rival(one: KeytermCandidate, other: KeytermCandidate) -> bool:
    """Whether they are readings of the same words as one term."""
    return one.term == other.term and overlap(one, other)


def _is_written(candidate: KeytermCandidate, words: Sequence[Word]) -> bool:
    text = " ".join(word.text for word in words[candidate.first : candidate.end])
    forms = {text, text.strip(_PUNCTUATION)}
    return candidate.term in forms | {form.lower() for form in forms}


def _is_spelled(candidate: KeytermCandidate, words: Sequence[Word]) -> bool:
    text = "".join(word.text for word in words[candidate.first : candidate.end])
    return _letters_of(text) == _letters_of(candidate.term) != ""


def _letters_of(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _written(old: Sequence[Word], term: str) -> list[Word]:
    """A word for each of the term's; over the time of the words heard, by their letters."""
    parts = term.split()
    before = old[0].text[: len(old[0].text) - len(old[0].text.lstrip(_OPENING))]
    after = old[-1].text[len(old[-1].text.rstrip(_PUNCTUATION)) :]
    texts = list(parts)
    texts[0] = before + texts[0]
    texts[-1] += "" if texts[-1].endswith(after) else after
    edges = _edges(old, parts)
    confidence = sum(word.confidence for word in old) / len(old)
    return [
        replace(old[0], text=text, start=start, end=end, confidence=confidence, spaced=old[0].spaced or i > 0)
        for i, (text, (start, end)) in enumerate(zip(texts, pairwise(edges), strict=True))
    ]


def _edges(old: Sequence[Word], parts: Sequence[str]) -> list[float]:
    start, end = old[0].start, old[-1].end
    letters = np.cumsum([0, *map(len, parts)])
    return [round(start + (end - start) * float(share), 3) for share in letters / letters[-1]]


_INNER = ".@/_"
_PART = re.compile(r"[^.@/_]+(?:[.@/_]+(?=[^\W_])|.*$)|^[.@/_].*$")
_OPENING = "\"'“¿([{-"
_PUNCTUATION = ".,!?;:\"'”…)]}-"
