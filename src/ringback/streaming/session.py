"""One live stream from its first frame to its last message: tasks under one TaskGroup.

    in    client → conversation → FeedAudio, FlushRecogniser, EndAudio → recogniser     (strictly in order)
    out   recogniser → formatting → conversation → messages → relay

The first task that ends the session ends all of them. `listen.live` decides what is sent, the recogniser what
was said; this module has the waiting and the deadlines.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from ringback.clock import Clock
from ringback.listen.actions import (
    Action,
    CloseReason,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    MessageKind,
    Reconfigure,
    SendMessage,
)
from ringback.listen.recognition_events import (
    AudioOpened,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    VadProgress,
)
from ringback.listen.turn_confidence import TurnThresholds
from ringback.streaming.recent_words import RecentSpeech
from ringback.streaming.relay import Client, ClientClosed, Relay, RelayLost
from ringback.telemetry import STREAM_LATENCY
from ringback.telemetry.tracing import exemplar
from ringback.transcript import NamedSpan, Word

MAX_OUTBOX = 1_000
"""Messages that may wait for the relay; with more, adding one waits."""
LARGEST_BATCH = 64
"""Messages that are sent to the relay together."""
TICK_SECONDS = 0.25
"""How often deadlines are checked."""


class StreamRecogniser(Protocol):
    """Recognises one stream. `feed_audio`, `flush_channel` and `end_audio` are carried out in call order."""

    async def feed_audio(self, data: bytes) -> None:
        """Waits while recognition is too far behind."""
        ...

    async def flush_channel(self, channel: int | None) -> None: ...

    async def end_audio(self) -> None: ...

    def use_keyterms(self, keyterms: Sequence[str]) -> None:
        """In place of those so far, for what is recognised from now on."""
        ...

    def use_thresholds(self, thresholds: TurnThresholds) -> None:
        """The same, of a turn-based stream, from the next pause on."""
        ...

    def use_language_hints(self, hints: Sequence[str]) -> None:
        """The same; without regions."""
        ...

    async def find_names(self, words: Sequence[str], *, final: bool) -> Sequence[NamedSpan]:
        """The names, places and addresses in these words; none where the server has no model for them.
        Raises `EngineFailure`, `Misconfigured`."""
        ...

    def events(self) -> AsyncIterator[RecognitionEvent]:
        """Until `RecognitionFinished` or `Undecodable`."""
        ...

    async def close(self) -> None:
        """Stop; what is not recognised yet is lost."""
        ...


class StreamConversation(Protocol):
    """Leads the protocol of one stream: `listen.live.Conversation`, `listen.flux_conversation`."""

    def begin(self) -> Iterable[Action]: ...
    def receive_binary(self, data: bytes, now: float) -> Iterable[Action]: ...
    def receive_text(self, text: str, now: float) -> Iterable[Action]: ...
    def receive_event(self, event: RecognitionEvent, now: float) -> Iterable[Action]: ...
    def tick(self, now: float) -> Iterable[Action]: ...
    def resume(self, now: float) -> None: ...
    def end_stream(self, ending: CloseReason, now: float) -> Iterable[Action]: ...

    @property
    def deadline(self) -> float | None: ...
    @property
    def ending(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    @property
    def summary(self) -> bytes | None:
        """What the stream's record keeps where no Metadata was sent."""
        ...


class StreamText(Protocol):
    """Applies the text options to recognition events: `features.live.LiveText`."""

    @property
    def reads_names(self) -> bool: ...
    def switch_numerals(self, on: bool) -> None: ...
    def spoken(self, event: RecognitionResult) -> Sequence[Word]: ...
    def hear(
        self, event: RecognitionEvent, names: Sequence[NamedSpan] = ()
    ) -> Iterable[RecognitionEvent]: ...


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a stream ended."""

    code: int
    """The close code that the client got, or gave."""
    reason: str
    status: int
    """Of the stream's record, in HTTP's terms."""
    detail: str | None = None
    """For the log only."""

    @classmethod
    def by(cls, ending: CloseReason, detail: str | None = None) -> "SessionEnd":
        return cls(ending.code, ending.reason, _STATUSES[ending], detail)


@dataclass(slots=True)
class SessionTally:
    """Counts of what a session has done so far."""

    channels: int = 0
    audio_seconds: float = 0.0
    frames: int = 0
    size: int = 0
    """Bytes of all frames."""
    sent: Counter[MessageKind] = field(default_factory=Counter)
    """Messages sent to the relay, by kind."""
    metadata: bytes | None = None
    """The Metadata message, once it was sent."""


class Session:
    """Runs once. It closes the recogniser, the relay and the client's socket, however it ends."""

    def __init__(
        self,
        *,
        client: Client,
        relay: Relay,
        recogniser: StreamRecogniser,
        conversation: StreamConversation,
        text: StreamText,
        recent: RecentSpeech,
        clock: Clock,
        outlives_client: bool,
        report: Callable[[BaseException], None],
    ) -> None:
        """`outlives_client`: a callback gets the results, so the stream goes on to its end when the client
        has gone. `report` takes unexpected exceptions."""
        self.tally = SessionTally()
        self.recent = recent
        self._client = client
        self._relay = relay
        self._recogniser = recogniser
        self._conversation = conversation
        self._text = text
        self._clock = clock
        self._outlives_client = outlives_client
        self._report = report
        self._outbox: asyncio.Queue[SendMessage | CloseSocket] = asyncio.Queue(MAX_OUTBOX)
        self._ended: SessionEnd | None = None
        self._over = asyncio.Event()
        self._end_requests: asyncio.Queue[CloseReason] = asyncio.Queue()
        self._order_of_input = asyncio.Lock()
        self._feeding = False

    async def run(self, stopping: asyncio.Event) -> SessionEnd:
        """Serve the stream to its end. When `stopping` is set, open results are still sent first; when this
        is cancelled, they are not."""
        try:
            await self._run_tasks(stopping)
        except asyncio.CancelledError:
            self._end(SessionEnd.by(CloseReason.SERVER_STOPPING))
        except ExceptionGroup as group:
            self._report(group.exceptions[0])
            self._end(SessionEnd.by(CloseReason.FAILED))
        assert self._ended is not None
        await self._close_all(self._ended)
        return self._ended

    def end(self, reason: CloseReason) -> None:
        """End it with this reason, which comes from outside: cancelled, or over its quota."""
        self._end_requests.put_nowait(reason)

    async def _run_tasks(self, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(task)
                for task in (
                    self._receive_frames(),
                    self._forward_events(),
                    self._relay_messages(),
                    self._watch_deadlines(),
                    self._watch_relay(),
                    self._watch_stop(stopping),
                    self._watch_end_requests(),
                )
            ]
            await self._over.wait()
            for task in tasks:
                task.cancel()

    async def _close_all(self, ended: SessionEnd) -> None:
        """Close everything, also while this is being cancelled."""
        await asyncio.shield(
            asyncio.gather(
                self._client.close(ended.code, ended.reason),
                self._relay.close(ended.code, ended.reason),
                self._recogniser.close(),
            )
        )

    def _end(self, ended: SessionEnd) -> None:
        """Only the first end counts."""
        if self._ended is None:
            self._ended = ended
        self._over.set()

    # In

    async def _receive_frames(self) -> None:
        await self._perform(self._conversation.begin())
        while True:
            match await self._client.receive_message():
                case ClientClosed() as closed:
                    return await self._on_client_closed(closed)
                case bytes() as data:
                    self.tally.frames += 1
                    self.tally.size += len(data)
                    await self._perform(self._conversation.receive_binary(data, self._clock.monotonic()))
                case str() as text:
                    await self._perform(self._conversation.receive_text(text, self._clock.monotonic()))

    async def _on_client_closed(self, closed: ClientClosed) -> None:
        """The client has gone. A callback still gets the results of the audio until then.

        A client that ended its side behind its CloseStream waits for its results.
        """
        if closed.reads and self._conversation.ending:
            return
        if self._outlives_client:
            await self._end_conversation(CloseReason.CLIENT_GONE)
        else:
            self._end(SessionEnd(closed.code, "", _status_of(closed)))

    async def _end_conversation(self, ending: CloseReason) -> None:
        await self._perform(self._conversation.end_stream(ending, self._clock.monotonic()))

    async def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case SendMessage() | CloseSocket():
                    if isinstance(action, SendMessage):
                        self.recent.note_message(action)
                    await self._outbox.put(action)
                case _:
                    async with self._order_of_input:
                        await self._control_recogniser(action)

    async def _control_recogniser(self, action: FeedAudio | FlushRecogniser | EndAudio | Reconfigure) -> None:
        match action:
            case FeedAudio():
                # While this waits nothing is read from the client, so its silence must not count.
                self._feeding = True
                await self._recogniser.feed_audio(action.data)
                self._feeding = False
                self._conversation.resume(self._clock.monotonic())
            case FlushRecogniser():
                await self._recogniser.flush_channel(action.channel)
            case EndAudio():
                await self._recogniser.end_audio()
            case Reconfigure():
                self._reconfigure(action)
            case _:
                assert_never(action)

    def _reconfigure(self, change: Reconfigure) -> None:
        if change.numerals is not None:
            self._text.switch_numerals(change.numerals)
        if change.keyterms is not None:
            self._recogniser.use_keyterms(change.keyterms)
        if change.thresholds is not None:
            self._recogniser.use_thresholds(change.thresholds)
        if change.language_hints is not None:
            self._recogniser.use_language_hints(change.language_hints)

    # Out

    async def _forward_events(self) -> None:
        async for event in self._recogniser.events():
            self._count(event)
            # Words whose names could not be looked for are not sent: the stream ends with the failure.
            names = await self._names_in(event)
            for formatted in self._text.hear(event, names):
                if isinstance(formatted, RecognitionResult):
                    self.recent.note_result(formatted)
                await self._perform(self._conversation.receive_event(formatted, self._clock.monotonic()))
        if not self._conversation.closed:
            raise RuntimeError("the recogniser ended before the conversation")

    async def _names_in(self, event: RecognitionEvent) -> Sequence[NamedSpan]:
        if not isinstance(event, RecognitionResult) or not self._text.reads_names:
            return ()
        words = [word.text for word in self._text.spoken(event)]
        return await self._recogniser.find_names(words, final=event.final) if words else ()

    def _count(self, event: RecognitionEvent) -> None:
        match event:
            case AudioOpened():
                self.tally.channels = event.channels
            case VadProgress():
                self.tally.audio_seconds = max(self.tally.audio_seconds, event.until)
            case RecognitionResult():
                # As Deepgram measures it: https://developers.deepgram.com/docs/measuring-streaming-latency
                kind = MessageKind.FINAL if event.final else MessageKind.INTERIM
                behind = max(0.0, self.tally.audio_seconds - event.end)
                STREAM_LATENCY.labels(kind.value).observe(behind, exemplar())
            case RecognitionFinished():
                self.tally.channels = event.channels
                self.tally.audio_seconds = event.duration
            case _:
                pass

    async def _relay_messages(self) -> None:
        while True:
            batch = await self._next_batch()
            messages = [action for action in batch if isinstance(action, SendMessage)]
            try:
                await self._relay.send_messages(messages)
            except RelayLost as lost:
                return self._end(SessionEnd.by(lost.ending, str(lost)))
            self._count_sent(messages)
            last = batch[-1]
            if isinstance(last, CloseSocket):
                return self._end(SessionEnd.by(CloseReason((last.code, last.reason))))

    async def _next_batch(self) -> list[SendMessage | CloseSocket]:
        """The waiting messages, up to a close, after which none may be sent."""
        batch = [await self._outbox.get()]
        while (
            not isinstance(batch[-1], CloseSocket) and len(batch) < LARGEST_BATCH and not self._outbox.empty()
        ):
            batch.append(self._outbox.get_nowait())
        return batch

    def _count_sent(self, messages: Iterable[SendMessage]) -> None:
        for each in messages:
            self.tally.sent[each.kind] += 1
            if each.kind is MessageKind.METADATA:
                self.tally.metadata = each.message

    # Watching

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now, deadline = self._clock.monotonic(), self._conversation.deadline
            if deadline is not None and now >= deadline and not self._feeding:
                await self._perform(self._conversation.tick(now))

    async def _watch_relay(self) -> None:
        lost = await self._relay.wait_lost()
        self._end(SessionEnd.by(lost.ending, str(lost)))

    async def _watch_stop(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        await self._end_conversation(CloseReason.SERVER_STOPPING)

    async def _watch_end_requests(self) -> None:
        while True:
            await self._end_conversation(await self._end_requests.get())


_STATUSES = {
    CloseReason.CLOSE_STREAM: 200,
    CloseReason.CLIENT_GONE: 200,
    CloseReason.IDLE_TIMEOUT: 408,
    CloseReason.CANCELLED: 499,
    CloseReason.AUDIO_USED_UP: 429,
    CloseReason.CLIENT_TOO_SLOW: 408,
    CloseReason.UNDECODABLE: 400,
    CloseReason.UNPARSABLE: 400,
    CloseReason.FAILED: 500,
    CloseReason.CALLBACK_LOST: 502,
    CloseReason.CALLBACK_BEHIND: 503,
    CloseReason.SERVER_STOPPING: 503,
}

_CLOSED_FOR_THE_CLIENT = {1002: 400, 1007: 400, 1009: 413}
"""Close codes of the WebSocket protocol for a client's faulty messages, and the status of the record."""


def _status_of(closed: ClientClosed) -> int:
    """A client that closed cleanly got its results: 200. One whose connection broke: 499, as for
    recordings."""
    return _CLOSED_FOR_THE_CLIENT.get(closed.code, 200 if closed.cleanly else 499)
