"""What was understood of a text, as Deepgram's JSON document of `/v1/read`. Pure.

Shapes: https://developers.deepgram.com/docs/text-summarization, /docs/text-topic-detection,
/docs/text-intention-recognition and /docs/text-sentiment-analysis. The summary has one key, `text`, where
that of a recording has `result` and `short`.
"""

import msgspec

from ringback.clock import rfc3339
from ringback.listen.options import ListenOptions, ParameterWarning
from ringback.listen.understanding_parts import JsonIntents, JsonSentiments, JsonTopics, JsonUsage, Understood


class _TextSummary(msgspec.Struct):
    text: str


class _ReadResults(msgspec.Struct, omit_defaults=True):
    summary: _TextSummary | None = None
    topics: JsonTopics | None = None
    intents: JsonIntents | None = None
    sentiments: JsonSentiments | None = None


class _ReadMetadata(msgspec.Struct, omit_defaults=True):
    request_id: str
    created: str
    language: str
    tags: tuple[str, ...] = ()
    summary_info: JsonUsage | None = None
    topics_info: JsonUsage | None = None
    intents_info: JsonUsage | None = None
    sentiment_info: JsonUsage | None = None
    warnings: tuple[ParameterWarning, ...] = ()


class ReadDocument(msgspec.Struct):
    """What was understood of a text: https://developers.deepgram.com/reference/text-intelligence/analyze-text"""

    metadata: _ReadMetadata
    results: _ReadResults


def read_document(request_id: str, created: float, options: ListenOptions, understood: Understood) -> bytes:
    """The whole result; `created` in Unix seconds. The same input always gives the same bytes."""
    metadata = _ReadMetadata(
        request_id=request_id,
        created=rfc3339(created),
        language=options.language,
        tags=options.tag,
        summary_info=understood.summary_info,
        topics_info=understood.topics_info,
        intents_info=understood.intents_info,
        sentiment_info=understood.sentiment_info,
        warnings=options.warnings + understood.warnings,
    )
    found = _ReadResults(
        summary=None if understood.summary is None else _TextSummary(understood.summary.text),
        topics=understood.topics,
        intents=understood.intents,
        sentiments=understood.sentiments,
    )
    return _ENCODER.encode(ReadDocument(metadata, found))


_ENCODER = msgspec.json.Encoder()
