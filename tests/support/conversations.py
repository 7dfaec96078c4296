"""A live conversation driven by hand: what goes in, and what came out of it so far."""

import json
from collections.abc import Iterable
from typing import cast

from ringback.listen.json_parts import ModelMetadata
from ringback.listen.live import (
    Action,
    AudioOpened,
    Cause,
    CloseReason,
    CloseSocket,
    Conversation,
    MessageKind,
    RecognitionEvent,
    RecognitionResult,
    SendMessage,
    StreamMetadata,
    VadProgress,
)
from ringback.listen.options import ListenOptions, Mode, parse
from ringback.transcript import Word

REQUEST = "0f6b2c1e-7a5d-4f0e-9b1c-3d2e1f0a9b8c"
MODEL = ModelMetadata("9a1f0d2c-1111-5222-8333-444455556666", "tiny.en", "2024-01-01", "whisper")
FACTS = StreamMetadata(REQUEST, 1_800_000_000.25, (MODEL,))

Json = dict[str, object]


def live_options(query: str) -> ListenOptions:
    """`a=1&b=2`, as in a URL."""
    pairs = [tuple(part.split("=", 1)) for part in query.split("&") if part]
    return parse(cast(list[tuple[str, str]], pairs), Mode.LIVE)


def spoken(text: str, start: float, end: float) -> tuple[Word, ...]:
    """The words of a text, spread evenly over the time."""
    said = text.split()
    each = (end - start) / max(len(said), 1)
    return tuple(Word(w, start + i * each, start + (i + 1) * each, 0.9) for i, w in enumerate(said))


class Talk:
    """Feeds a conversation and keeps its messages, decoded, with their kinds; times in are `now`."""

    def __init__(
        self, query: str = "", channels: int | None = 1, now: float = 0.0, facts: StreamMetadata = FACTS
    ) -> None:
        """Opened with so many channels; None: no audio has come."""
        self.now = now
        self.conversation = Conversation(live_options(query), facts, now)
        self.said: list[tuple[MessageKind, Json]] = []
        self.actions: list[Action] = []
        if channels is not None:
            self.binary(b"audio")
            self.hear(AudioOpened(channels))
        self.fresh()

    def binary(self, data: bytes) -> "Talk":
        return self._keep(self.conversation.receive_binary(data, self.now))

    def text(self, text: str | Json) -> "Talk":
        message = text if isinstance(text, str) else json.dumps(text)
        return self._keep(self.conversation.receive_text(message, self.now))

    def hear(self, *events: RecognitionEvent) -> "Talk":
        for event in events:
            self._keep(self.conversation.receive_event(event, self.now))
        return self

    def tick(self, now: float) -> "Talk":
        self.now = now
        return self._keep(self.conversation.tick(now))

    def end(self, ending: CloseReason) -> "Talk":
        return self._keep(self.conversation.end_stream(ending, self.now))

    def fresh(self) -> list[Json]:
        """The messages since the last call."""
        found, self.said = [message for _, message in self.said], []
        return found

    def fresh_wishes(self) -> list[Action]:
        """All but messages, since the last call."""
        found, self.actions = self.actions, []
        return [action for action in found if not isinstance(action, SendMessage)]

    @property
    def closed_with(self) -> CloseSocket | None:
        return next((action for action in self.actions if isinstance(action, CloseSocket)), None)

    def _keep(self, actions: Iterable[Action]) -> "Talk":
        for action in actions:
            self.actions.append(action)
            if isinstance(action, SendMessage):
                self.said.append((action.kind, cast(Json, json.loads(action.message))))
        return self


def interim(text: str, end: float, *, start: float = 0.0, channel: int = 0) -> RecognitionResult:
    """An open span and its words, which end where the span ends."""
    return RecognitionResult(channel, start, end, spoken(text, start, end), final=False, cause=Cause.UPDATE)


def final(
    text: str, end: float, cause: Cause = Cause.ENDPOINT, *, start: float = 0.0, channel: int = 0
) -> RecognitionResult:
    """A final span and its words, which end where the span ends."""
    return RecognitionResult(channel, start, end, spoken(text, start, end), final=True, cause=cause)


def quiet(until: float, since: float, channel: int = 0) -> VadProgress:
    return VadProgress(channel, until, since)


def transcript(message: Json) -> str:
    channel = cast(dict[str, list[dict[str, str]]], message["channel"])
    return channel["alternatives"][0]["transcript"]
