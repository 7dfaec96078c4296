"""All that was asked to be understood of one text: built in, or by the language model.

| asked for | without a model | with one | when the model fails |
|---|---|---|---|
| `sentiment` | VADER | the model; VADER where it left something out | VADER, a warning |
| `summarize` | the most central sentences, a warning | the model | the same as without |
| `topics`, `intents` | not served, a warning | the model | not served, a warning |

Nothing here fails a transcript. Nothing is stored either: where the process dies meanwhile, the job starts
from the top, and the model is asked again.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.listen.understanding_parts import (
    JsonIntent,
    JsonIntents,
    JsonIntentSegment,
    JsonTopic,
    JsonTopics,
    JsonTopicSegment,
    JsonUsage,
    Summary,
    Understood,
)
from ringback.listen.understanding_rules import MOST_TOKENS, extractive, tokens_of, understanding_warnings
from ringback.service import all_results
from ringback.understanding import sentiment, summary
from ringback.understanding.answers import Label, read_labels, read_scores, read_summary
from ringback.understanding.endpoint import EndpointFailed, LlmEndpoint, Usage
from ringback.understanding.questions import (
    JUDGED_AT_ONCE,
    LABELLED_AT_ONCE,
    LONGEST_PART,
    about_labels,
    about_sentiment,
    about_summary,
    parts_that_fit,
    pieces,
)
from ringback.understanding.text import NumberedSentence, TextSegment, segments

LABELLED_WORDS = 60
"""Of a segment whose topics and intents are asked for."""

S = TypeVar("S")
T = TypeVar("T")


class Understanding:
    """Understands English texts; one object serves all requests."""

    def __init__(self, endpoint: LlmEndpoint | None = None) -> None:
        self._endpoint = endpoint

    @property
    def has_model(self) -> bool:
        return self._endpoint is not None

    async def understand(
        self, sentences: Sequence[NumberedSentence], options: ListenOptions, caller: str = ""
    ) -> Understood:
        """What the options ask for, on behalf of `caller` (`PROJECT/KEY`). Processor time is spent in
        threads."""
        model = None if self._endpoint is None else _Model(self._endpoint, caller)
        tasks: list[Coroutine[Any, Any, Understood]] = []
        if options.summarize is not None:
            tasks.append(_summary(model, sentences))
        if options.sentiment:
            tasks.append(_sentiment(model, sentences))
        if options.topics and model is not None:
            strict = bool(options.custom_topic) and options.custom_topic_mode == "strict"
            tasks.append(_topics(model, sentences, options.custom_topic, strict=strict))
        if options.intents and model is not None:
            strict = bool(options.custom_intent) and options.custom_intent_mode == "strict"
            tasks.append(_intents(model, sentences, options.custom_intent, strict=strict))
        known = Understood(warnings=tuple(understanding_warnings(options, has_model=self.has_model)))
        return _merged([known, *await all_results(tasks)])


class _Model:
    """The language model, asked about whole texts, in pieces that fit. Methods raise `EndpointFailed`."""

    def __init__(self, endpoint: LlmEndpoint, caller: str) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._context = endpoint.options.context_tokens
        self._seconds = endpoint.options.total_timeout
        self._uuid = _uuid(f"llm {endpoint.options.model}")

    async def summary(self, sentences: Sequence[NumberedSentence]) -> tuple[str, JsonUsage]:
        """Long texts in rounds: of their parts, of the summaries of these, and so on."""
        parts = [each.text for each in _short_enough(sentences, LABELLED_WORDS)]
        used = Usage()
        async with _within(self._seconds):
            while True:
                groups = parts_that_fit(parts, self._context)
                answers = await all_results(
                    self._endpoint.ask(about_summary(group), read_summary, self._caller) for group in groups
                )
                used = sum((usage for _, usage in answers), used)
                if len(answers) == 1:
                    return answers[0][0], self._info(used)
                parts = [text[:LONGEST_PART] for text, _ in answers]

    async def scores(self, sentences: Sequence[NumberedSentence]) -> tuple[dict[int, float], JsonUsage]:
        """By sentence; some may be left out."""
        every = _short_enough(sentences, 1)
        async with _within(self._seconds):
            groups = pieces(every, self._context, JUDGED_AT_ONCE)
            answers = await all_results(
                self._endpoint.ask(
                    about_sentiment(group), partial(read_scores, segments=len(group)), self._caller
                )
                for group in groups
            )
        judged = {
            group[number].first: score
            for group, (found, _) in zip(groups, answers, strict=True)
            for number, score in found.items()
        }
        return judged, self._info(sum((usage for _, usage in answers), Usage()))

    async def labels(
        self, singular: str, sentences: Sequence[NumberedSentence], custom: Sequence[str], *, strict: bool
    ) -> tuple[list[tuple[TextSegment, tuple[Label, ...]]], JsonUsage]:
        """Topics or intents of the segments that have any, in order."""
        allowed = custom if strict else None
        async with _within(self._seconds):
            groups = pieces(_short_enough(sentences, LABELLED_WORDS), self._context, LABELLED_AT_ONCE)
            answers = await all_results(
                self._endpoint.ask(
                    about_labels(singular, group, custom, strict=strict),
                    partial(read_labels, segments=len(group), allowed=allowed),
                    self._caller,
                )
                for group in groups
            )
        labelled = [
            (group[number], found[number])
            for group, (found, _) in zip(groups, answers, strict=True)
            for number in sorted(found)
        ]
        return labelled, self._info(sum((usage for _, usage in answers), Usage()))

    def _info(self, used: Usage) -> JsonUsage:
        return JsonUsage(self._uuid, used.input_tokens, used.output_tokens)


async def _summary(model: _Model | None, sentences: Sequence[NumberedSentence]) -> Understood:
    warnings: tuple[ParameterWarning, ...] = ()
    cut = summary.has_long_sentences(sentences)
    if summary.is_short(sentences):
        pass  # It is its own summary: no model would be asked, and nothing is left out.
    elif model is None:
        warnings = (extractive(cut=cut),)
    else:
        try:
            text, info = await model.summary(sentences)
        except EndpointFailed as failed:
            warnings = (extractive(f"{_FAILED}: {failed}", cut=cut),)
        else:
            return Understood(summary=Summary(text), summary_info=info)
    text = await asyncio.to_thread(summary.summarise, sentences)
    return Understood(summary=Summary(text), summary_info=_built_in(summary.NAME), warnings=warnings)


async def _sentiment(model: _Model | None, sentences: Sequence[NumberedSentence]) -> Understood:
    texts = [sentence.text for sentence in sentences]
    scores = await asyncio.to_thread(sentiment.score_sentences, texts)
    info = _built_in(sentiment.NAME)
    warnings: tuple[ParameterWarning, ...] = ()
    if model is not None:
        try:
            judged, info = await model.scores(sentences)
        except EndpointFailed as failed:
            lexicon = f"`sentiment` is scored by a lexicon ({sentiment.NAME})"
            warnings = (_instead_of_model("sentiment", lexicon, failed),)
        else:
            scores = tuple(judged.get(index, score) for index, score in enumerate(scores))
    found = sentiment.sentiments_of(sentences, scores)
    return Understood(sentiments=found, scores=scores, sentiment_info=info, warnings=warnings)


async def _topics(
    model: _Model, sentences: Sequence[NumberedSentence], custom: Sequence[str], *, strict: bool
) -> Understood:
    try:
        labelled, info = await model.labels("topic", sentences, custom, strict=strict)
    except EndpointFailed as failed:
        return Understood(warnings=(_instead_of_model("topics", "There are no topics", failed),))
    return Understood(topics=JsonTopics(_segments(labelled, JsonTopicSegment, JsonTopic)), topics_info=info)


async def _intents(
    model: _Model, sentences: Sequence[NumberedSentence], custom: Sequence[str], *, strict: bool
) -> Understood:
    try:
        labelled, info = await model.labels("intent", sentences, custom, strict=strict)
    except EndpointFailed as failed:
        return Understood(warnings=(_instead_of_model("intents", "There are no intents", failed),))
    found = _segments(labelled, JsonIntentSegment, JsonIntent)
    return Understood(intents=JsonIntents(found), intents_info=info)


def _segments(
    labelled: Iterable[tuple[TextSegment, tuple[Label, ...]]],
    segment: Callable[[str, int, int, tuple[T, ...]], S],
    label: Callable[[str, float], T],
) -> tuple[S, ...]:
    """Topics and intents differ in the names of their fields alone."""
    return tuple(
        segment(
            where.text,
            where.start_word,
            where.end_word,
            tuple(label(each.text, each.confidence) for each in found),
        )
        for where, found in labelled
    )


def _merged(parts: Iterable[Understood]) -> Understood:
    """One of all that was understood, each part of another option."""
    found: dict[str, Any] = {"warnings": ()}
    for part in parts:
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name == "warnings":
                found["warnings"] += value
            elif value is not None:
                found[field.name] = value
    return Understood(**found)


def _short_enough(sentences: Sequence[NumberedSentence], most_words: int) -> list[TextSegment]:
    """The text in segments. Raises `EndpointFailed` for one that is longer than any model is asked about."""
    if sum(tokens_of(sentence.text) for sentence in sentences) > MOST_TOKENS:
        raise EndpointFailed(f"the text is longer than {MOST_TOKENS // 1_000}K tokens")
    return list(segments(sentences, most_words))


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Raises `EndpointFailed` after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise EndpointFailed("it took too long for the whole text") from None


def _instead_of_model(parameter: str, what: str, failed: EndpointFailed) -> ParameterWarning:
    return ParameterWarning(parameter, "failed", f"{what}: {_FAILED}: {failed}.")


def _built_in(name: str) -> JsonUsage:
    """Tokens are a language model's: what is built in takes none."""
    return JsonUsage(_uuid(name))


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"ringback {name}"))


_FAILED = "the language model at `llm.url` failed"
