"""A transcript as Deepgram's JSON document, and the two short answers beside it.

Field by field as https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded has it.
Strict clients (Rust, Python 5) parse these: required fields are always there, whole numbers are written
as such. The same input always gives the same bytes, so that a result made twice is one result.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ringback.clock import rfc3339
from ringback.errors import Failure
from ringback.listen.json_parts import (
    JsonDiarizer,
    JsonEntity,
    JsonModel,
    JsonSearch,
    JsonWord,
    ModelMetadata,
    SentimentOfWords,
    WordWriter,
    seconds,
    share,
)
from ringback.listen.language_warnings import language_warnings
from ringback.listen.options import ListenOptions, ParameterWarning
from ringback.listen.speaker_warnings import speaker_warnings
from ringback.listen.understanding_parts import (
    Feeling,
    JsonIntents,
    JsonSentiments,
    JsonTopics,
    JsonUsage,
    Summary,
    Understood,
)
from ringback.transcript import Channel, Paragraph, Sentence, Transcript, Utterance, joined

__all__ = [
    "AcceptedDocument",
    "ErrorDocument",
    "ModelMetadata",
    "ResultDocument",
    "ResultMetadata",
    "accepted_body",
    "error_body",
    "result_document",
]


@dataclass(frozen=True, slots=True)
class ResultMetadata:
    """What the document holds beside the words."""

    request_id: str
    """A UUID."""
    sha256: str
    """Of the submitted audio, in hexadecimal digits."""
    created: float
    """Unix seconds."""
    models: tuple[ModelMetadata, ...]
    diarizer: JsonDiarizer | None = None
    """What told the speakers, if anything did."""


def result_document(
    transcript: Transcript,
    options: ListenOptions,
    facts: ResultMetadata,
    *,
    utterances: Sequence[Utterance] | None = None,
    paragraphs: Sequence[Sequence[Paragraph]] | None = None,
    entities: Sequence[Sequence[JsonEntity]] | None = None,
    search: Sequence[Sequence[JsonSearch]] | None = None,
    understood: Understood | None = None,
    sentiment: SentimentOfWords | None = None,
) -> bytes:
    """The whole result; `paragraphs`, `entities` and `search` hold those of each channel. None: not asked
    for, left out."""
    understood = understood or Understood()
    sentiment = sentiment or SentimentOfWords()
    words = WordWriter(options, sentiment)
    channels = [
        _channel(
            channel,
            words,
            None if paragraphs is None else _paragraphs(paragraphs[index], sentiment),
            None if entities is None else entities[index],
            None if search is None else search[index],
        )
        for index, channel in enumerate(transcript.channels)
    ]
    parts = _Results(
        channels,
        None if utterances is None else _utterances(utterances, words, sentiment, facts.request_id),
        summary=_summary(understood.summary),
        topics=understood.topics,
        intents=understood.intents,
        sentiments=understood.sentiments,
    )
    metadata = _metadata(transcript, options, facts, understood)
    return _ENCODER.encode(ResultDocument(metadata, parts))


def accepted_body(request_id: str) -> bytes:
    """The immediate answer to a request with a callback (https://developers.deepgram.com/docs/callback)."""
    return _ENCODER.encode(AcceptedDocument(request_id))


def error_body(failure: Failure, request_id: str) -> bytes:
    """Deepgram's error object (https://developers.deepgram.com/docs/errors)."""
    return _ENCODER.encode(ErrorDocument(failure.err_code, failure.err_msg, request_id))


class _Sentence(msgspec.Struct, omit_defaults=True, gc=False):
    text: str
    start: float
    end: float
    sentiment: Feeling | None = None
    sentiment_score: float | None = None


class _Paragraph(msgspec.Struct, omit_defaults=True):
    sentences: list[_Sentence]
    num_words: int
    start: float
    end: float
    speaker: int | None = None
    sentiment: Feeling | None = None
    sentiment_score: float | None = None


class _Paragraphs(msgspec.Struct):
    transcript: str
    paragraphs: list[_Paragraph]


class _Alternative(msgspec.Struct, omit_defaults=True):
    transcript: str
    confidence: float
    words: list[JsonWord]
    paragraphs: _Paragraphs | None = None
    languages: list[str] | None = None
    languages_hinted: list[str] | None = None
    entities: Sequence[JsonEntity] | None = None


class _ResultChannel(msgspec.Struct, omit_defaults=True):
    alternatives: list[_Alternative]
    search: Sequence[JsonSearch] | None = None
    detected_language: str | None = None
    language_confidence: float | None = None


class _Utterance(msgspec.Struct, omit_defaults=True):
    start: float
    end: float
    confidence: float
    channel: int
    transcript: str
    words: list[JsonWord]
    id: str
    speaker: int | None = None
    languages: list[str] | None = None
    sentiment: Feeling | None = None
    sentiment_score: float | None = None


class _Summary(msgspec.Struct):
    result: str
    short: str


class _Results(msgspec.Struct, omit_defaults=True):
    channels: list[_ResultChannel]
    utterances: list[_Utterance] | None = None
    summary: _Summary | None = None
    topics: JsonTopics | None = None
    intents: JsonIntents | None = None
    sentiments: JsonSentiments | None = None


class _Metadata(msgspec.Struct, omit_defaults=True):
    transaction_key: str
    request_id: str
    sha256: str
    created: str
    duration: float
    channels: int
    models: list[str]
    model_info: dict[str, JsonModel]
    tags: tuple[str, ...] = ()
    extra: dict[str, str] = {}
    diarize_info: JsonDiarizer | None = None
    summary_info: JsonUsage | None = None
    topics_info: JsonUsage | None = None
    intents_info: JsonUsage | None = None
    sentiment_info: JsonUsage | None = None
    warnings: tuple[ParameterWarning, ...] = ()


class ResultDocument(msgspec.Struct):
    """A transcript: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded"""

    metadata: _Metadata
    results: _Results


class AcceptedDocument(msgspec.Struct):
    """The answer to a request with a callback: https://developers.deepgram.com/docs/callback"""

    request_id: str


class ErrorDocument(msgspec.Struct):
    """Why there is no transcript: https://developers.deepgram.com/docs/errors"""

    err_code: str
    err_msg: str
    request_id: str


_ENCODER = msgspec.json.Encoder()


def _metadata(
    transcript: Transcript, options: ListenOptions, facts: ResultMetadata, understood: Understood
) -> _Metadata:
    models = {model.uuid: JsonModel.of(model) for model in facts.models}
    return _Metadata(
        transaction_key="deprecated",  # Deepgram sends this very word, and the Rust SDK wants the field.
        request_id=facts.request_id,
        sha256=facts.sha256,
        created=rfc3339(facts.created),
        duration=seconds(transcript.duration),
        channels=len(transcript.channels),
        models=list(models),
        model_info=models,
        tags=options.tag,
        extra=options.extra,
        diarize_info=facts.diarizer,
        summary_info=understood.summary_info,
        topics_info=understood.topics_info,
        intents_info=understood.intents_info,
        sentiment_info=understood.sentiment_info,
        warnings=options.warnings
        + understood.warnings
        + tuple(ParameterWarning("audio", "partial", text) for text in transcript.warnings)
        + tuple(language_warnings(transcript.channels))
        + tuple(speaker_warnings(transcript.channels)),
    )


def _channel(
    channel: Channel,
    words: WordWriter,
    paragraphs: _Paragraphs | None,
    entities: Sequence[JsonEntity] | None,
    search: Sequence[JsonSearch] | None,
) -> _ResultChannel:
    best = channel.alternative
    return _ResultChannel(
        alternatives=[
            _Alternative(
                transcript=best.text,
                confidence=share(best.confidence),
                words=words.write(best.words),
                paragraphs=paragraphs,
                languages=words.languages(best.words),
                languages_hinted=words.languages_hinted,
                entities=entities,
            )
        ],
        search=search,
        detected_language=channel.language,
        language_confidence=None
        if channel.language_confidence is None
        else share(channel.language_confidence),
    )


def _paragraphs(paragraphs: Sequence[Paragraph], sentiment: SentimentOfWords) -> _Paragraphs:
    """Each paragraph stands after a line break of its own, as in the examples of docs/paragraphs."""
    text = "\n".join(f"\n{_paragraph_text(paragraph)}" for paragraph in paragraphs)
    return _Paragraphs(
        transcript=text, paragraphs=[_paragraph(paragraph, sentiment) for paragraph in paragraphs]
    )


def _paragraph_text(paragraph: Paragraph) -> str:
    text = joined(word for sentence in paragraph.sentences for word in sentence.words)
    return text if paragraph.speaker is None else f"Speaker {paragraph.speaker}: {text}"


def _paragraph(paragraph: Paragraph, sentiment: SentimentOfWords) -> _Paragraph:
    sentences = [_sentence(sentence, sentiment) for sentence in paragraph.sentences]
    feeling = sentiment.of(word for sentence in paragraph.sentences for word in sentence.words)
    return _Paragraph(
        sentences=sentences,
        num_words=sum(len(sentence.words) for sentence in paragraph.sentences),
        start=sentences[0].start,
        end=sentences[-1].end,
        speaker=paragraph.speaker,
        sentiment=None if feeling is None else feeling.sentiment,
        sentiment_score=None if feeling is None else feeling.sentiment_score,
    )


def _sentence(sentence: Sentence, sentiment: SentimentOfWords) -> _Sentence:
    feeling = sentiment.of(sentence.words)
    return _Sentence(
        joined(sentence.words),
        seconds(sentence.words[0].start),
        seconds(sentence.words[-1].end),
        None if feeling is None else feeling.sentiment,
        None if feeling is None else feeling.sentiment_score,
    )


def _utterances(
    utterances: Sequence[Utterance], words: WordWriter, sentiment: SentimentOfWords, request_id: str
) -> list[_Utterance]:
    return [
        _utterance(utterance, words, sentiment, _utterance_id(request_id, index))
        for index, utterance in enumerate(utterances)
    ]


def _utterance(
    utterance: Utterance, words: WordWriter, sentiment: SentimentOfWords, utterance_id: str
) -> _Utterance:
    feeling = sentiment.of(utterance.words)
    return _Utterance(
        start=seconds(utterance.start),
        end=seconds(utterance.end),
        confidence=share(sum(word.confidence for word in utterance.words) / len(utterance.words)),
        channel=utterance.channel,
        transcript=joined(utterance.words),
        words=words.write(utterance.words),
        id=utterance_id,
        speaker=utterance.words[0].speaker,
        languages=words.languages(utterance.words),
        sentiment=None if feeling is None else feeling.sentiment,
        sentiment_score=None if feeling is None else feeling.sentiment_score,
    )


def _summary(found: Summary | None) -> _Summary | None:
    return None if found is None else _Summary("success" if found.success else "failure", found.text)


def _utterance_id(request_id: str, index: int) -> str:
    """A UUID, as the Rust SDK wants; the same whenever this result is made again."""
    return str(uuid.uuid5(uuid.UUID(request_id), f"utterance {index}"))
