"""One live stream from its first frame to its last word: two lanes under one TaskGroup.

    in    client → conversation → audio, Flush, End → ears      (one lane: none of them overtakes another)
    out   ears → words as asked for → conversation → messages → relay

Either lane's end ends both. What the protocol says is the conversation's to know, what is heard the ears';
here is only who waits for whom, and for how long.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from ringback.clock import Clock
from ringback.features.live import LiveText
from ringback.listen.actions import (
    Action,
    CloseReason,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    MessageKind,
    SendMessage,
)
from ringback.listen.live import Conversation
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    RecognitionEvent,
    RecognitionFinished,
    VadProgress,
)
from ringback.streaming.relay import Client, Gone, Relay, RelayLost

MOST_UNSAID = 1_000
"""Messages that may wait for the relay; above, the lanes wait."""
LARGEST_BATCH = 64
"""Messages that are passed on together."""
TICK_SECONDS = 0.25
"""How exactly deadlines are kept."""


class Ears(Protocol):
    """What hears one stream. `feed`, `flush` and `end` are carried out in the order of the calls."""

    async def feed(self, data: bytes) -> None:
        """Waits while more lies unheard than may."""
        ...

    async def flush(self, channel: int | None) -> None: ...

    async def end(self) -> None: ...

    def events(self) -> AsyncIterator[RecognitionEvent]:
        """Until `RecognitionFinished` or `Undecodable`."""
        ...

    async def close(self) -> None:
        """Abandon what is not heard yet."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """How a stream ended."""

    code: int
    """The close code that the client got, or gave."""
    reason: str
    status: int
    """Of the stream's record, in HTTP's terms."""
    detail: str | None = None
    """More than the client is told."""

    @classmethod
    def by(cls, ending: CloseReason, detail: str | None = None) -> "Ended":
        return cls(ending.code, ending.reason, _STATUSES[ending], detail)


@dataclass(slots=True)
class Tally:
    """What a session has done so far."""

    channels: int = 0
    heard: float = 0.0
    """Seconds of audio."""
    frames: int = 0
    size: int = 0
    """Bytes of them."""
    said: Counter[MessageKind] = field(default_factory=Counter)
    """Messages passed on, by kind."""
    metadata: bytes | None = None
    """The last message of a stream that came to its end."""


class Session:
    """Runs once. It closes the ears, the relay and the client's socket, however it ends."""

    def __init__(
        self,
        *,
        client: Client,
        relay: Relay,
        ears: Ears,
        conversation: Conversation,
        options: ListenOptions,
        clock: Clock,
        outlives_client: bool,
        report: Callable[[BaseException], None],
    ) -> None:
        """`outlives_client`: somebody else gets the results too, and shall get all of them. `report` is told
        of what nobody foresaw."""
        self.tally = Tally()
        self._client = client
        self._relay = relay
        self._ears = ears
        self._conversation = conversation
        self._text = LiveText(options)
        self._clock = clock
        self._outlives_client = outlives_client
        self._report = report
        self._unsaid: asyncio.Queue[SendMessage | CloseSocket] = asyncio.Queue(MOST_UNSAID)
        self._ended: Ended | None = None
        self._over = asyncio.Event()
        self._ordered: asyncio.Queue[CloseReason] = asyncio.Queue()
        self._lane_in = asyncio.Lock()
        self._feeding = False

    async def run(self, stopping: asyncio.Event) -> Ended:
        """Serve the stream to its end. Once `stopping` is set it is brought to a good end early; cancelled,
        to a bad one."""
        try:
            await self._run_lanes(stopping)
        except asyncio.CancelledError:
            self._end(Ended.by(CloseReason.SERVER_STOPPING))
        except ExceptionGroup as group:
            self._report(group.exceptions[0])
            self._end(Ended.by(CloseReason.FAILED))
        assert self._ended is not None
        await self._part(self._ended)
        return self._ended

    def end(self, reason: CloseReason) -> None:
        """Bring it to this end, for a reason from outside."""
        self._ordered.put_nowait(reason)

    async def _run_lanes(self, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            lanes = [
                group.create_task(lane)
                for lane in (
                    self._take_in(),
                    self._give_out(),
                    self._speak(),
                    self._mind_deadlines(),
                    self._mind_relay(),
                    self._mind_stop(stopping),
                    self._mind_orders(),
                )
            ]
            await self._over.wait()
            for lane in lanes:
                lane.cancel()

    async def _part(self, ended: Ended) -> None:
        """Leave nothing open; also while we are being cancelled."""
        await asyncio.shield(
            asyncio.gather(
                self._client.close(ended.code, ended.reason),
                self._relay.close(ended.code, ended.reason),
                self._ears.close(),
            )
        )

    def _end(self, ended: Ended) -> None:
        """The first end stands."""
        if self._ended is None:
            self._ended = ended
        self._over.set()

    # In

    async def _take_in(self) -> None:
        while True:
            match await self._client.receive():
                case Gone() as gone:
                    return await self._let_go(gone)
                case bytes() as data:
                    self.tally.frames += 1
                    self.tally.size += len(data)
                    await self._carry_out(self._conversation.receive_binary(data, self._clock.monotonic()))
                case str() as text:
                    await self._carry_out(self._conversation.receive_text(text, self._clock.monotonic()))

    async def _let_go(self, gone: Gone) -> None:
        """The client has left. A callback still gets what was said until then.

        A client that ended its side behind its CloseStream waits for its results.
        """
        if gone.reads and self._conversation.ending:
            return
        if self._outlives_client:
            await self._bring_to_an_end(CloseReason.CLIENT_GONE)
        else:
            self._end(Ended(gone.code, "", _status_of(gone)))

    async def _bring_to_an_end(self, ending: CloseReason) -> None:
        await self._carry_out(self._conversation.end_stream(ending, self._clock.monotonic()))

    async def _carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case SendMessage() | CloseSocket():
                    await self._unsaid.put(action)
                case _:
                    async with self._lane_in:
                        await self._tell_ears(action)

    async def _tell_ears(self, action: FeedAudio | FlushRecogniser | EndAudio) -> None:
        match action:
            case FeedAudio():
                # While the ears are full nothing is read, so that a silence is not the client's.
                self._feeding = True
                await self._ears.feed(action.data)
                self._feeding = False
                self._conversation.resume(self._clock.monotonic())
            case FlushRecogniser():
                await self._ears.flush(action.channel)
            case EndAudio():
                await self._ears.end()
            case _:
                assert_never(action)

    # Out

    async def _give_out(self) -> None:
        async for event in self._ears.events():
            self._count(event)
            for formatted in self._text.hear(event):
                await self._carry_out(self._conversation.receive_event(formatted, self._clock.monotonic()))
        if not self._conversation.closed:
            raise RuntimeError("the ears fell silent before the end")

    def _count(self, event: RecognitionEvent) -> None:
        match event:
            case AudioOpened():
                self.tally.channels = event.channels
            case VadProgress():
                self.tally.heard = max(self.tally.heard, event.until)
            case RecognitionFinished():
                self.tally.channels = event.channels
                self.tally.heard = event.duration
            case _:
                pass

    async def _speak(self) -> None:
        while True:
            batch = await self._next_batch()
            messages = [action for action in batch if isinstance(action, SendMessage)]
            try:
                await self._relay.say(messages)
            except RelayLost as lost:
                return self._end(Ended.by(lost.ending, str(lost)))
            self._count_said(messages)
            last = batch[-1]
            if isinstance(last, CloseSocket):
                return self._end(Ended.by(CloseReason((last.code, last.reason))))

    async def _next_batch(self) -> list[SendMessage | CloseSocket]:
        """What waits, up to the close, after which nothing may come."""
        batch = [await self._unsaid.get()]
        while (
            not isinstance(batch[-1], CloseSocket) and len(batch) < LARGEST_BATCH and not self._unsaid.empty()
        ):
            batch.append(self._unsaid.get_nowait())
        return batch

    def _count_said(self, messages: Iterable[SendMessage]) -> None:
        for each in messages:
            self.tally.said[each.kind] += 1
            if each.kind is MessageKind.METADATA:
                self.tally.metadata = each.message

    # Beside

    async def _mind_deadlines(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now, deadline = self._clock.monotonic(), self._conversation.deadline
            if deadline is not None and now >= deadline and not self._feeding:
                await self._carry_out(self._conversation.tick(now))

    async def _mind_relay(self) -> None:
        lost = await self._relay.lost()
        self._end(Ended.by(lost.ending, str(lost)))

    async def _mind_stop(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        await self._bring_to_an_end(CloseReason.SERVER_STOPPING)

    async def _mind_orders(self) -> None:
        while True:
            await self._bring_to_an_end(await self._ordered.get())


_STATUSES = {
    CloseReason.CLOSE_STREAM: 200,
    CloseReason.CLIENT_GONE: 200,
    CloseReason.IDLE_TIMEOUT: 408,
    CloseReason.CANCELLED: 499,
    CloseReason.AUDIO_USED_UP: 429,
    CloseReason.CLIENT_TOO_SLOW: 408,
    CloseReason.UNDECODABLE: 400,
    CloseReason.FAILED: 500,
    CloseReason.CALLBACK_LOST: 502,
    CloseReason.CALLBACK_BEHIND: 503,
    CloseReason.SERVER_STOPPING: 503,
}

_CLOSED_FOR_THE_CLIENT = {1002: 400, 1007: 400, 1009: 413}
"""Codes with which the protocol itself has closed the socket, for what the client sent."""


def _status_of(gone: Gone) -> int:
    """A client that says goodbye got what it wanted; one that breaks off is a 499, as with recordings."""
    return _CLOSED_FOR_THE_CLIENT.get(gone.code, 200 if gone.cleanly else 499)
