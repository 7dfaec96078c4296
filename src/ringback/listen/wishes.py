"""What the live conversation wants done: things for the ears, messages for the relay, and the close."""

from dataclasses import dataclass
from enum import Enum, StrEnum


class MessageKind(StrEnum):
    """What a message is, for those who pass it on without reading it."""

    INTERIM = "interim"
    """Results that may still change: a newer one makes it worthless."""
    FINAL = "final"
    SPEECH_STARTED = "speech_started"
    UTTERANCE_END = "utterance_end"
    METADATA = "metadata"
    ANSWER = "answer"
    """To a text message of the client (Error, ConfigureSuccess, ConfigureFailure): of no meaning to a
    callback."""


@dataclass(frozen=True, slots=True)
class Audio:
    """Bytes for the ears."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """The ears shall report what is open as final; in one lane with the audio, which it cannot overtake."""

    channel: int | None
    """None: every channel."""


@dataclass(frozen=True, slots=True)
class End:
    """No more audio comes: the ears shall report what is open, then `Finished`. In the same lane."""


@dataclass(frozen=True, slots=True)
class Say:
    """One text message, JSON in UTF-8, shorter than 1 MiB."""

    message: bytes
    kind: MessageKind


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket; always the last wish, and told once."""

    code: int
    reason: str
    """At most 123 bytes (RFC 6455, section 5.5)."""


Wish = Audio | Flush | End | Say | Close


class Ending(Enum):
    """Why a conversation ends, with its close code and reason."""

    ASKED = 1000, ""
    """CloseStream or an empty binary frame (https://developers.deepgram.com/docs/close-stream)."""
    CLIENT_GONE = 1000, "The client has gone."
    """The client's socket is lost; what it said is still heard to its end, for a callback's sake."""
    SILENT = (
        1011,
        "Deepgram did not receive audio data or a text message within the timeout window. "
        "See https://dpgr.am/net0001",
    )
    """https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors"""
    STOPPING = 1001, "The server is stopping."
    UNDECODABLE = 1008, "DATA-0000"
    """Same page."""
    FAILED = (
        1011,
        "Deepgram did not provide a response message within the timeout window. See https://dpgr.am/net0000",
    )
    """Same page: trouble on the server's side."""
    CANCELLED = 1008, "The request was cancelled."
    """Over HTTP, by somebody who may: its record is ended."""
    UNREAD = 1008, "The client does not read what it is sent."
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
        """Whether what was heard so far is still told before the end."""
        return self in {Ending.ASKED, Ending.CLIENT_GONE, Ending.SILENT, Ending.STOPPING}
