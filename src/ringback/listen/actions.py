"""What a live conversation asks its session to do: feed the recogniser, send messages, close the socket."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from ringback.listen.turn_confidence import TurnThresholds


class MessageKind(StrEnum):
    """What a message is, for code that passes it on without parsing it."""

    INTERIM = "interim"
    """Results that may still change; worthless once newer ones exist."""
    FINAL = "final"
    SPEECH_STARTED = "speech_started"
    UTTERANCE_END = "utterance_end"
    METADATA = "metadata"
    ANSWER = "answer"
    """To a text message of the client (Error, ConfigureSuccess, ConfigureFailure, Warning); not sent to
    callbacks."""
    CONNECTED = "connected"
    """The first message of a turn-based stream, as are all that follow."""
    UPDATE = "update"
    START_OF_TURN = "start_of_turn"
    EAGER_END_OF_TURN = "eager_end_of_turn"
    TURN_RESUMED = "turn_resumed"
    END_OF_TURN = "end_of_turn"
    FATAL_ERROR = "fatal_error"
    """Why the stream ends."""


@dataclass(frozen=True, slots=True)
class FeedAudio:
    """Bytes for the recogniser, as the client sent them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FlushRecogniser:
    """Report the open span as final. Queued behind the audio that came before it."""

    channel: int | None
    """None: every channel."""


@dataclass(frozen=True, slots=True)
class EndAudio:
    """No more audio comes: report what is open, then `RecognitionFinished`. Queued behind the audio."""


RECOGNISER_TIMEOUT = 30.0
"""Seconds that an ending stream waits for the recogniser's next event before it closes without it."""


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Change these from now on (https://developers.deepgram.com/docs/configure); None: leave it as it is."""

    numerals: bool | None
    keyterms: tuple[str, ...] | None
    thresholds: TurnThresholds | None = None
    language_hints: tuple[str, ...] | None = None
    """Without regions."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """One text message, JSON in UTF-8, shorter than 1 MiB."""

    message: bytes
    kind: MessageKind


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close the socket. Always the last action, and there is exactly one."""

    code: int
    reason: str
    """At most 123 bytes (RFC 6455, section 5.5)."""


Action = FeedAudio | FlushRecogniser | EndAudio | Reconfigure | SendMessage | CloseSocket


class CloseReason(Enum):
    """Why a conversation ends, with the code and the reason of the close frame."""

    CLOSE_STREAM = 1000, ""
    """CloseStream or an empty binary frame (https://developers.deepgram.com/docs/close-stream)."""
    CLIENT_GONE = 1000, "The client has gone."
    """The client's socket is lost; its audio is still recognised to the end, for the callback."""
    IDLE_TIMEOUT = (
        1011,
        "Deepgram did not receive audio data or a text message within the timeout window. "
        "See https://dpgr.am/net0001",
    )
    """https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors"""
    SERVER_STOPPING = 1001, "The server is stopping."
    UNDECODABLE = 1008, "DATA-0000"
    """Same page."""
    FAILED = (
        1011,
        "Deepgram did not provide a response message within the timeout window. See https://dpgr.am/net0000",
    )
    """Same page: trouble on the server's side."""
    UNPARSABLE = 1008, "UNPARSABLE_CLIENT_MESSAGE"
    """Of a turn-based stream alone: a text message that cannot be read ends it."""
    CANCELLED = 1008, "The request was cancelled."
    """Over HTTP, by a caller with the permission: its record has ended."""
    AUDIO_USED_UP = 1008, "This key or project has used its seconds of audio for today, until midnight UTC."
    CLIENT_TOO_SLOW = 1008, "The client does not read what it is sent."
    CALLBACK_LOST = 1011, "The callback's connection was lost, and with it this stream's results."
    CALLBACK_BEHIND = 1011, "The callback has fallen too far behind this stream."

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def reason(self) -> str:
        return self.value[1]

    @property
    def graceful(self) -> bool:
        """Whether the audio received so far is still recognised and its results sent before the close."""
        return self in {
            CloseReason.CLOSE_STREAM,
            CloseReason.CLIENT_GONE,
            CloseReason.IDLE_TIMEOUT,
            CloseReason.SERVER_STOPPING,
            CloseReason.AUDIO_USED_UP,
        }
