"""What is understood of a text, as JSON: the parts that results of `/v1/listen` and `/v1/read` share. Pure.

Flat, as https://developers.deepgram.com/docs/topic-detection, /intent-recognition, /sentiment-analysis and
/summarization show it. Word indexes count from 0; both ends belong to the segment.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from ringback.listen.parameter_warnings import ParameterWarning

Feeling = Literal["positive", "neutral", "negative"]


class JsonUsage(msgspec.Struct, frozen=True, gc=False):
    """Which model understood, and what it took: `metadata.summary_info` and its kin."""

    model_uuid: str
    input_tokens: int = 0
    output_tokens: int = 0


class JsonTopic(msgspec.Struct, frozen=True, gc=False):
    topic: str
    confidence_score: float


class JsonTopicSegment(msgspec.Struct, frozen=True, gc=False):
    text: str
    start_word: int
    end_word: int
    topics: tuple[JsonTopic, ...]


class JsonTopics(msgspec.Struct, frozen=True):
    segments: tuple[JsonTopicSegment, ...]
    """Only those with a topic."""


class JsonIntent(msgspec.Struct, frozen=True, gc=False):
    intent: str
    confidence_score: float


class JsonIntentSegment(msgspec.Struct, frozen=True, gc=False):
    text: str
    start_word: int
    end_word: int
    intents: tuple[JsonIntent, ...]


class JsonIntents(msgspec.Struct, frozen=True):
    segments: tuple[JsonIntentSegment, ...]
    """Only those with an intent."""


class JsonSentiment(msgspec.Struct, frozen=True, gc=False):
    sentiment: Feeling
    sentiment_score: float
    """From -1 to 1."""


class JsonSentimentSegment(msgspec.Struct, frozen=True, gc=False):
    text: str
    start_word: int
    end_word: int
    sentiment: Feeling
    sentiment_score: float


class JsonSentiments(msgspec.Struct, frozen=True):
    segments: tuple[JsonSentimentSegment, ...]
    """They cover the whole text."""
    average: JsonSentiment


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary, or, where there is none, the reason in its place."""

    text: str
    success: bool = True


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood of one text; None: not asked for, or not to be had, of which `warnings` tell."""

    summary: Summary | None = None
    topics: JsonTopics | None = None
    intents: JsonIntents | None = None
    sentiments: JsonSentiments | None = None
    scores: tuple[float, ...] | None = None
    """The sentiment of each sentence of the text, where `sentiments` was asked for."""
    summary_info: JsonUsage | None = None
    topics_info: JsonUsage | None = None
    intents_info: JsonUsage | None = None
    sentiment_info: JsonUsage | None = None
    warnings: tuple[ParameterWarning, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was understood at all."""
        return all(each is None for each in (self.summary, self.topics, self.intents, self.sentiments))

    @property
    def tokens(self) -> "TokenSums":
        """What a language model's server has counted, over all options."""
        infos = (self.summary_info, self.topics_info, self.intents_info, self.sentiment_info)
        known = [info for info in infos if info is not None]
        return TokenSums(sum(info.input_tokens for info in known), sum(info.output_tokens for info in known))


@dataclass(frozen=True, slots=True)
class TokenSums:
    """Of one request."""

    input: int = 0
    output: int = 0


BREAK_POINT = 1 / 3
"""A score from here on is positive; one down from the same below 0, negative
(https://developers.deepgram.com/docs/sentiment-analysis)."""


def feeling_of(score: float) -> Feeling:
    if score >= BREAK_POINT:
        return "positive"
    return "negative" if score <= -BREAK_POINT else "neutral"


def sentiment_of(score: float) -> JsonSentiment:
    """The label follows from the score as it is written, to four digits."""
    written = round(max(-1.0, min(1.0, score)), 4)
    return JsonSentiment(feeling_of(written), written)
