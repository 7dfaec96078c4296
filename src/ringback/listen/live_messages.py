"""The messages of a live stream to its client, as Deepgram's JSON.

Field by field as https://developers.deepgram.com/reference/speech-to-text/listen-streaming has it, in the
order in which Deepgram writes them. What the strict clients require (Python 5, Rust) is always there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ringback.clock import rfc3339
from ringback.listen.json_parts import (
    JsonDiarizer,
    JsonEntity,
    JsonModel,
    JsonSearch,
    JsonWord,
    ModelMetadata,
    WordWriter,
    seconds,
    share,
)
from ringback.listen.options import ListenOptions, ParameterWarning
from ringback.transcript import Alternative, Word

MOST_ECHOED = 4_096
"""Characters of a client's message that an Error quotes."""


@dataclass(frozen=True, slots=True)
class StreamMetadata:
    """What the messages hold beside the words."""

    request_id: str
    """A UUID."""
    created: float
    """Unix seconds."""
    models: tuple[ModelMetadata, ...]
    """At least one; the first is named in each Results."""
    diarizer: JsonDiarizer | None = None
    """What tells the speakers, if anything does."""
    takes_terms: bool = True
    """Whether the model takes words to expect (`keyterm`)."""

    @property
    def no_terms(self) -> str:
        """What there is to say of terms that are not taken."""
        return f"{self.models[0].name} takes no words to expect."


@dataclass(frozen=True, slots=True)
class ResultSpan:
    """A stretch of one channel, in whole milliseconds: one span's end is exactly the next one's start."""

    channel: int
    start: int
    end: int


class LiveMessages:
    """The messages of one stream, each as UTF-8 and shorter than 1 MiB."""

    def __init__(self, options: ListenOptions, facts: StreamMetadata) -> None:
        self._options = options
        self._facts = facts
        self._results_metadata = _results_metadata(options, facts)
        self._channels = 1

    def set_channels(self, channels: int) -> None:
        """The number of channels, for every later `channel_index` ([index, channels])."""
        self._channels = channels

    def results(
        self,
        span: ResultSpan,
        words: Sequence[Word],
        *,
        final: bool,
        speech_final: bool = False,
        from_finalize: bool = False,
        entities: Sequence[JsonEntity] | None = None,
        search: Sequence[JsonSearch] | None = None,
    ) -> bytes:
        """Results of a span; the words must be one of the pieces that `split_words` made. `entities` (indices
        into these words) and `search`: None where not asked for."""
        best = Alternative(tuple(words))
        writer = WordWriter(self._options)
        alternative = _LiveAlternative(
            transcript=best.text,
            confidence=share(best.confidence),
            words=writer.write(best.words),
            # Left out where no word has a language: there are clients that take the first without looking.
            languages=writer.languages(best.words) or None,
            languages_hinted=writer.languages_hinted,
            entities=entities,
        )
        return _ENCODER.encode(
            _LiveResults(
                channel_index=(span.channel, self._channels),
                duration=(span.end - span.start) / 1000,
                start=span.start / 1000,
                is_final=final,
                speech_final=speech_final,
                channel=_LiveAlternatives([alternative], search),
                metadata=self._results_metadata,
                from_finalize=from_finalize,
                # The pages show them in the alternative, the SDKs' types have them here.
                entities=entities,
            )
        )

    def speech_started(self, channel: int, at: float) -> bytes:
        """https://developers.deepgram.com/docs/speech-started"""
        return _ENCODER.encode(_SpeechStartedMessage((channel, self._channels), seconds(at)))

    def utterance_end(self, channel: int, last_word_end: float) -> bytes:
        """https://developers.deepgram.com/docs/utterance-end; -1: `speech_final` closed it."""
        return _ENCODER.encode(_UtteranceEndMessage((channel, self._channels), last_word_end))

    def metadata(self, sha256: str, duration: float, channels: int) -> bytes:
        """The summary at the end; without audio (no channels) the short form, which names no models
        (https://developers.deepgram.com/docs/close-stream)."""
        fields = summary_fields(self._facts, self._options, sha256, duration, channels)
        return _ENCODER.encode(
            StreamSummary(**fields, extra=self._options.extra, warnings=self._options.warnings)
        )

    def error(self, variant: str, description: str, text: str) -> bytes:
        """An Error about the client's `text`, of which only the beginning is quoted."""
        quoted = text if len(text) <= MOST_ECHOED else text[:MOST_ECHOED] + "…"
        return _ENCODER.encode(_LiveError(variant, encodable(description), encodable(quoted)))

    def configured(self, keyterms: Sequence[str] | None) -> bytes:
        """https://developers.deepgram.com/changelog/2026/10/19"""
        return _ENCODER.encode(
            _ConfigureSuccess(self._facts.request_id, None if keyterms is None else tuple(keyterms))
        )

    def not_configured(self, code: str, description: str) -> bytes:
        """https://developers.deepgram.com/changelog/2026/10/19; the code is one of Deepgram's four."""
        return _ENCODER.encode(_ConfigureFailure(self._facts.request_id, code, encodable(description)))


def summary_fields(
    facts: StreamMetadata, options: ListenOptions, sha256: str, duration: float, channels: int
) -> dict[str, Any]:
    """What the summaries of both kinds of stream hold: fields of `StreamSummary`."""
    models = {model.uuid: JsonModel.of(model) for model in facts.models} if channels else {}
    return {
        "transaction_key": "deprecated",
        "request_id": facts.request_id,
        "sha256": sha256,
        "created": rfc3339(facts.created),
        "duration": seconds(duration),
        "channels": channels,
        "models": tuple(models),
        "model_info": models,
        "tags": options.tag,
    }


def split_words(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The words in as many messages as they need to stay well below 1 MiB; at least one piece.

    The words of one span fit into one many times over: this guards against a recogniser that repeats itself.
    """
    piece: list[Word] = []
    bytes_left = _WORDS_BYTES
    for word in words:
        fitting = word if len(word.text) <= _LONGEST_WORD else replace(word, text=word.text[:_LONGEST_WORD])
        needed = _WORD_BYTES + _CHARACTER_BYTES * len(fitting.text)
        if needed > bytes_left:
            yield piece
            piece, bytes_left = [], _WORDS_BYTES
        piece.append(fitting)
        bytes_left -= needed
    yield piece


# A character stands in `transcript`, `word` and `punctuated_word`, at worst as `\u0001` each time.
_CHARACTER_BYTES = 18
_WORD_BYTES = 200
_LONGEST_WORD = 10_000
_WORDS_BYTES = 400_000
"""Bytes. Entities repeat at most all of the words twice; what else is in a message (`extra`, the terms of
`search`) is bounded by `listen.options`."""


class _LiveAlternative(msgspec.Struct, omit_defaults=True, gc=False):
    transcript: str
    confidence: float
    words: list[JsonWord]
    languages: list[str] | None = None
    languages_hinted: list[str] | None = None
    entities: Sequence[JsonEntity] | None = None


class _LiveAlternatives(msgspec.Struct, omit_defaults=True):
    alternatives: list[_LiveAlternative]
    search: Sequence[JsonSearch] | None = None


class _LiveResults(msgspec.Struct, omit_defaults=True, tag_field="type", tag="Results"):
    channel_index: tuple[int, int]
    duration: float
    start: float
    is_final: bool
    speech_final: bool
    channel: _LiveAlternatives
    metadata: msgspec.Raw
    from_finalize: bool
    entities: Sequence[JsonEntity] | None = None


class _LiveResultsMetadata(msgspec.Struct, omit_defaults=True):
    request_id: str
    model_info: JsonModel
    model_uuid: str
    diarize_info: JsonDiarizer | None = None
    extra: dict[str, str] = {}
    warnings: tuple[ParameterWarning, ...] = ()


class _SpeechStartedMessage(msgspec.Struct, tag_field="type", tag="SpeechStarted"):
    channel: tuple[int, int]
    timestamp: float


class _UtteranceEndMessage(msgspec.Struct, tag_field="type", tag="UtteranceEnd"):
    channel: tuple[int, int]
    last_word_end: float


class StreamSummary(msgspec.Struct, omit_defaults=True, tag_field="type", tag="Metadata"):
    """The last message of a live stream, and what is kept as its result."""

    transaction_key: str
    request_id: str
    sha256: str
    created: str
    duration: float
    channels: int
    models: tuple[str, ...] = ()
    model_info: dict[str, JsonModel] = {}
    tags: tuple[str, ...] = ()
    extra: dict[str, str] = {}
    warnings: tuple[ParameterWarning, ...] = ()


class _LiveError(msgspec.Struct, tag_field="type", tag="Error"):
    variant: str
    description: str
    message: str


class _ConfigureSuccess(msgspec.Struct, omit_defaults=True, tag_field="type", tag="ConfigureSuccess"):
    request_id: str
    keyterms: tuple[str, ...] | None = None


class _ConfigureFailure(msgspec.Struct, tag_field="type", tag="ConfigureFailure"):
    request_id: str
    code: str
    description: str


MESSAGES: tuple[type[msgspec.Struct], ...] = (
    _LiveResults,
    _SpeechStartedMessage,
    _UtteranceEndMessage,
    StreamSummary,
    _LiveError,
    _ConfigureSuccess,
    _ConfigureFailure,
)
"""All that a stream may say."""

_ENCODER = msgspec.json.Encoder()


def _results_metadata(options: ListenOptions, facts: StreamMetadata) -> msgspec.Raw:
    """The same in every Results, so written once. Warnings of what is not done (`redact`, for example) stand
    in every one of them, as the Metadata at the end would come too late."""
    model = facts.models[0]
    return msgspec.Raw(
        _ENCODER.encode(
            _LiveResultsMetadata(
                request_id=facts.request_id,
                model_info=JsonModel.of(model),
                model_uuid=model.uuid,
                diarize_info=facts.diarizer,
                extra=options.extra,
                warnings=tuple(warning for warning in options.warnings if warning.type == "unsupported"),
            )
        )
    )


def encodable(text: str) -> str:
    """The text without lone surrogates, which an escape in JSON can hold and UTF-8 cannot."""
    return text.encode(errors="replace").decode()
