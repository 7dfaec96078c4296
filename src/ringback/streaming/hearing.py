"""The ears of live streams: bytes in, what was heard out. What to do is decided in `segments`; this does it.

A stream is a decoder, an ear and a recognising task per channel, under one owner. Audio, flushes and the
end travel in one lane; a channel's finals are recognised one after the other, so that they come out in
order. `feed` waits when the ears are some seconds behind: a flood is slowed down, nothing is dropped.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np

from ringback.audio.encodings import Decoding
from ringback.audio.listening import Ear, Listening
from ringback.audio.live import LiveDecoders, Passed, Understood
from ringback.audio.samples import SAMPLE_RATE, Block
from ringback.engines.base import ModelInfo, Task
from ringback.engines.pool import EnginePool
from ringback.errors import Refusal
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import AudioOpened, RecognitionEvent, RecognitionFinished, Undecodable
from ringback.streaming.channel import Channel, Recognising


class LiveHearings:
    """A Service: what all streams share."""

    name = "hearing"

    def __init__(self, pool: EnginePool) -> None:
        self.pool = pool
        self.decoders = LiveDecoders()
        self.listening = Listening()

    async def run(self, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.decoders.run(stopping))
            group.create_task(self.listening.run(stopping))

    def open(self, options: ListenOptions, model: ModelInfo, stream: str) -> "LiveHearing":
        """The ears of one stream, whose audio `audio.live.check_live` has let pass. `stream`: its id."""
        return LiveHearing(self, options, model, stream)


class LiveHearing:
    """One stream. `close` must be awaited, however it ended."""

    def __init__(self, means: LiveHearings, options: ListenOptions, model: ModelInfo, stream: str) -> None:
        how = Decoding(options.encoding, options.sample_rate, options.channels, options.multichannel)
        self._means = means
        self._how = _recognising(options, model, means.pool)
        self._stream = stream
        self._decoder = means.decoders.open(how)
        self._flushes: deque[int | None] = deque()
        self._channels: list[tuple[Channel, Ear]] = []
        self._events = _Events()
        self._room = asyncio.Event()
        self._total = 0  # Samples that came out of the decoder.
        self._running = asyncio.create_task(self._run(), name=f"hearing-{stream}")

    async def feed(self, data: bytes) -> None:
        """One frame, as it came; waits while the ears are too far behind."""
        await self._decoder.feed(data)

    async def flush(self, channel: int | None) -> None:
        """Report what is open on this channel (None: on all) as final, once all that was fed is heard."""
        self._flushes.append(channel)
        await self._decoder.note(0)

    async def end(self) -> None:
        """There is no more audio."""
        await self._decoder.end()

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        """Until `RecognitionFinished` or `Undecodable`. Raises `EngineFailure` or `Misconfigured`."""
        while True:
            event = await self._events.next()
            yield event
            if isinstance(event, RecognitionFinished | Undecodable):
                return

    async def close(self) -> None:
        """Leave: what was not reported is lost."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._decoder.close()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                decodable = await self._listen(group)
            finished = RecognitionFinished(max(1, len(self._channels)), self._total / SAMPLE_RATE)
            self._events.put(finished if decodable else Undecodable())
        except* Exception as failures:
            self._events.fail(_first(failures))
        finally:
            for _, ear in self._channels:
                ear.close()

    async def _listen(self, group: asyncio.TaskGroup) -> bool:
        """To the end of the stream; False: to where it could not be decoded any further. What was heard until
        then is reported all the same."""
        decodable = True
        try:
            await self._take_items(group)
        except Refusal:
            decodable = False
        for channel, ear in self._channels:
            await ear.caught_up()
            channel.end(self._total)
        return decodable

    async def _take_items(self, group: asyncio.TaskGroup) -> None:
        async with aclosing(self._decoder.items()) as items:
            async for item in items:
                match item:
                    case Understood(channels):
                        self._open(channels, group)
                    case Passed():
                        await self._flush(self._flushes.popleft())
                    case np.ndarray():
                        self._hear(item)
                        await self._not_far_behind()

    def _open(self, channels: int, group: asyncio.TaskGroup) -> None:
        self._events.put(AudioOpened(channels))
        for number in range(channels):
            channel = Channel(
                number, self._stream, self._how, emit=self._events.put, progressed=self._room.set
            )
            self._channels.append((channel, self._means.listening.ear(channel.judge)))
            group.create_task(channel.run(), name=f"hearing-{self._stream}-{number}")

    def _hear(self, block: Block) -> None:
        for (channel, ear), samples in zip(self._channels, block, strict=True):
            channel.hear(samples)
            ear.hear(samples)
        self._total += block.shape[1]

    async def _flush(self, number: int | None) -> None:
        for channel, ear in self._channels:
            if number is None or channel.number == number:
                await ear.caught_up()
                channel.flush(self._total)

    async def _not_far_behind(self) -> None:
        while self._total - min(channel.settled for channel, _ in self._channels) > _BEHIND:
            self._room.clear()
            await self._room.wait()
        await self._events.taken()


class _Events:
    """What was heard and has not been fetched."""

    def __init__(self) -> None:
        self._waiting: deque[RecognitionEvent] = deque()
        self._failure: Exception | None = None
        self._put = asyncio.Event()
        self._fetched = asyncio.Event()

    def put(self, event: RecognitionEvent) -> None:
        self._waiting.append(event)
        self._put.set()

    def fail(self, failure: Exception) -> None:
        """After what was put before."""
        self._failure = failure
        self._put.set()

    async def next(self) -> RecognitionEvent:
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            self._put.clear()
            await self._put.wait()
        self._fetched.set()
        return self._waiting.popleft()

    async def taken(self) -> None:
        """Wait while so many lie here that nobody seems to fetch them."""
        while len(self._waiting) > _UNFETCHED:
            self._fetched.clear()
            await self._fetched.wait()


def _recognising(options: ListenOptions, model: ModelInfo, pool: EnginePool) -> Recognising:
    identify = bool(options.detect_language)
    switching = options.language == "multi" and not identify
    language = None if identify or switching else options.language.partition("-")[0].lower()
    task = Task(model.name, language, candidates=options.candidates)
    return Recognising(pool, task, switching, options.interim_results, options.endpointing)


def _first(failures: BaseExceptionGroup[Exception]) -> Exception:
    """Channels work side by side; the first fault is the one to tell."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure


_BEHIND = 8 * SAMPLE_RATE
"""Samples that may be without a result, or a decision that none is due, before `feed` waits."""
_UNFETCHED = 256
"""Events."""
