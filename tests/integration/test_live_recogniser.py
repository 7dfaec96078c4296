"""Real speech through the recognisers of live streams, with the real engine.

Streams are fed faster than real time: what is decided depends on stream time alone, so that the words are
those of a live stream. Times are printed, not judged: other things may run on this machine.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioReader, SpeechChunk
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import ModelInfo, Task, Urgency
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool
from ringback.errors import EngineFailure
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    SpeechStarted,
    Undecodable,
    VadProgress,
)
from ringback.streaming.live_recogniser import LiveRecogniser, LiveRecognition
from ringback.transcript import Word, joined
from support.accuracy import lost_or_doubled, word_error_rate
from support.kernels import COMPUTE_TYPE
from support.speech import samples_of
from support.waiting import eventually, real_pause

if TYPE_CHECKING:
    from support.clips import Clip

AUDIO = Path(__file__).parent.parent / "audio"
SPOKEN = AUDIO / "librivox_0920.flac"
FRAME = SAMPLE_RATE // 10
MODEL = ModelInfo("tiny.en", "whisper", "1", "-", ("en",))
SCRIPTED = ModelInfo("scripted", "scripted", "1", "-", ("en",))

CLIPS = (
    *("conv/azure_katiesteve", "en/LJ001-0001", "en/LJ001-0005", "en/beckett", "en/librivox_0880"),
    *("en/librivox_0920", "en/pv_en", "phone_en/ast_conf-usermenu", "phone_en/ast_demo-nogo"),
)
LONG = "en/two_cities"
SLOW_MACHINE = 240.0
"""Seconds that a segment may take where many others compute."""
MOST_WORSE = 0.015
"""By so much the joined finals of a stream may be worse than the same recording through REST."""


class LiveEngine:
    """A running engine, and live recognisers on it."""

    def __init__(self, pool: EnginePool, recognisers: LiveRecognition, reader: AudioReader) -> None:
        self.pool = pool
        self.recognisers = recognisers
        self.reader = reader

    def open(self, model: ModelInfo = MODEL, **requested: object) -> LiveRecogniser:
        given: dict[str, object] = {"encoding": "linear16", "sample_rate": SAMPLE_RATE} | requested
        return self.recognisers.open(ListenOptions(**given), model, "stream")  # type: ignore[arg-type]

    async def recorded(self, path: Path) -> str:
        """The text of a recording as REST recognises it."""
        async with self.reader.read(path, Decoding()) as items:
            chunks = [item async for item in items if isinstance(item, SpeechChunk)]
        recognised = await asyncio.gather(
            *(self.pool.recognise(chunk.samples, Task("tiny.en"), Urgency.RECORDING) for chunk in chunks)
        )
        return " ".join(joined(each.words) for each in recognised)


@asynccontextmanager
async def live_engine(models: Path, model: str = "tiny.en") -> AsyncIterator[LiveEngine]:
    pool = EnginePool(EngineSetup(model, str(models), 2, compute_type=COMPUTE_TYPE))
    reader = AudioReader(children=1)
    recognisers = LiveRecognition(pool)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as services:
        for service in (pool, recognisers, reader):
            services.create_task(service.run(stopping))
        try:
            await pool.wait_ready()
            yield LiveEngine(pool, recognisers, reader)
        finally:
            stopping.set()


def frames(samples: Samples) -> Iterable[bytes]:
    """The speech as linear16, in frames of 100 ms."""
    data = (samples * 32767).astype("<i2").tobytes()
    return (data[at : at + 2 * FRAME] for at in range(0, len(data), 2 * FRAME))


async def feed(hearing: LiveRecogniser, samples: Samples) -> None:
    for frame in frames(samples):
        await hearing.feed_audio(frame)


async def recognised(hearing: LiveRecogniser, samples: Samples) -> list[RecognitionEvent]:
    """All events of a stream of these samples."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_fed_to_the_end(hearing, samples))
            return [event async for event in hearing.events()]
    finally:
        await hearing.close()


async def _fed_to_the_end(hearing: LiveRecogniser, samples: Samples) -> None:
    await feed(hearing, samples)
    await hearing.end_audio()


async def until(hearing: LiveRecogniser, expected: type | Cause) -> RecognitionEvent:
    """The next event of this kind, or the next final for this cause."""
    async for event in hearing.events():
        if isinstance(expected, Cause):
            if isinstance(event, RecognitionResult) and event.final and event.cause is expected:
                return event
        elif isinstance(event, expected):
            return event
    raise AssertionError(f"the stream ended without {expected}")


def finals(events: Sequence[RecognitionEvent], channel: int = 0) -> list[RecognitionResult]:
    return [
        each
        for each in events
        if isinstance(each, RecognitionResult) and each.final and each.channel == channel
    ]


def text(events: Sequence[RecognitionEvent], channel: int = 0) -> str:
    return " ".join(joined(final.words) for final in finals(events, channel) if final.words)


def keeps_its_laws(events: Sequence[RecognitionEvent]) -> None:
    """What `listen.recognition_events` promises of every stream."""
    assert isinstance(events[0], AudioOpened)
    assert isinstance(events[-1], RecognitionFinished)
    for channel in range(events[0].channels):
        closed = finals(events, channel)
        assert [final.start for final in closed] == [0.0, *(final.end for final in closed[:-1])]
        assert closed[-1].end == events[-1].duration
        for final in closed:
            times = [final.start, *(t for word in final.words for t in (word.start, word.end)), final.end]
            assert times == sorted(times)
        reached = [each.until for each in events if isinstance(each, VadProgress) and each.channel == channel]
        assert reached == sorted(reached)
        assert max((b - a for a, b in pairwise(reached)), default=0.0) <= 0.26


async def test_a_stream_reads_almost_as_well_as_a_recording(corpus: "list[Clip]", tmp_path: Path) -> None:
    clips = chosen(corpus, CLIPS)
    spoken = [clip.text or "" for clip in clips]
    async with live_engine(tmp_path) as engine:
        recorded = await asyncio.gather(*(engine.recorded(clip.path) for clip in clips))
        streams = await asyncio.gather(*(recognised(engine.open(), samples_of(clip.path)) for clip in clips))
    for events in streams:
        keeps_its_laws(events)
    live = word_error_rate(zip(spoken, map(text, streams), strict=True))
    rest = word_error_rate(zip(spoken, recorded, strict=True))
    print(f"word error rate, {len(clips)} clips: {100 * live:.1f} % live, {100 * rest:.1f} % recorded")
    assert live <= rest + MOST_WORSE


@pytest.mark.slow
async def test_the_long_clip_loses_and_doubles_no_word_at_its_seams(
    corpus: "list[Clip]", tmp_path: Path
) -> None:
    (clip,) = chosen(corpus, (LONG,))
    async with live_engine(tmp_path) as engine:
        events = await recognised(engine.open(), samples_of(clip.path))
    keeps_its_laws(events)
    rate = word_error_rate([(clip.text or "", text(events))])
    print(f"{len(finals(events))} finals, word error rate {100 * rate:.1f} %")
    assert rate < 0.06
    assert lost_or_doubled(clip.text or "", text(events)) == 0


def chosen(corpus: "list[Clip]", names: Sequence[str]) -> "list[Clip]":
    return [clip for clip in corpus if f"{clip.path.parent.name}/{clip.path.stem}" in names]


async def test_it_can_be_read_along(tmp_path: Path) -> None:
    async with live_engine(tmp_path) as engine:
        hearing = engine.open(interim_results=True)
        partials: list[RecognitionResult] = []
        began = time.monotonic()
        first = 0.0
        reading = asyncio.create_task(until_final(hearing, partials))
        for number, frame in enumerate(frames(samples_of(SPOKEN))):
            await hearing.feed_audio(frame)
            await real_pause(0.1 - (time.monotonic() - began) % 0.1, "frames come in real time")
            if number == 20:
                # Two seconds are enough for a first one; a slow machine may need longer than the whole clip.
                await eventually(lambda: partials, SLOW_MACHINE)
        await hearing.end_audio()
        final = await reading
        await hearing.close()
        first = partials[0].end
    print(f"{len(partials)} partials; the first of the first {first:.2f} s of audio")
    assert all(partial.start == 0.0 for partial in partials)
    ends = [partial.end for partial in partials]
    assert ends == sorted(ends)
    last = partials[-1]
    if last.end > 2.0:  # of less audio a machine that is slow, or computes in float32, makes other words
        same = [word for word in final.words if word.end <= last.end]
        # As many words: the last ones of unfinished speech are often made up.
        assert word_error_rate([(joined(same), joined(last.words[: len(same)]))]) <= 0.5


async def until_final(hearing: LiveRecogniser, partials: list[RecognitionResult]) -> RecognitionResult:
    async for event in hearing.events():
        if isinstance(event, RecognitionResult) and not event.final:
            partials.append(event)
        elif isinstance(event, RecognitionResult) and event.words:
            return event
    raise AssertionError("no final")


async def test_without_interim_results_there_are_none(tmp_path: Path) -> None:
    async with live_engine(tmp_path) as engine:
        events = await recognised(engine.open(), samples_of(SPOKEN))
    assert all(event.final for event in events if isinstance(event, RecognitionResult))


async def test_finalize_and_the_end_flush_at_once(tmp_path: Path) -> None:
    samples = samples_of(SPOKEN)
    half = len(samples) // 2
    async with live_engine(tmp_path) as engine:
        hearing = engine.open()
        await feed(hearing, samples[:half])
        began = time.monotonic()
        await hearing.flush_channel(None)
        first = await until(hearing, Cause.FINALIZE)
        after_finalize = time.monotonic() - began
        await feed(hearing, samples[half:])
        began = time.monotonic()
        await hearing.end_audio()
        await until(hearing, RecognitionFinished)
        print(f"after Finalize {after_finalize:.2f} s, after the end {time.monotonic() - began:.2f} s")
        await hearing.close()
    assert isinstance(first, RecognitionResult)
    assert first.end == pytest.approx(half / SAMPLE_RATE, abs=0.001)
    assert first.words


async def test_a_finalize_in_the_middle_of_a_word_gives_it_to_one_side(tmp_path: Path) -> None:
    samples = samples_of(SPOKEN)
    async with live_engine(tmp_path) as engine:
        whole = finals_of(await recognised(engine.open(), samples))
        pairs, doubled = [], 0
        for cut in np.arange(0.9, 5.4, 0.35):
            hearing = engine.open()
            at = int(cut * SAMPLE_RATE)
            await feed(hearing, samples[:at])
            await hearing.flush_channel(None)
            await feed(hearing, samples[at:])
            await hearing.end_audio()
            events = [event async for event in hearing.events()]
            await hearing.close()
            before, *after = [
                event.words for event in events if isinstance(event, RecognitionResult) and event.final
            ]
            behind = [word for words in after for word in words]
            doubled += bool(before and behind and before[-1].bare == behind[0].bare)
            pairs.append((joined(whole), joined([*before, *behind])))
    # What is cut may be misheard; it is seldom lost or told twice.
    astray = sum(lost_or_doubled(*pair) for pair in pairs)
    print(f"{len(pairs)} cuts: {astray} words lost or doubled, word error rate {word_error_rate(pairs):.1%}")
    assert doubled <= len(pairs) / 10  # none or one, by the processor's kernels
    assert astray < len(pairs) / 2
    assert word_error_rate(pairs) < 0.12


def finals_of(events: Sequence[RecognitionEvent]) -> list[Word]:
    return [
        word
        for event in events
        if isinstance(event, RecognitionResult) and event.final
        for word in event.words
    ]


async def test_every_flush_is_answered_even_when_nothing_is_open(tmp_path: Path) -> None:
    async with live_engine(tmp_path, scripted(tmp_path)) as engine:
        hearing = engine.open(SCRIPTED)
        for _ in range(3):
            await hearing.flush_channel(None)
        answers = [await until(hearing, Cause.FINALIZE) for _ in range(3)]
        await hearing.close()
    assert [(a.start, a.end, a.words) for a in answers if isinstance(a, RecognitionResult)] == [
        (0.0, 0.0, ())
    ] * 3


async def test_channels_are_heard_apart(corpus: "list[Clip]", tmp_path: Path) -> None:
    speech = samples_of(SPOKEN)
    both = np.stack([speech, np.zeros_like(speech)]).T.reshape(-1)
    async with live_engine(tmp_path) as engine:
        events = await recognised(engine.open(channels=2, multichannel=True), both)
    keeps_its_laws(events)
    assert events[0] == AudioOpened(2)
    assert "amiable" in text(events, 0)
    assert text(events, 1) == ""


async def test_music_and_noise_say_nothing(corpus: "list[Clip]", tmp_path: Path) -> None:
    noises = [clip.path for clip in corpus if clip.path.parent.name == "nospeech"]
    async with live_engine(tmp_path, scripted(tmp_path)) as engine:
        streams = await asyncio.gather(
            *(recognised(engine.open(SCRIPTED), samples_of(path)) for path in noises)
        )
    assert [text(events) for events in streams] == [""] * len(noises)
    for events in streams:
        keeps_its_laws(events)
        assert not [event for event in events if isinstance(event, SpeechStarted)]


async def test_what_is_no_audio_is_undecodable(tmp_path: Path) -> None:
    junk = np.random.default_rng(0).bytes(100_000)
    async with live_engine(tmp_path, scripted(tmp_path)) as engine:
        samples = np.frombuffer(junk, "<i2").astype(np.float32) / np.float32(32768)
        events = await recognised(engine.open(SCRIPTED, encoding=None, sample_rate=None), samples)
    assert events == [Undecodable()]


async def test_an_engine_that_fails_is_reported_and_ends_the_stream(tmp_path: Path) -> None:
    async with live_engine(tmp_path, scripted(tmp_path, '{"then": "fail"}')) as engine:
        with pytest.raises(ExceptionGroup) as failed:
            await recognised(engine.open(SCRIPTED), samples_of(SPOKEN))
    assert failed.group_contains(EngineFailure)


async def test_a_flood_is_slowed_down(tmp_path: Path) -> None:
    """Events are not fetched, and the engine is slow: feeding waits."""
    minutes = np.tile(samples_of(SPOKEN), 100)
    async with live_engine(tmp_path, scripted(tmp_path, '{"words": "slow", "delay": 0.5}')) as engine:
        hearing = engine.open(SCRIPTED)
        feeding = asyncio.create_task(feed(hearing, minutes))
        await asyncio.wait((feeding,), timeout=3.0)
        assert not feeding.done()
        feeding.cancel()
        await hearing.close()


async def test_leaving_early_leaves_nothing_behind(tmp_path: Path) -> None:
    async with live_engine(tmp_path, scripted(tmp_path, '{"then": "hang"}')) as engine:
        hearing = engine.open(SCRIPTED, interim_results=True)
        await feed(hearing, samples_of(SPOKEN)[: 3 * SAMPLE_RATE])
        await until(hearing, SpeechStarted)
        await hearing.close()
        assert engine.pool.load[Urgency.LIVE_FINAL] == 0


def scripted(folder: Path, step: str = '{"words": "some words"}') -> str:
    script = folder / "script.json"
    script.write_text(f'{{"steps": [{step}]}}')
    return f"scripted:{script}"
