"""The parts that results and live messages share as JSON: words, models, times, confidences."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from ringback.listen.options import ListenOptions
from ringback.listen.understanding_parts import Feeling, JsonSentiment, sentiment_of
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The model that ran."""

    uuid: str
    name: str
    version: str
    arch: str


class JsonWord(msgspec.Struct, omit_defaults=True, gc=False):
    word: str
    start: float
    end: float
    confidence: float
    punctuated_word: str | None = None
    speaker: int | None = None
    speaker_confidence: float | None = None
    language: str | None = None
    sentiment: Feeling | None = None
    sentiment_score: float | None = None


class JsonEntity(msgspec.Struct, omit_defaults=True, gc=False):
    """https://developers.deepgram.com/docs/detect-entities; `end_word` is exclusive. What was redacted has
    its label for both values."""

    label: str
    value: str
    confidence: float
    start_word: int
    end_word: int
    raw_value: str | None = None
    """As it was said."""


class JsonHit(msgspec.Struct, gc=False):
    """https://developers.deepgram.com/docs/search"""

    confidence: float
    start: float
    end: float
    snippet: str


class JsonSearch(msgspec.Struct, gc=False):
    query: str
    hits: list[JsonHit]


class JsonDiarizer(msgspec.Struct):
    """What told the speakers: https://developers.deepgram.com/docs/diarization"""

    model_uuid: str
    arch: str


class JsonModel(msgspec.Struct):
    name: str
    version: str
    arch: str

    @classmethod
    def of(cls, model: ModelMetadata) -> "JsonModel":
        return cls(model.name, model.version, model.arch)


class SentimentOfWords:
    """The sentiment of words, by identity, and of stretches of them: the mean over their words."""

    def __init__(self, scores: Iterable[tuple[float, Iterable[Word]]] = ()) -> None:
        """A score, and the words that have it."""
        self._scores = {id(word): score for score, words in scores for word in words}

    def of(self, words: Iterable[Word]) -> JsonSentiment | None:
        """None where the sentiment was not asked for."""
        if not self._scores:
            return None
        found = [score for word in words if (score := self._scores.get(id(word))) is not None]
        return sentiment_of(sum(found) / len(found)) if found else None


class WordWriter:
    """How words are written under the options of this request."""

    def __init__(self, options: ListenOptions, sentiment: SentimentOfWords | None = None) -> None:
        self._punctuated = options.punctuate
        self._multilingual = options.code_switching
        self._hinted = list(options.hinted_languages) if options.code_switching else None
        self._sentiment = sentiment or SentimentOfWords()
        self._written: dict[int, JsonWord] = {}
        """By identity: a word stands once in its channel and once in its utterance."""

    def write(self, words: Iterable[Word]) -> list[JsonWord]:
        return [self._written.get(id(word)) or self._write(word) for word in words]

    def _write(self, word: Word) -> JsonWord:
        sentiment = self._sentiment.of((word,))
        written = JsonWord(
            word.bare or word.text,
            seconds(word.start),
            seconds(word.end),
            share(word.confidence),
            word.text if self._punctuated else None,
            word.speaker,
            None if word.speaker_confidence is None else share(word.speaker_confidence),
            word.language if self._multilingual else None,
            None if sentiment is None else sentiment.sentiment,
            None if sentiment is None else sentiment.sentiment_score,
        )
        self._written[id(word)] = written
        return written

    def languages(self, words: Iterable[Word]) -> list[str] | None:
        """The languages spoken, the most spoken first; None unless the request is multilingual."""
        if not self._multilingual:
            return None
        return [language for language, _ in Counter(w.language for w in words if w.language).most_common()]

    @property
    def languages_hinted(self) -> list[str] | None:
        """Of every alternative of a multilingual request, hints or not (docs/nova-3-language-prompting)."""
        return self._hinted


def seconds(time: float) -> float:
    """To the millisecond: the models are not more exact. A decimal number, even when it is whole."""
    # Not `round()`, which goes through text: this is done for every word.
    return int(time * 1000 + 0.5) / 1000


def share(confidence: float) -> float:
    """From 0 to 1; NaN, which JSON does not have, becomes 0."""
    return int(min(1.0, max(0.0, confidence)) * 10_000 + 0.5) / 10_000
