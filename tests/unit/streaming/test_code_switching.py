"""Live speech in which the language changes: what is asked of the engine, and what is made of it."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import Quality, Recognition, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.engines.spoken_languages import LanguageChoice
from ringback.streaming.code_switching import CodeSwitchingRecogniser
from ringback.transcript import Word
from support.waiting import turns

TASK = Task("base")
FINAL, PARTIAL = Urgency.LIVE_FINAL, Urgency.LIVE_PARTIAL
SPANISH, ENGLISH = 0.5, 0.1
"""Loudness of speech by which the engine tells the languages apart."""
UNSURE: Mapping[str, float] = {"pt": 0.5, "es": 0.45}


def speech(loudness: float, seconds: float = 2.0) -> Samples:
    """Syllables, with silence after them."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = loudness * np.abs(np.sin(2 * np.pi * 2.5 * time)) * np.sin(2 * np.pi * 300 * time)
    return np.concatenate((sound, np.zeros(SAMPLE_RATE // 2))).astype(np.float32)


class Engine:
    """Knows the languages by their loudness; says which was asked for."""

    def __init__(self) -> None:
        self.identified = 0
        self.running = self.most_running = 0
        self.short_is: Mapping[str, float] | None = None

    async def identify(
        self, samples: Samples, model: str, urgency: Urgency, source: str
    ) -> Mapping[str, float]:
        self.identified += 1
        async with self._turn():
            if self.short_is is not None:
                return self.short_is
            return {"es": 0.98} if np.abs(samples).max() > 0.3 else {"en": 0.98}

    async def recognise(self, samples: Samples, task: Task, urgency: Urgency, source: str) -> Recognition:
        async with self._turn():
            return Recognition((Word(task.language, 0.2, len(samples) / SAMPLE_RATE, 1.0),))

    def _turn(self) -> "_Turn":
        return _Turn(self)


class _Turn:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __aenter__(self) -> None:
        self._engine.running += 1
        self._engine.most_running = max(self._engine.most_running, self._engine.running)
        await turns()

    async def __aexit__(self, *_: object) -> None:
        self._engine.running -= 1


def recogniser(engine: Engine) -> CodeSwitchingRecogniser:
    return CodeSwitchingRecogniser(cast(EnginePool, cast(Any, engine)), LanguageChoice(), "stream/0")


async def test_each_stretch_is_recognised_in_its_language() -> None:
    samples = np.concatenate((speech(SPANISH), speech(ENGLISH), speech(ENGLISH)))
    words = await recogniser(Engine()).recognise(samples, 0, TASK, FINAL)
    assert [(word.text, word.language) for word in words] == [("es", "es"), ("en", "en")]
    assert 2.0 < words[0].end < words[1].start < 3.0
    assert words[1].end == len(samples) / SAMPLE_RATE


async def test_partials_ask_for_one_thing_at_a_time() -> None:
    """Of a channel's partials that wait the pool keeps the last one."""
    samples = np.concatenate((speech(SPANISH), speech(ENGLISH), speech(SPANISH)))
    for urgency, most in ((PARTIAL, 1), (FINAL, 3)):
        engine = Engine()
        draft = Task("base", quality=Quality.DRAFT)
        assert len(await recogniser(engine).recognise(samples, 0, draft, urgency)) == 3
        assert engine.most_running == most


async def test_a_phrase_is_identified_once() -> None:
    engine = Engine()
    switching = recogniser(engine)
    samples = np.concatenate((speech(SPANISH), speech(ENGLISH)))
    await switching.recognise(samples, 8_000, TASK, PARTIAL)
    before = engine.identified
    await switching.recognise(samples, 8_000, TASK, FINAL)
    assert engine.identified == before
    switching.settle(8_000 + len(samples))
    await switching.recognise(samples, 8_000, TASK, FINAL)
    assert engine.identified == 2 * before


async def test_a_doubtful_answer_is_in_the_language_of_the_final_before_it() -> None:
    engine = Engine()
    switching = recogniser(engine)
    await switching.recognise(speech(SPANISH), 0, TASK, FINAL)
    engine.short_is = UNSURE
    (word,) = await recogniser(engine).recognise(speech(SPANISH), 0, TASK, FINAL)
    assert word.language == "pt"
    end = len(speech(SPANISH))
    switching.settle(end)
    (word,) = await switching.recognise(speech(SPANISH), end, TASK, FINAL)
    assert word.language == "es"


async def test_what_was_decided_about_speech_that_is_not_final_does_not_count() -> None:
    engine = Engine()
    switching = recogniser(engine)
    await switching.recognise(speech(SPANISH), 0, TASK, PARTIAL)
    switching.settle(1_000)
    engine.short_is = UNSURE
    (word,) = await switching.recognise(speech(SPANISH), 1_000, TASK, FINAL)
    assert word.language == "pt"
