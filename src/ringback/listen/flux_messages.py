"""The messages of a turn-based stream to its client, as Deepgram's JSON, each with the next `sequence_id`.

https://developers.deepgram.com/docs/flux/state; field by field as Deepgram's SDKs read them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from ringback.listen.actions import MessageKind, SendMessage
from ringback.listen.json_parts import seconds, share
from ringback.listen.live_messages import StreamMetadata, StreamSummary, encodable, summary_fields
from ringback.listen.options import ListenOptions
from ringback.listen.turn_confidence import TurnThresholds
from ringback.transcript import Word, joined


class TurnEvent(StrEnum):
    """What a TurnInfo tells."""

    UPDATE = "Update"
    START_OF_TURN = "StartOfTurn"
    EAGER_END_OF_TURN = "EagerEndOfTurn"
    TURN_RESUMED = "TurnResumed"
    END_OF_TURN = "EndOfTurn"


class TurnTrigger(StrEnum):
    """What ended a turn."""

    MODEL = "model"
    MANUAL = "manual"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class TurnSnapshot:
    """A turn as it stands: which it is, the audio that it covers, its words as they are written."""

    index: int
    start: float
    """Seconds of the stream: where the turn before ended."""
    end: float
    """How far the stream was heard."""
    words: tuple[Word, ...]
    confidence: float
    """That no more comes in this turn."""


class FluxMessages:
    """The messages of one stream; what is made must be sent, in this order."""

    def __init__(self, options: ListenOptions, facts: StreamMetadata) -> None:
        self._facts = facts
        self._options = options
        self._multilingual = options.code_switching
        self._next = 0

    def connected(self) -> SendMessage:
        """The first message."""
        return self._sent(_Connected(self._id, self._number()), MessageKind.CONNECTED)

    def turn_info(
        self,
        event: TurnEvent,
        turn: TurnSnapshot,
        *,
        trigger: TurnTrigger | None = None,
        hints: Sequence[str] = (),
    ) -> SendMessage:
        """`trigger`: of EndOfTurn alone. `hints`: the languages to expect in this turn."""
        spoken = Counter(word.language for word in turn.words if word.language)
        message = TurnInfo(
            request_id=self._id,
            sequence_id=self._number(),
            event=event.value,
            turn_index=turn.index,
            audio_window_start=seconds(turn.start),
            audio_window_end=seconds(turn.end),
            transcript=joined(turn.words),
            words=_json_words(turn),
            end_of_turn_confidence=share(turn.confidence),
            trigger=None if trigger is None else trigger.value,
            languages=[tag for tag, _ in spoken.most_common()] if self._multilingual else None,
            languages_hinted=list(hints) or None,
        )
        return self._sent(message, _KINDS[event])

    def configured(
        self, thresholds: TurnThresholds, keyterms: Sequence[str], hints: Sequence[str], *, numerals: bool
    ) -> SendMessage:
        """The whole configuration that is in force now."""
        message = _FluxConfigureSuccess(
            request_id=self._id,
            thresholds=_ThresholdsInForce(
                thresholds.eot_threshold, thresholds.eot_timeout_ms, thresholds.eager_eot_threshold
            ),
            keyterms=tuple(keyterms),
            numerals=numerals,
            sequence_id=self._number(),
            language_hints=tuple(hints) if self._multilingual else None,
        )
        return self._sent(message, MessageKind.ANSWER)

    def not_configured(self, description: str) -> SendMessage:
        """Nothing was changed. Which codes Deepgram has is said nowhere."""
        message = _FluxConfigureFailure(
            self._id, self._number(), "INVALID_CONFIGURATION", encodable(description)
        )
        return self._sent(message, MessageKind.ANSWER)

    def warning(self, code: str, description: str) -> SendMessage:
        """The stream goes on."""
        return self._sent(_FluxWarning(self._id, self._number(), code, description), MessageKind.ANSWER)

    def fatal(self, code: str, description: str) -> SendMessage:
        """The socket is closed behind it."""
        message = _FluxError(self._number(), code, encodable(description))
        return self._sent(message, MessageKind.FATAL_ERROR)

    def summary(self, duration: float, channels: int, turns: int) -> bytes:
        """What is kept in the record of the stream: no message. Its words are not kept."""
        fields = summary_fields(self._facts, self._options, "incomplete", duration, channels)
        return _ENCODER.encode(TurnStreamSummary(**fields, turns=turns))

    @property
    def _id(self) -> str:
        return self._facts.request_id

    def _number(self) -> int:
        number, self._next = self._next, self._next + 1
        return number

    def _sent(self, message: msgspec.Struct, kind: MessageKind) -> SendMessage:
        return SendMessage(_ENCODER.encode(message), kind)


class TurnWord(msgspec.Struct, gc=False):
    word: str
    confidence: float
    start: float
    end: float


class _Connected(msgspec.Struct, tag_field="type", tag="Connected"):
    request_id: str
    sequence_id: int


class TurnInfo(msgspec.Struct, omit_defaults=True, tag_field="type", tag="TurnInfo"):
    """The turn so far."""

    request_id: str
    sequence_id: int
    event: str
    turn_index: int
    audio_window_start: float
    audio_window_end: float
    transcript: str
    words: list[TurnWord]
    end_of_turn_confidence: float
    trigger: str | None = None
    """`model`, `manual` or `timeout`: of every EndOfTurn, and only there."""
    languages: list[str] | None = None
    """With `flux-general-multi`: the languages spoken, the most spoken first."""
    languages_hinted: list[str] | None = None
    """Where there are hints."""


class _ThresholdsInForce(msgspec.Struct, omit_defaults=True):
    eot_threshold: float
    eot_timeout_ms: int
    eager_eot_threshold: float | None = None


class _FluxConfigureSuccess(msgspec.Struct, omit_defaults=True, tag_field="type", tag="ConfigureSuccess"):
    request_id: str
    thresholds: _ThresholdsInForce
    keyterms: tuple[str, ...]
    numerals: bool
    sequence_id: int
    language_hints: tuple[str, ...] | None = None


class _FluxConfigureFailure(msgspec.Struct, tag_field="type", tag="ConfigureFailure"):
    request_id: str
    sequence_id: int
    code: str
    description: str


class _FluxWarning(msgspec.Struct, tag_field="type", tag="Warning"):
    request_id: str
    sequence_id: int
    code: str
    description: str


class _FluxError(msgspec.Struct, tag_field="type", tag="Error"):
    """Fatal: the socket is closed behind it."""

    sequence_id: int
    code: str
    description: str


class TurnStreamSummary(StreamSummary, omit_defaults=True, tag_field="type", tag="TurnStream", kw_only=True):
    """What is kept as the result of a turn-based stream; it is not sent."""

    turns: int
    """That ended."""


FLUX_MESSAGES: tuple[type[msgspec.Struct], ...] = (
    _Connected,
    TurnInfo,
    _FluxConfigureSuccess,
    _FluxConfigureFailure,
    _FluxWarning,
    _FluxError,
)
"""All that a turn-based stream may say."""


def _json_words(turn: TurnSnapshot) -> list[TurnWord]:
    """The words, within the window and each at or after the one before: what a recogniser says of the edges
    of two of them may overlap."""
    written = []
    first = last = turn.start
    for word in turn.words:
        first = min(max(first, word.start), turn.end)
        last = min(max(last, first, word.end), turn.end)
        written.append(TurnWord(word.text, share(word.confidence), seconds(first), seconds(last)))
    return written


_KINDS = {
    TurnEvent.UPDATE: MessageKind.UPDATE,
    TurnEvent.START_OF_TURN: MessageKind.START_OF_TURN,
    TurnEvent.EAGER_END_OF_TURN: MessageKind.EAGER_END_OF_TURN,
    TurnEvent.TURN_RESUMED: MessageKind.TURN_RESUMED,
    TurnEvent.END_OF_TURN: MessageKind.END_OF_TURN,
}
_ENCODER = msgspec.json.Encoder()
