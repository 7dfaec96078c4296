"""`keyterm` on encoder output: how probable is a segment's text with a term in it? Engine process only."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ringback.engines import keyterms
from ringback.engines.keyterms import Judgement, KeytermCandidate
from ringback.engines.tokens import WhisperTokens
from ringback.engines.whisper_network import Encoded
from ringback.transcript import Word, joined

LONGEST_TEXT = 215
"""Tokens. The text with a term is never shorter than the term, and a prompt has up to 9 tokens more than its
term: together at most 441 of the decoder's 448 positions."""

QUESTIONS_AT_ONCE = 8
"""Of two rows each. A row of the smallest model takes 31 MB while it is aligned, those of others more."""


@dataclass(frozen=True, slots=True)
class DecodedSegment:
    """One segment of the batch, as it was decoded."""

    words: tuple[Word, ...]
    language: str


class TextJudge(Protocol):
    """What a `WhisperNetwork` knows about texts."""

    def probabilities(
        self, encoded: Encoded, prompt: Sequence[int], rows: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> Sequence[Sequence[float]]:
        """See `WhisperNetwork`."""
        ...


class KeytermRescorer:
    """Puts terms in the place of what was heard, where the model thinks that they were said."""

    def __init__(self, network: TextJudge, tokens: WhisperTokens) -> None:
        self._network = network
        self._tokens = tokens

    def rescore(
        self, encoded: Encoded, segments: Sequence[DecodedSegment], terms: Sequence[str]
    ) -> list[tuple[Word, ...]]:
        """The words of each segment, with the terms that were said in it."""
        usable = keyterms.usable(terms)
        segments = [replace(segment, words=keyterms.parted(segment.words)) for segment in segments]
        questions = [
            _Question(row, segment, candidate)
            for row, segment in enumerate(segments)
            for candidate in keyterms.candidates(segment.words, usable)
        ]
        said: list[list[tuple[KeytermCandidate, float]]] = [[] for _ in segments]
        for question in questions:
            if question.candidate.spelled:
                said[question.row].append((question.candidate, np.inf))
        doubtful = [question for question in questions if not question.candidate.spelled]
        for question, gain in self._possible(encoded, doubtful):
            said[question.row].append((question.candidate, gain))
        return [
            keyterms.rejoined(keyterms.with_terms(segment.words, of))
            for segment, of in zip(segments, said, strict=True)
        ]

    def _possible(
        self, encoded: Encoded, questions: Sequence["_Question"]
    ) -> Iterator[tuple["_Question", float]]:
        """The questions that are answered with yes, each with the term's gain."""
        unsure: list[tuple[_Question, float]] = []
        for prompted in _grouped(questions, lambda each: (each.segment.language, each.candidate.term)):
            prompt = self._prompt(prompted[0].segment.language, prompted[0].candidate.term)
            for question, gain in self._gains(encoded, prompted, prompt):
                match keyterms.judge(question.candidate, gain):
                    case Judgement.SAID:
                        yield question, gain
                    case Judgement.UNSURE:
                        unsure.append((question, gain))
        gains = dict(unsure)
        for group in _grouped(gains, lambda each: each.segment.language):
            plain = self._tokens.prompt(group[0].segment.language)
            for question, gain in self._gains(encoded, group, plain):
                if keyterms.is_likely_unprompted(question.candidate, gains[question], gain):
                    yield question, gains[question]

    def _gains(
        self, encoded: Encoded, questions: Sequence["_Question"], start: list[int]
    ) -> Iterator[tuple["_Question", float]]:
        """How much more probable each segment's text is with the term, behind these start tokens; questions
        whose text is too long are left out."""
        texts = {each: [self._text(text) for text in each.texts] for each in questions}
        fitting = [each for each, pair in texts.items() if max(len(text) for text in pair) <= LONGEST_TEXT]
        for first in range(0, len(fitting), QUESTIONS_AT_ONCE):
            few = fitting[first : first + QUESTIONS_AT_ONCE]
            probable = self._network.probabilities(
                encoded,
                start,
                [each.row for each in few for _ in texts[each]],
                [text for each in few for text in texts[each]],
            )
            logs = [float(np.log(np.maximum(each, 1e-10)).sum()) for each in probable]
            for number, question in enumerate(few):
                without_term, with_term = logs[2 * number : 2 * number + 2]
                yield question, with_term - without_term

    def _prompt(self, language: str, term: str) -> list[int]:
        """Start tokens behind a text that came before: a glossary of one term."""
        tokens = self._tokens
        glossary = self._text(f"Glossary: {term}.")
        return [tokens.start_of_previous, *glossary, *tokens.prompt(language)]

    def _text(self, text: str) -> list[int]:
        """Without special tokens, which a term may spell out (`<|endoftext|>`)."""
        tokens = self._tokens
        return [token for token in tokens.encode(f" {text}") if token < tokens.end_of_text]


@dataclass(frozen=True, eq=False, slots=True)
class _Question:
    """Was it rather this term, in this row of the batch?"""

    row: int
    segment: DecodedSegment
    candidate: KeytermCandidate

    @property
    def texts(self) -> tuple[str, str]:
        """As heard, and with the term."""
        words = self.segment.words
        return joined(words), joined(keyterms.with_term(words, self.candidate))


def _grouped(
    questions: Iterable[_Question], by: Callable[[_Question], Hashable]
) -> Iterable[Sequence[_Question]]:
    groups: dict[Hashable, list[_Question]] = {}
    for each in questions:
        groups.setdefault(by(each), []).append(each)
    return groups.values()
