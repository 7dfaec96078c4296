"""How much of a conversation was given to the right person. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.speakers.talks import Talk

STEP = 0.01
"""Seconds between two moments that are judged."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A word or a stretch of speech, and whom it was given to; None: to none."""

    start: float
    end: float
    speaker: int | None


@dataclass(frozen=True, slots=True)
class Score:
    right: float
    judged: float
    people_found: int
    people: int

    @property
    def percent(self) -> float:
        return 100 * self.right / self.judged if self.judged else 100.0


def words_right(talk: Talk, words: Sequence[Labelled]) -> Score:
    """Words with the right speaker; those in whose middle no one speaks, by the truth, are left out, and
    where two do, either is right."""
    pairs = [(word.speaker, talk.speaking((word.start + word.end) / 2)) for word in words]
    return _score(talk, pairs, 1.0)


def speech_right(talk: Talk, stretches: Sequence[Labelled]) -> Score:
    """Seconds with the right speaker, where exactly one person speaks and something was heard."""
    pairs = []
    for stretch in stretches:
        for step in range(round(stretch.start / STEP), round(stretch.end / STEP)):
            speaking = talk.speaking(step * STEP)
            if len(speaking) == 1:
                pairs.append((stretch.speaker, speaking))
    return _score(talk, pairs, STEP)


def words_of(words: Iterable[Labelled], stretches: Sequence[Labelled]) -> list[Labelled]:
    """The words with the speakers of these stretches: the one with most of a word, or the nearest."""

    def nearest(word: Labelled) -> Labelled:
        return max(stretches, key=lambda each: min(word.end, each.end) - max(word.start, each.start))

    return [Labelled(word.start, word.end, nearest(word).speaker) for word in words if stretches]


def _score(talk: Talk, pairs: Sequence[tuple[int | None, set[str]]], weight: float) -> Score:
    judged = [(found, true) for found, true in pairs if true]
    together = Counter((found, person) for found, true in judged for person in true if found is not None)
    person_of: dict[int, str] = {}
    for (found, person), _ in together.most_common():
        if found is not None and found not in person_of and person not in person_of.values():
            person_of[found] = person
    right = sum(found is not None and person_of.get(found) in true for found, true in judged)
    people_found = len({found for found, _ in pairs if found is not None})
    return Score(weight * right, weight * len(judged), people_found, talk.people)
