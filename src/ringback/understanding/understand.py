"""All that was asked to be understood of one text: built in, or by the language model.

| asked for | without a model | with one | when the model fails |
|---|---|---|---|
| `sentiment` | VADER | the model; VADER where it left something out | VADER, a warning |
| `summarize` | the most central sentences, a warning | the model | the same as without |
| `topics`, `intents` | not served, a warning | the model | not served, a warning |

A model that fails for a part of the text, or writes a malformed entry, costs that alone, and a warning.
Nothing here fails a transcript. Nothing is stored either: where the process dies meanwhile, the job starts
from the top, and the model is asked again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import fields
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
from ringback.listen.understanding_rules import extractive, understanding_warnings
from ringback.service import all_results
from ringback.understanding import sentiment, summary
from ringback.understanding.endpoint import EndpointFailed, LlmEndpoint
from ringback.understanding.language_model import Labelled, LanguageModel, model_uuid
from ringback.understanding.text import NumberedSentence

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
        model = None if self._endpoint is None else LanguageModel(self._endpoint, caller)
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


async def _summary(model: LanguageModel | None, sentences: Sequence[NumberedSentence]) -> Understood:
    warnings: tuple[ParameterWarning, ...] = ()
    cut = summary.has_long_sentences(sentences)
    if summary.is_short(sentences):
        pass  # It is its own summary: no model would be asked, and nothing is left out.
    elif model is None:
        warnings = (extractive(cut=cut),)
    else:
        try:
            made = await model.summary(sentences)
        except EndpointFailed as failed:
            warnings = (extractive(f"{_FAILED}: {failed}", cut=cut),)
        else:
            return Understood(
                summary=Summary(made.value),
                summary_info=made.info,
                warnings=_incomplete("summarize", "The summary leaves something out", made.missing),
            )
    text = await asyncio.to_thread(summary.summarise, sentences)
    return Understood(summary=Summary(text), summary_info=_built_in(summary.NAME), warnings=warnings)


async def _sentiment(model: LanguageModel | None, sentences: Sequence[NumberedSentence]) -> Understood:
    texts = [sentence.text for sentence in sentences]
    scores = await asyncio.to_thread(sentiment.score_sentences, texts)
    info = _built_in(sentiment.NAME)
    warnings: tuple[ParameterWarning, ...] = ()
    if model is not None:
        try:
            made = await model.scores(sentences)
        except EndpointFailed as failed:
            lexicon = f"`sentiment` is scored by a lexicon ({sentiment.NAME})"
            warnings = (_instead_of_model("sentiment", lexicon, failed),)
        else:
            info = made.info
            scores = tuple(made.value.get(index, score) for index, score in enumerate(scores))
            lexicon = f"Some of `sentiment` is scored by a lexicon ({sentiment.NAME})"
            warnings = _incomplete("sentiment", lexicon, made.missing)
    found = sentiment.sentiments_of(sentences, scores)
    return Understood(sentiments=found, scores=scores, sentiment_info=info, warnings=warnings)


async def _topics(
    model: LanguageModel, sentences: Sequence[NumberedSentence], custom: Sequence[str], *, strict: bool
) -> Understood:
    try:
        made = await model.labels("topic", sentences, custom, strict=strict)
    except EndpointFailed as failed:
        return Understood(warnings=(_instead_of_model("topics", "There are no topics", failed),))
    return Understood(
        topics=JsonTopics(_segments(made.value, JsonTopicSegment, JsonTopic)),
        topics_info=made.info,
        warnings=_incomplete("topics", "Some topics are missing", made.missing),
    )


async def _intents(
    model: LanguageModel, sentences: Sequence[NumberedSentence], custom: Sequence[str], *, strict: bool
) -> Understood:
    try:
        made = await model.labels("intent", sentences, custom, strict=strict)
    except EndpointFailed as failed:
        return Understood(warnings=(_instead_of_model("intents", "There are no intents", failed),))
    return Understood(
        intents=JsonIntents(_segments(made.value, JsonIntentSegment, JsonIntent)),
        intents_info=made.info,
        warnings=_incomplete("intents", "Some intents are missing", made.missing),
    )


def _segments(
    labelled: Labelled,
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


def _instead_of_model(parameter: str, what: str, failed: EndpointFailed) -> ParameterWarning:
    return ParameterWarning(parameter, "failed", f"{what}: {_FAILED}: {failed}.")


def _incomplete(parameter: str, what: str, missing: str | None) -> tuple[ParameterWarning, ...]:
    if missing is None:
        return ()
    return (ParameterWarning(parameter, "incomplete", f"{what}: {_PARTLY_FAILED}: {missing}."),)


def _built_in(name: str) -> JsonUsage:
    """Tokens are a language model's: what is built in takes none."""
    return JsonUsage(model_uuid(name))


_FAILED = "the language model at `llm.url` failed"
_PARTLY_FAILED = "the language model at `llm.url` failed in part"
