"""One channel between its ear and the engine: what it asks for, and what it tells."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ringback.audio.samples import Samples
from ringback.engines.base import Recognition, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.listen.recognition_events import Cause, RecognitionEvent, RecognitionResult
from ringback.streaming.channel_recogniser import ChannelRecogniser, RecognitionSettings
from ringback.transcript import Word

WINDOW = 512
SPEECH, QUIET = (0.95, 0.1), (0.02, 0.001)


class Engine:
    """Answers at once, with as many words as the test wants."""

    threads = 2
    idle = 0

    def __init__(self, *words: str) -> None:
        self.words = words
        self.asked: list[Urgency] = []

    async def recognise(self, samples: Samples, task: Task, urgency: Urgency, turn: str = "") -> Recognition:
        self.asked.append(urgency)
        words = [Word(text, 0.3 + 0.1 * n, 0.4 + 0.1 * n, 1.0) for n, text in enumerate(self.words)]
        return Recognition(tuple(words), "en", None)


async def heard(
    engine: Engine, *parts: tuple[float, tuple[float, float], Sequence[str]]
) -> list[RecognitionResult]:
    """What is told of a channel that hears these: (seconds, sound, what the engine makes of it)."""
    events: list[RecognitionEvent] = []
    how = RecognitionSettings(cast(EnginePool, cast(Any, engine)), Task("tiny.en"), False, True, 300)
    channel = ChannelRecogniser(0, "stream", how, emit=events.append, on_progress=lambda: None)
    running = asyncio.create_task(channel.run())
    total = 0
    for seconds, sound, words in parts:
        engine.words = tuple(words)
        for _ in range(round(seconds * 16_000 / WINDOW)):
            channel.push_samples(np.zeros(WINDOW, np.float32))
            channel.push_windows([sound])
            total += WINDOW
            for _ in range(5):
                await asyncio.sleep(0)
    channel.end(total)
    await running
    return [event for event in events if isinstance(event, RecognitionResult)]


async def test_a_noise_is_told_without_words() -> None:
    """`UtteranceEnd` looks at words, not at sound (https://developers.deepgram.com/docs/utterance-end)."""
    told = await heard(Engine(), (3.0, SPEECH, ()))
    updates = [each for each in told if each.cause is Cause.UPDATE]
    assert updates
    assert all(each.words == () and each.end >= 1.4 for each in updates)


async def test_a_draft_without_words_takes_none_back() -> None:
    told = await heard(Engine(), (2.0, SPEECH, ("one",)), (2.0, SPEECH, ()))
    updates = [each for each in told if each.cause is Cause.UPDATE]
    assert updates
    assert all(each.words for each in updates)


async def test_a_busy_engine_does_not_read_ahead() -> None:
    engine = Engine("one")
    await heard(engine, (1.2, SPEECH, ("one",)), (0.9, QUIET, ("one",)))
    assert engine.asked.count(Urgency.LIVE_FINAL) == 1
