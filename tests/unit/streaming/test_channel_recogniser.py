"""One channel between the VAD and the engine: what it has recognised, and which events it emits."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from ringback.audio.samples import Samples
from ringback.engines.base import Recognition, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.listen.recognition_events import Cause, RecognitionEvent, RecognitionResult
from ringback.streaming.channel_recogniser import ChannelRecogniser
from ringback.streaming.speech_recogniser import RecognitionSettings
from ringback.transcript import Word

WINDOW = 512
SPEECH, QUIET = (0.95, 0.1), (0.02, 0.001)


class Engine:
    """Answers at once, with as many words as the test wants."""

    threads = 2

    def __init__(self, *words: str, idle: int = 0) -> None:
        self.words = words
        self.idle = idle
        self.urgencies: list[Urgency] = []

    async def recognise(self, samples: Samples, task: Task, urgency: Urgency, turn: str = "") -> Recognition:
        self.urgencies.append(urgency)
        words = [Word(text, 0.3 + 0.1 * n, 0.4 + 0.1 * n, 1.0) for n, text in enumerate(self.words)]
        return Recognition(tuple(words))


async def results_of(
    engine: Engine,
    *parts: tuple[float, tuple[float, float], Sequence[str]],
    interim: bool = True,
    ends: bool = True,
) -> list[RecognitionResult]:
    """The results of a channel with this audio: (seconds, sound, the words that the engine returns)."""
    events: list[RecognitionEvent] = []
    settings = RecognitionSettings(cast(EnginePool, cast(Any, engine)), Task("tiny.en"), None, interim, 300)
    channel = ChannelRecogniser(0, "stream", settings, emit=events.append, on_progress=lambda: None)
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
    if ends:
        channel.end(total)
        await running
    else:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return [event for event in events if isinstance(event, RecognitionResult)]


async def test_a_noise_is_told_without_words() -> None:
    """`UtteranceEnd` looks at words, not at sound (https://developers.deepgram.com/docs/utterance-end)."""
    results = await results_of(Engine(), (3.0, SPEECH, ()))
    updates = [each for each in results if each.cause is Cause.UPDATE]
    assert updates
    assert all(each.words == () and each.end >= 1.4 for each in updates)


async def test_a_draft_without_words_takes_none_back() -> None:
    results = await results_of(Engine(), (2.0, SPEECH, ("one",)), (2.0, SPEECH, ()))
    updates = [each for each in results if each.cause is Cause.UPDATE]
    assert updates
    assert all(each.words for each in updates)


@pytest.mark.parametrize("interim", [True, False])
async def test_a_busy_engine_recognises_no_final_before_the_pause_is_long_enough(interim: bool) -> None:
    engine = Engine("one", idle=0)
    await results_of(engine, (1.2, SPEECH, ("one",)), (0.2, QUIET, ("one",)), interim=interim, ends=False)
    assert engine.urgencies == ([Urgency.LIVE_PARTIAL] * 2 if interim else [])
    engine.urgencies.clear()
    await results_of(engine, (1.2, SPEECH, ("one",)), (0.9, QUIET, ("one",)), interim=interim)
    assert engine.urgencies.count(Urgency.LIVE_FINAL) == 1


@pytest.mark.parametrize("interim", [True, False])
async def test_an_idle_engine_recognises_a_final_before_the_pause_is_long_enough(interim: bool) -> None:
    """In the pause, with the quality of a final, which it then becomes: nothing is recognised after it."""
    engine = Engine("one", idle=1)
    speech, short_pause = (1.2, SPEECH, ("one",)), (0.2, QUIET, ("one",))
    await results_of(engine, speech, short_pause, interim=interim, ends=False)
    assert engine.urgencies[-1] is Urgency.LIVE_FINAL
    engine.urgencies.clear()
    results = await results_of(engine, speech, (0.9, QUIET, ("one",)), interim=interim)
    assert engine.urgencies.count(Urgency.LIVE_FINAL) == 1
    assert [each.final for each in results if each.cause is Cause.ENDPOINT] == [True]
