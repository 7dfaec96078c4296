"""The live conversation, sans-IO: what a client sends and what the ears hear in, what is to be done out.

How the three fit: the *session* (`streaming.session`) owns the sockets and the clock. It hands every frame
of the client (`binary`, `text`), every event of the ears (`hear`) and the passing of time (`tick`, due at
`deadline`) to the conversation, with its clock's monotonic `now`, and carries out the wishes that come back,
in their order: `Audio`, `Flush` and `End` into the one lane to the ears, `Say` to the relay, `Close` last.
The *ears* (`streaming.hearing`) turn audio into hearing events (`listen.hearing_events` says in what order);
the session applies the text features to `Heard.words` before it hands them over.
The *conversation* alone knows Deepgram's protocol. It keeps no audio and waits for nothing.
"""

from dataclasses import dataclass

from ringback.listen.hearing_events import (
    Cause,
    Finished,
    Heard,
    HearingEvent,
    Opened,
    Reached,
    SpeechBegan,
    Undecodable,
)
from ringback.listen.options import ListenOptions
from ringback.listen.results import ModelFacts
from ringback.listen.wishes import Audio, Close, End, Ending, Flush, MessageKind, Say, Wish

__all__ = [
    "Audio",
    "Cause",
    "Close",
    "Conversation",
    "End",
    "Ending",
    "Finished",
    "Flush",
    "Heard",
    "HearingEvent",
    "MessageKind",
    "Opened",
    "Reached",
    "Say",
    "SpeechBegan",
    "StreamFacts",
    "Undecodable",
    "Wish",
]


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What the messages tell beside the words."""

    request_id: str
    """A UUID."""
    created: float
    """Unix seconds."""
    models: tuple[ModelFacts, ...]
    """At least one; the first is named in each Results."""


class Conversation:
    """One stream's conversation. Every method returns what is to be done now; after `Close`, nothing more."""

    def __init__(self, options: ListenOptions, facts: StreamFacts, now: float) -> None:
        raise NotImplementedError

    def binary(self, data: bytes, now: float) -> list[Wish]:
        """A binary frame: audio; an empty one asks for the end (https://developers.deepgram.com/docs/close-stream)."""
        raise NotImplementedError

    def text(self, text: str, now: float) -> list[Wish]:
        """A text frame: KeepAlive, Finalize, CloseStream, Configure; an Error answers anything else."""
        raise NotImplementedError

    def hear(self, event: HearingEvent, now: float) -> list[Wish]:
        """The ears report."""
        raise NotImplementedError

    def tick(self, now: float) -> list[Wish]:
        """Time has passed; does something only when `deadline` has come."""
        raise NotImplementedError

    def resume(self, now: float) -> None:
        """The session held its reading back until now (full ears): that silence was not the client's."""
        raise NotImplementedError

    def end(self, ending: Ending, now: float) -> list[Wish]:
        """The session has a reason to end the stream: the server stops, something broke, …"""
        raise NotImplementedError

    @property
    def deadline(self) -> float | None:
        """When `tick` is due next; None once closed."""
        raise NotImplementedError

    @property
    def closed(self) -> bool:
        """Whether `Close` was wished."""
        raise NotImplementedError
