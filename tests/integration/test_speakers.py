"""Two people in one recording, in two channels and in a stream: the real models say who spoke."""

import asyncio
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from ringback.audio.reader import AudioReader
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import ModelInfo, Quality, Urgency
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool
from ringback.errors import EngineFailure
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import RecognitionResult
from ringback.speakers.voices import Voice
from ringback.streaming import speech_recogniser
from ringback.streaming.live_recogniser import LiveRecogniser, LiveRecognition
from ringback.transcript import Transcript, Word
from ringback.transcription.progress import Progress
from ringback.transcription.recording_recogniser import RecordingRecogniser
from support.speech import samples_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUDIO = Path(__file__).parent.parent / "audio"
MODEL = ModelInfo("tiny.en", "whisper", "1", "-", ("en",))
READER, OPERATOR = "librivox_0920", "phone_en_demo_nogo"
TURNS = (READER, OPERATOR, "librivox_0880", "phone_en_vm_tempgreeting2")
PAUSE = np.zeros(SAMPLE_RATE // 2, np.float32)


class Engine:
    """A running engine, and what recognises with it."""

    def __init__(self, pool: EnginePool, reader: AudioReader, live: LiveRecognition) -> None:
        self.pool, self.live = pool, live
        self.recordings = RecordingRecogniser(reader, pool, Progress(), Quality.FAST)

    async def recorded(self, path: Path, *channels: Samples, **requested: object) -> Transcript:
        given: dict[str, object] = {"diarize": True, "multichannel": len(channels) > 1} | requested
        options = ListenOptions(**given)  # type: ignore[arg-type]
        return await self.recordings.recognise_recording(
            written(path, *channels), JobId("job"), options, MODEL
        )

    async def streamed(self, samples: Samples) -> list[RecognitionResult]:
        options = ListenOptions(encoding="linear16", sample_rate=SAMPLE_RATE, diarize=True)
        recogniser = self.live.open(options, MODEL, "stream")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fed(recogniser, samples))
                events = [event async for event in recogniser.events()]
        finally:
            await recogniser.close()
        return [event for event in events if isinstance(event, RecognitionResult)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    pool = EnginePool(EngineSetup("tiny.en", str(tmp_path_factory.mktemp("models")), 2))
    reader, live = AudioReader(children=1), LiveRecognition(pool)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as services:
        for service in (pool, reader, live):
            services.create_task(service.run(stopping))
        try:
            yield Engine(pool, reader, live)
        finally:
            stopping.set()


def written(path: Path, *channels: Samples) -> Path:
    """A WAV of 16 bits; shorter channels end in silence."""
    longest = max(map(len, channels))
    padded = np.stack([np.pad(each, (0, longest - len(each))) for each in channels], axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((padded * 32_767).astype("<i2").tobytes())
    return path


async def fed(recogniser: LiveRecogniser, samples: Samples) -> None:
    data = (samples * 32_767).astype("<i2").tobytes()
    for at in range(0, len(data), SAMPLE_RATE // 5):
        await recogniser.feed_audio(data[at : at + SAMPLE_RATE // 5])
    await recogniser.end_audio()


def conversation(*clips: str) -> tuple[Samples, list[float]]:
    """The clips one after the other, and when each ends."""
    parts = [np.concatenate((samples_of(AUDIO / f"{clip}.flac"), PAUSE)) for clip in clips]
    return np.concatenate(parts), (np.cumsum([len(part) for part in parts]) / SAMPLE_RATE).tolist()


def by_turn(words: Sequence[Word], ends: Sequence[float]) -> list[set[int | None]]:
    """The speakers of the words in each turn."""
    turns: list[set[int | None]] = [set() for _ in ends]
    for word in words:
        turns[int(np.searchsorted(ends, (word.start + word.end) / 2))].add(word.speaker)
    return turns


async def test_each_turn_of_a_recording_has_its_speaker(engine: Engine, tmp_path: Path) -> None:
    samples, ends = conversation(*TURNS)
    transcript = await engine.recorded(tmp_path / "talk.wav", samples)
    (channel,) = transcript.channels
    words = channel.alternative.words
    assert by_turn(words, ends) == [{0}, {1}, {0}, {1}]
    assert all(word.speaker_confidence and 0.5 < word.speaker_confidence <= 1 for word in words)
    assert channel.unlabelled_seconds == 0


async def test_each_channel_numbers_its_own_speakers(engine: Engine, tmp_path: Path) -> None:
    (left, _), (right, ends) = conversation(READER), conversation(OPERATOR, READER)
    transcript = await engine.recorded(tmp_path / "stereo.wav", left, right)
    one, other = (channel.alternative.words for channel in transcript.channels)
    assert {word.speaker for word in one} == {0}
    assert by_turn(other, ends) == [{0}, {1}]


async def test_who_does_not_ask_gets_no_speakers(engine: Engine, tmp_path: Path) -> None:
    samples, _ = conversation(READER)
    transcript = await engine.recorded(tmp_path / "talk.wav", samples, diarize=False)
    words = transcript.channels[0].alternative.words
    assert {(word.speaker, word.speaker_confidence) for word in words} == {(None, None)}


async def test_each_turn_of_a_stream_has_its_speaker(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # Words that came late, on a busy machine, would have no speaker.
    monkeypatch.setattr(speech_recogniser, "LONGEST_WAIT_FOR_VOICES", 60.0)
    samples, ends = conversation(*TURNS)
    results = await engine.streamed(samples)
    words = [word for each in results if each.final for word in each.words]
    assert by_turn(words, ends) == [{0}, {1}, {0}, {1}]
    assert {word.speaker_confidence for word in words} == {None}


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5, 15.0])
async def test_there_is_nobody_in_silence_and_noise(engine: Engine, seconds: float) -> None:
    count = round(seconds * SAMPLE_RATE)
    noise = np.random.default_rng(1).normal(0, 0.05, count).astype(np.float32)
    tone = (0.1 * np.sin(np.arange(count) * 0.2)).astype(np.float32)
    for samples in (np.zeros(count, np.float32), noise, tone):
        voices = await engine.pool.find_voices(samples, Urgency.RECORDING)
        assert all(voice.end <= seconds + 0.001 for voice in voices)
    assert await engine.pool.find_voices(np.zeros(count, np.float32), Urgency.RECORDING) == ()


async def test_a_word_alone_has_a_speaker(engine: Engine, tmp_path: Path) -> None:
    word = samples_of(AUDIO / f"{READER}.flac")[: SAMPLE_RATE * 6 // 10]
    transcript = await engine.recorded(tmp_path / "word.wav", np.concatenate((PAUSE, word, PAUSE)))
    assert {each.speaker for each in transcript.channels[0].alternative.words} <= {0}


async def test_twenty_channels_of_a_word_each(engine: Engine, tmp_path: Path) -> None:
    word = np.concatenate((PAUSE, samples_of(AUDIO / f"{READER}.flac")[: SAMPLE_RATE * 6 // 10], PAUSE))
    transcript = await engine.recorded(tmp_path / "many.wav", *[word] * 20)
    assert len(transcript.channels) == 20
    for channel in transcript.channels:
        assert {each.speaker for each in channel.alternative.words} <= {0}
        assert channel.unlabelled_seconds == 0


async def test_people_who_talk_at_once_get_one_speaker_a_word(engine: Engine, tmp_path: Path) -> None:
    one, other = (samples_of(AUDIO / f"{clip}.flac") for clip in (READER, OPERATOR))
    both = np.zeros(max(len(one), len(other)), np.float32)
    both[: len(one)] += one / 2
    both[: len(other)] += other / 2
    transcript = await engine.recorded(tmp_path / "both.wav", both)
    words = transcript.channels[0].alternative.words
    assert words
    assert {each.speaker for each in words} <= {0, 1, 2}
    assert words[0].speaker == 0


async def test_samples_that_are_no_numbers_cost_nothing(engine: Engine) -> None:
    for bad in (np.nan, np.inf, 1e30):
        samples = samples_of(AUDIO / f"{READER}.flac").copy()
        samples[SAMPLE_RATE :: SAMPLE_RATE // 4] = bad
        voices = await engine.pool.find_voices(samples, Urgency.RECORDING)
        assert np.isfinite([np.frombuffer(voice.embedding, np.float32) for voice in voices]).all()


async def test_a_server_without_the_models_transcribes_all_the_same(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that another node has accepted."""
    samples, _ = conversation(READER)
    monkeypatch.setattr(engine.pool, "_speaker_models", None)
    transcript = await engine.recorded(tmp_path / "talk.wav", samples)
    (channel,) = transcript.channels
    assert {word.speaker for word in channel.alternative.words} == {None}
    assert channel.unlabelled_seconds > 3


async def test_a_crash_costs_the_labels_of_a_piece_and_never_its_words(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_recogniser, "LONGEST_WAIT_FOR_VOICES", 60.0)  # as above
    samples, ends = conversation(*TURNS)
    find_voices, calls = engine.pool.find_voices, []

    async def failing(*given: object, **named: object) -> tuple[Voice, ...]:
        calls.append(given)
        if len(calls) == 2:
            raise EngineFailure("it crashed")
        return await find_voices(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.pool, "find_voices", failing)
    recorded = await engine.recorded(tmp_path / "talk.wav", samples)
    (channel,) = recorded.channels
    assert 0 < channel.unlabelled_seconds < ends[-1] / 2
    assert {word.speaker for word in channel.alternative.words} == {0, 1, None}
    calls.clear()
    results = await engine.streamed(samples)
    speakers = [{word.speaker for word in each.words} for each in results if each.final and each.words]
    assert speakers[1] == {None}
    assert set().union(*speakers) == {0, 1, None}
