"""Recognises live streams: encoded bytes in, recognition events out. `segmenter` decides what is recognised.

A stream has one decoder, and for each channel a VAD stream and a `ChannelRecogniser`. Audio, flushes and the
end pass the decoder strictly in order, and a channel's finals are recognised one after the other, so that
they come out in order. `feed_audio` waits while recognition is some seconds behind: faster audio is slowed
down, nothing is dropped.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np

from ringback.audio.encodings import Decoding
from ringback.audio.live import FormatKnown, LiveDecoders, MarkerReached
from ringback.audio.samples import SAMPLE_RATE, Block
from ringback.audio.vad import VadService, VadStream
from ringback.engines.base import ModelInfo, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.engines.spoken_languages import language_choice
from ringback.errors import Refusal
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import AudioOpened, RecognitionEvent, RecognitionFinished, Undecodable
from ringback.listen.turn_confidence import HesitationPauses, TurnPauses, TurnThresholds
from ringback.streaming.channel_recogniser import ChannelRecogniser
from ringback.streaming.segmenter import LEAST_ENDPOINTING, PauseRule
from ringback.streaming.speech_recogniser import RecognitionSettings
from ringback.streaming.turn_detector import TurnDetector
from ringback.transcript import NamedSpan, base_language


class LiveRecognition:
    """A Service: the decoders, the VAD and the turn model, which all streams share."""

    name = "live-recognition"

    def __init__(self, pool: EnginePool, turn_model: Path | None = None) -> None:
        """`turn_model`: its file; None: it is not installed."""
        self.pool = pool
        self.turns = TurnDetector(turn_model)
        self.decoders = LiveDecoders()
        self.vad = VadService()

    async def run(self, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.decoders.run(stopping))
            group.create_task(self.vad.run(stopping))
            group.create_task(self.turns.run(stopping))

    def open(self, options: ListenOptions, model: ModelInfo, stream: str) -> "LiveRecogniser":
        """The recogniser of one stream, whose format `audio.live.check_live` has accepted. `stream`: its
        id."""
        return LiveRecogniser(self, options, model, stream)


class LiveRecogniser:
    """One stream. `close` must be awaited, however it ended."""

    def __init__(
        self, shared: LiveRecognition, options: ListenOptions, model: ModelInfo, stream: str
    ) -> None:
        decoding = Decoding(options.encoding, options.sample_rate, options.channels, options.multichannel)
        self._shared = shared
        self._settings = _recognising(options, model, shared)
        self._languages = model.languages
        if self._settings.pauses is not None and self._settings.pauses.asks_model:
            shared.turns.prepare()
        self._stream = stream
        self._decoder = shared.decoders.open(decoding)
        self._channels: list[tuple[ChannelRecogniser, VadStream]] = []
        self._events = _EventQueue()
        self._progress = asyncio.Event()
        self._samples = 0  # Samples that came out of the decoder.
        self._running = asyncio.create_task(self._run(), name=f"recogniser-{stream}")

    async def feed_audio(self, data: bytes) -> None:
        """One frame, as it arrived; waits while recognition is too far behind."""
        await self._decoder.feed(data)

    async def flush_channel(self, channel: int | None) -> None:
        """Finalize the open span of this channel (None: of all), once all audio before it is recognised."""
        await self._decoder.put_marker(_ALL_CHANNELS if channel is None else channel)

    async def end_audio(self) -> None:
        """There is no more audio."""
        await self._decoder.end()

    def use_keyterms(self, keyterms: Sequence[str]) -> None:
        """In place of those so far, for what is recognised from now on."""
        self._use(replace(self._settings, task=replace(self._settings.task, terms=tuple(keyterms))))

    def use_thresholds(self, thresholds: TurnThresholds) -> None:
        """The same, of a turn-based stream, from the next pause on."""
        self._use(replace(self._settings, pauses=TurnPauses(thresholds)))

    def use_language_hints(self, hints: Sequence[str]) -> None:
        """The same; without regions. Nothing, where the language is known."""
        if self._settings.languages is not None:
            known = tuple(hint for hint in hints if hint in self._languages)
            self._use(replace(self._settings, languages=replace(self._settings.languages, hints=known)))

    def _use(self, settings: RecognitionSettings) -> None:
        self._settings = settings
        for channel, _ in self._channels:
            channel.use_settings(settings)

    async def find_names(self, words: Sequence[str], *, final: bool) -> Sequence[NamedSpan]:
        """The names in these words, if the server has the model for them. Raises `EngineFailure`,
        `Misconfigured`."""
        pool = self._shared.pool
        urgency = Urgency.LIVE_FINAL if final else Urgency.LIVE_PARTIAL
        return await pool.find_names(words, urgency) if pool.finds_names else ()

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        """Until `RecognitionFinished` or `Undecodable`. Raises `EngineFailure`, `Misconfigured`."""
        while True:
            event = await self._events.next_event()
            yield event
            if isinstance(event, RecognitionFinished | Undecodable):
                return

    async def close(self) -> None:
        """Stop: what was not reported is lost."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._decoder.close()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                decodable = await self._run_channels(group)
            finished = RecognitionFinished(max(1, len(self._channels)), self._samples / SAMPLE_RATE)
            self._events.put_event(finished if decodable else Undecodable())
        except* Exception as failures:
            self._events.fail(_first(failures))
        finally:
            for channel, vad in self._channels:
                vad.close()
                channel.close()

    async def _run_channels(self, group: asyncio.TaskGroup) -> bool:
        """Recognise to the end of the stream, or (False) to where it cannot be decoded any further. What was
        decoded until then is reported in either case."""
        decodable = True
        try:
            await self._process_items(group)
        except Refusal:
            decodable = False
        for channel, vad in self._channels:
            await vad.wait_processed()
            channel.end(self._samples)
        return decodable

    async def _process_items(self, group: asyncio.TaskGroup) -> None:
        async with aclosing(self._decoder.items()) as items:
            async for item in items:
                match item:
                    case FormatKnown(channels):
                        self._open(channels, group)
                    case MarkerReached(number):
                        await self._flush(number)
                    case np.ndarray():
                        self._push_block(item)
                        await self._wait_not_behind()

    def _open(self, channels: int, group: asyncio.TaskGroup) -> None:
        self._events.put_event(AudioOpened(channels))
        for number in range(channels):
            channel = ChannelRecogniser(
                number,
                self._stream,
                self._settings,
                emit=self._events.put_event,
                on_progress=self._progress.set,
            )
            self._channels.append((channel, self._shared.vad.open_stream(channel.push_windows)))
            group.create_task(channel.run(), name=f"recogniser-{self._stream}-{number}")

    def _push_block(self, block: Block) -> None:
        for (channel, vad), samples in zip(self._channels, block, strict=True):
            channel.push_samples(samples)
            vad.push_samples(samples)
        self._samples += block.shape[1]

    async def _flush(self, number: int) -> None:
        for channel, vad in self._channels:
            if number in (channel.number, _ALL_CHANNELS):
                await vad.wait_processed()
                channel.flush_at(self._samples)

    async def _wait_not_behind(self) -> None:
        while self._samples - min(channel.done_until for channel, _ in self._channels) > _MAX_BEHIND:
            self._progress.clear()
            await self._progress.wait()
        await self._events.wait_fetched()


class _EventQueue:
    """Events that were not fetched yet."""

    def __init__(self) -> None:
        self._waiting: deque[RecognitionEvent] = deque()
        self._failure: Exception | None = None
        self._put = asyncio.Event()
        self._fetched = asyncio.Event()

    def put_event(self, event: RecognitionEvent) -> None:
        self._waiting.append(event)
        self._put.set()

    def fail(self, failure: Exception) -> None:
        """Raised by `next_event` after the events before it."""
        self._failure = failure
        self._put.set()

    async def next_event(self) -> RecognitionEvent:
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            self._put.clear()
            await self._put.wait()
        self._fetched.set()
        return self._waiting.popleft()

    async def wait_fetched(self) -> None:
        """Wait while too many events are here."""
        while len(self._waiting) > _MAX_UNFETCHED:
            self._fetched.clear()
            await self._fetched.wait()


def _recognising(options: ListenOptions, model: ModelInfo, shared: LiveRecognition) -> RecognitionSettings:
    task = Task(model.name, base_language(options.language), terms=options.terms)
    languages = language_choice(options, model) if options.code_switching else None
    pauses = _pauses(options) if shared.turns.available else None
    return RecognitionSettings(
        shared.pool,
        task,
        languages,
        options.diarize,
        options.interim_results or options.thresholds is not None,
        options.endpointing,
        pauses,
        shared.turns,
        model.incremental,
    )


def _pauses(options: ListenOptions) -> PauseRule | None:
    """What a pause ends, where the turn model has a say in it."""
    if options.thresholds is not None:
        return TurnPauses(options.thresholds)
    if options.turn_detection and options.endpointing is not None:
        return HesitationPauses(max(options.endpointing, LEAST_ENDPOINTING))
    return None


def _first(failures: BaseExceptionGroup[Exception]) -> Exception:
    """Channels are recognised concurrently; the first fault is reported."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure


_ALL_CHANNELS = -1
"""A marker with this number flushes all channels; with another one, the channel of that number."""
_MAX_BEHIND = 8 * SAMPLE_RATE
"""Samples that may be pushed and not done (`ChannelRecogniser.done_until`) before `feed_audio` waits."""
_MAX_UNFETCHED = 256
"""Events that may wait to be fetched before `feed_audio` waits."""
