"""A language model asked about whole texts, in parts that fit its context.

A part about which it fails costs that part alone: the others are kept, and `FromModel.missing` says what is
not there. Where nothing was answered, methods raise `EndpointFailed`.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from ringback.listen.understanding_parts import JsonUsage
from ringback.listen.understanding_rules import MOST_TOKENS, tokens_of
from ringback.service import all_results
from ringback.understanding.answers import (
    LONGEST_SUMMARY,
    Label,
    ReadAnswer,
    read_labels,
    read_scores,
    read_summary,
)
from ringback.understanding.endpoint import EndpointFailed, LlmEndpoint, Usage
from ringback.understanding.questions import (
    JUDGED_AT_ONCE,
    LABELLED_AT_ONCE,
    LONGEST_PART,
    Question,
    about_labels,
    about_sentiment,
    about_summary,
    parts_that_fit,
    pieces,
)
from ringback.understanding.text import NumberedSentence, TextSegment, segments

LABELLED_WORDS = 60
"""Of a segment whose topics and intents are asked for."""

GIVEN_UP_AFTER = 3
"""Failures in a row, over the questions about one text: then the others are not asked any more."""

T = TypeVar("T")

Labelled = list[tuple[TextSegment, tuple[Label, ...]]]


@dataclass(frozen=True, slots=True)
class FromModel(Generic[T]):
    """What the model made of a text."""

    value: T
    info: JsonUsage
    missing: str | None = None
    """What is not there, and why, in words fit for callers; None: all is there."""


class LanguageModel:
    """One caller's view of the operator's language model."""

    def __init__(self, endpoint: LlmEndpoint, caller: str) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._context = endpoint.options.context_tokens
        self._uuid = model_uuid(f"llm {endpoint.options.model}")

    async def summary(self, sentences: Sequence[NumberedSentence]) -> FromModel[str]:
        """Long texts in rounds: of their parts, of the summaries of these, and so on."""
        parts = [each.text for each in _short_enough(sentences, LABELLED_WORDS)]
        replies: _Replies[str] = self._replies()
        while True:
            groups = parts_that_fit(parts, self._context)
            try:
                answers = await self._ask(replies, [(about_summary(group), read_summary) for group in groups])
            except EndpointFailed:
                if replies.answered == 0:
                    raise
                # The summaries of the round before: longer than one of them would be, and as true.
                return self._made(" ".join(parts)[:LONGEST_SUMMARY].rstrip(), replies)
            parts = [text[:LONGEST_PART] for text in answers if text is not None]
            if len(parts) == 1:
                return self._made(next(text for text in answers if text is not None), replies)

    async def scores(self, sentences: Sequence[NumberedSentence]) -> FromModel[dict[int, float]]:
        """By sentence; some may be left out."""
        groups = pieces(_short_enough(sentences, 1), self._context, JUDGED_AT_ONCE)
        replies: _Replies[dict[int, float]] = self._replies()
        answers = await self._ask(
            replies,
            [(about_sentiment(group), partial(read_scores, segments=len(group))) for group in groups],
        )
        judged = {
            group[number].first: score
            for group, found in zip(groups, answers, strict=True)
            for number, score in (found or {}).items()
        }
        return self._made(judged, replies)

    async def labels(
        self, singular: str, sentences: Sequence[NumberedSentence], custom: Sequence[str], *, strict: bool
    ) -> FromModel[Labelled]:
        """Topics or intents of the segments that have any, in order."""
        groups = pieces(_short_enough(sentences, LABELLED_WORDS), self._context, LABELLED_AT_ONCE)
        allowed = custom if strict else None
        replies: _Replies[dict[int, tuple[Label, ...]]] = self._replies()
        answers = await self._ask(
            replies,
            [
                (
                    about_labels(singular, group, custom, strict=strict),
                    partial(read_labels, segments=len(group), allowed=allowed),
                )
                for group in groups
            ],
        )
        labelled = [
            (group[number], labels)
            for group, found in zip(groups, answers, strict=True)
            for number, labels in sorted((found or {}).items())
        ]
        return self._made(labelled, replies)

    async def _ask(
        self, replies: "_Replies[T]", questions: Sequence[tuple[Question, Callable[[str], ReadAnswer[T]]]]
    ) -> list[T | None]:
        """What can be used of each answer; None: of this one nothing. Raises `EndpointFailed`, where there is
        no answer at all."""
        answers: list[T | None] = [None] * len(questions)
        waiting = iter(range(len(questions)))

        async def work() -> None:
            while not replies.are_given_up and (index := next(waiting, None)) is not None:
                question, read = questions[index]
                try:
                    async with asyncio.timeout_at(replies.until):
                        answer, used = await self._endpoint.ask(question, read, self._caller)
                except TimeoutError:
                    replies.add_failure("it took too long for the whole text")
                except EndpointFailed as failed:
                    replies.add_failure(str(failed))
                else:
                    replies.add_answer(answer, used)
                    answers[index] = answer.found

        replies.questions += len(questions)
        await all_results(work() for _ in range(min(len(questions), self._endpoint.options.concurrency)))
        if questions and all(answer is None for answer in answers):
            raise EndpointFailed(replies.why)
        return answers

    def _replies(self) -> "_Replies[T]":
        return _Replies(asyncio.get_running_loop().time() + self._endpoint.options.total_timeout)

    def _made(self, value: T, replies: "_Replies[S]") -> FromModel[T]:
        used = replies.used
        return FromModel(value, JsonUsage(self._uuid, used.input_tokens, used.output_tokens), replies.missing)


S = TypeVar("S")


@dataclass(slots=True)
class _Replies(Generic[T]):
    """How the questions about one text have gone so far."""

    until: float
    """The time of the event loop at which it has taken too long."""
    questions: int = 0
    answered: int = 0
    used: Usage = field(default_factory=Usage)
    malformed: int = 0
    in_row: int = 0
    """Failures since the last answer."""
    why: str = ""
    """The last failure."""

    def add_answer(self, answer: ReadAnswer[T], used: Usage) -> None:
        self.answered += 1
        self.used += used
        self.malformed += answer.malformed
        self.in_row = 0

    def add_failure(self, why: str) -> None:
        self.why = why
        self.in_row += 1

    @property
    def are_given_up(self) -> bool:
        return self.in_row >= GIVEN_UP_AFTER

    @property
    def missing(self) -> str | None:
        found = []
        if failed := self.questions - self.answered:
            found.append(f"{failed} of {self.questions} questions failed ({self.why})")
        if self.malformed:
            found.append(f"malformed entries of its answers are left out: {self.malformed}")
        return " and ".join(found) or None


def model_uuid(name: str) -> str:
    """By which the results name what has understood."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"ringback {name}"))


def _short_enough(sentences: Sequence[NumberedSentence], most_words: int) -> list[TextSegment]:
    """The text in segments. Raises `EndpointFailed` for one that is longer than any model is asked about."""
    if sum(tokens_of(sentence.text) for sentence in sentences) > MOST_TOKENS:
        raise EndpointFailed(f"the text is longer than {MOST_TOKENS // 1_000}K tokens")
    return list(segments(sentences, most_words))
