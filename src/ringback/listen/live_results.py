"""What a live stream says, as Deepgram's JSON messages.

Field by field as https://developers.deepgram.com/reference/speech-to-text/listen-streaming has it, in the
order in which Deepgram writes them. What the strict clients require (Python 5, Rust) is always there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from ringback.listen.options import ListenOptions, Unserved
from ringback.listen.written import (
    ModelFacts,
    WrittenModel,
    WrittenWord,
    WrittenWords,
    rfc3339,
    seconds,
    share,
)
from ringback.transcript import Alternative, Word

MOST_ECHOED = 4_096
"""Characters of a client's message that an Error tells again."""


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What the messages tell beside the words."""

    request_id: str
    """A UUID."""
    created: float
    """Unix seconds."""
    models: tuple[ModelFacts, ...]
    """At least one; the first is named in each Results."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one channel, in whole milliseconds: one span's end is exactly the next one's start."""

    channel: int
    start: int
    end: int


class LiveMessages:
    """The messages of one stream, each as UTF-8 and shorter than 1 MiB."""

    def __init__(self, options: ListenOptions, facts: StreamFacts) -> None:
        self._options = options
        self._facts = facts
        self._results_metadata = _results_metadata(options, facts)
        self._channels = 1

    def opened(self, channels: int) -> None:
        """From now on channels are told as [index, channels]."""
        self._channels = channels

    def results(
        self,
        span: Span,
        words: Sequence[Word],
        *,
        final: bool,
        speech_final: bool = False,
        from_finalize: bool = False,
    ) -> bytes:
        """Results of a span; the words must be one of the `pieces` of what was said."""
        said = Alternative(tuple(words))
        writer = WrittenWords(self._options)
        alternative = _Alternative(
            transcript=said.text,
            confidence=share(said.confidence),
            words=writer.write(said.words),
            # Left out where no word has a language: there are clients that take the first without looking.
            languages=writer.languages(said.words) or None,
        )
        return _ENCODER.encode(
            _Results(
                channel_index=(span.channel, self._channels),
                duration=(span.end - span.start) / 1000,
                start=span.start / 1000,
                is_final=final,
                speech_final=speech_final,
                channel=_Channel([alternative]),
                metadata=self._results_metadata,
                from_finalize=from_finalize,
            )
        )

    def speech_started(self, channel: int, at: float) -> bytes:
        """https://developers.deepgram.com/docs/speech-started"""
        return _ENCODER.encode(_SpeechStarted((channel, self._channels), seconds(at)))

    def utterance_end(self, channel: int, last_word_end: float) -> bytes:
        """https://developers.deepgram.com/docs/utterance-end; -1: `speech_final` has told it already."""
        return _ENCODER.encode(_UtteranceEnd((channel, self._channels), last_word_end))

    def metadata(self, sha256: str, duration: float, channels: int) -> bytes:
        """The summary at the end; without audio (no channels) the short form, which names no models
        (https://developers.deepgram.com/docs/close-stream)."""
        models = {model.uuid: WrittenModel.of(model) for model in self._facts.models} if channels else {}
        return _ENCODER.encode(
            _Metadata(
                transaction_key="deprecated",
                request_id=self._facts.request_id,
                sha256=sha256,
                created=rfc3339(self._facts.created),
                duration=seconds(duration),
                channels=channels,
                models=tuple(models),
                model_info=models,
                tags=self._options.tag,
                extra=self._options.extra,
                warnings=self._options.unserved,
            )
        )

    def error(self, variant: str, description: str, text: str) -> bytes:
        """An Error about the client's `text`, of which only the beginning is told again."""
        shown = text if len(text) <= MOST_ECHOED else text[:MOST_ECHOED] + "…"
        return _ENCODER.encode(_Error(variant, _sayable(description), _sayable(shown)))

    def configured(self, keyterms: Sequence[str] | None) -> bytes:
        """https://developers.deepgram.com/changelog/2026/10/19"""
        return _ENCODER.encode(
            _ConfigureSuccess(self._facts.request_id, None if keyterms is None else tuple(keyterms))
        )

    def not_configured(self, code: str, description: str) -> bytes:
        """https://developers.deepgram.com/changelog/2026/10/19; the code is one of Deepgram's four."""
        return _ENCODER.encode(_ConfigureFailure(self._facts.request_id, code, _sayable(description)))


def pieces(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The words in as many messages as they need to stay well below 1 MiB; at least one piece.

    What one span of speech holds fits into one many times over: this is for a recogniser gone astray.
    """
    piece: list[Word] = []
    room = _ROOM
    for word in words:
        fitting = word if len(word.text) <= _LONGEST_WORD else replace(word, text=word.text[:_LONGEST_WORD])
        needed = _WORD_BYTES + _CHARACTER_BYTES * len(fitting.text)
        if needed > room:
            yield piece
            piece, room = [], _ROOM
        piece.append(fitting)
        room -= needed
    yield piece


# A character stands in `transcript`, `word` and `punctuated_word`, at worst as `\u0001` each time.
_CHARACTER_BYTES = 18
_WORD_BYTES = 200
_LONGEST_WORD = 10_000
_ROOM = 800_000
"""Bytes; what else is in a message (`extra` above all) is bounded by `listen.options`."""


class _Alternative(msgspec.Struct, omit_defaults=True, gc=False):
    transcript: str
    confidence: float
    words: list[WrittenWord]
    languages: list[str] | None = None


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative]


class _Results(msgspec.Struct, tag_field="type", tag="Results"):
    channel_index: tuple[int, int]
    duration: float
    start: float
    is_final: bool
    speech_final: bool
    channel: _Channel
    metadata: msgspec.Raw
    from_finalize: bool


class _ResultsMetadata(msgspec.Struct, omit_defaults=True):
    request_id: str
    model_info: WrittenModel
    model_uuid: str
    extra: dict[str, str] = {}
    warnings: tuple[Unserved, ...] = ()


class _SpeechStarted(msgspec.Struct, tag_field="type", tag="SpeechStarted"):
    channel: tuple[int, int]
    timestamp: float


class _UtteranceEnd(msgspec.Struct, tag_field="type", tag="UtteranceEnd"):
    channel: tuple[int, int]
    last_word_end: float


class _Metadata(msgspec.Struct, omit_defaults=True, tag_field="type", tag="Metadata"):
    transaction_key: str
    request_id: str
    sha256: str
    created: str
    duration: float
    channels: int
    models: tuple[str, ...] = ()
    model_info: dict[str, WrittenModel] = {}
    tags: tuple[str, ...] = ()
    extra: dict[str, str] = {}
    warnings: tuple[Unserved, ...] = ()


class _Error(msgspec.Struct, tag_field="type", tag="Error"):
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


_ENCODER = msgspec.json.Encoder()


def _results_metadata(options: ListenOptions, facts: StreamFacts) -> msgspec.Raw:
    """The same in every Results, so written once. What the caller must not believe to be done (`redact`,
    say) is told from the first one on, as the Metadata at the end would come too late."""
    model = facts.models[0]
    return msgspec.Raw(
        _ENCODER.encode(
            _ResultsMetadata(
                request_id=facts.request_id,
                model_info=WrittenModel.of(model),
                model_uuid=model.uuid,
                extra=options.extra,
                warnings=tuple(warning for warning in options.unserved if warning.type == "unsupported"),
            )
        )
    )


def _sayable(text: str) -> str:
    """Without lone surrogates, which an escape in JSON can hold and UTF-8 cannot."""
    return text.encode(errors="replace").decode()
