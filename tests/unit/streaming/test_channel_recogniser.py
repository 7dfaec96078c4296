"""One channel between the VAD and the engine: what it has recognised, and which events it emits."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from ringback.audio.samples import Samples
from ringback.engines.base import Recognition, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.engines.segment_queue import UtteranceSoFar
from ringback.errors import Misconfigured
from ringback.listen.recognition_events import (
    Cause,
    PauseJudged,
    RecognitionEvent,
    RecognitionResult,
    VadProgress,
)
from ringback.listen.turn_confidence import TurnPauses, TurnThresholds
from ringback.speakers.voices import Voice
from ringback.streaming import speech_recogniser
from ringback.streaming.channel_recogniser import ChannelRecogniser
from ringback.streaming.speech_recogniser import RecognitionSettings
from ringback.transcript import Word
from support.voices import People
from support.waiting import turns

WINDOW = 512
SPEECH, QUIET = (0.95, 0.1), (0.02, 0.001)
PEOPLE = People()


class Engine:
    """Answers at once, with as many words as the test wants."""

    threads = 2

    def __init__(self, *words: str, idle: int = 0) -> None:
        self.words = words
        self.idle = idle
        self.urgencies: list[Urgency] = []
        self.deaf = False
        """Never says who speaks."""

    async def recognise(self, samples: Samples, task: Task, urgency: Urgency, turn: str = "") -> Recognition:
        self.urgencies.append(urgency)
        words = [Word(text, 0.3 + 0.1 * n, 0.4 + 0.1 * n, 1.0) for n, text in enumerate(self.words)]
        return Recognition(tuple(words))

    async def find_voices(self, samples: Samples, urgency: Urgency, turn: str = "") -> tuple[Voice, ...]:
        self.urgencies.append(urgency)
        if self.deaf:
            await asyncio.Event().wait()
        return (PEOPLE.says("a", 0.0, len(samples) / 16_000),)


async def results_of(
    engine: Engine,
    *parts: tuple[float, tuple[float, float], Sequence[str]],
    interim: bool = True,
    ends: bool = True,
    speakers: bool = False,
    incremental: bool = False,
) -> list[RecognitionResult]:
    """The results of a channel with this audio: (seconds, sound, the words that the engine returns)."""
    events: list[RecognitionEvent] = []
    pool = cast(EnginePool, cast(Any, engine))
    settings = RecognitionSettings(
        pool, Task("tiny.en"), None, speakers, interim, 300, incremental=incremental
    )
    channel = ChannelRecogniser(0, "stream", settings, emit=events.append, on_progress=lambda: None)
    running = asyncio.create_task(channel.run())
    total = 0
    for seconds, sound, words in parts:
        engine.words = tuple(words)
        for _ in range(round(seconds * 16_000 / WINDOW)):
            channel.push_samples(np.zeros(WINDOW, np.float32))
            channel.push_windows([sound])
            total += WINDOW
            await turns(5)
    if ends:
        channel.end(total)
        await running
    else:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    channel.close()
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


@pytest.mark.parametrize("seconds", [1.2, 16.0])
async def test_the_words_of_finals_have_speakers_and_those_of_interims_have_none(seconds: float) -> None:
    """Also of a span that is split because the speech has no pause."""
    engine = Engine("one")
    results = await results_of(
        engine, (seconds, SPEECH, ("one", "two")), (0.9, QUIET, ("one", "two")), speakers=True
    )
    finals = [word.speaker for each in results if each.final for word in each.words]
    assert finals
    assert set(finals) == {0}
    assert {word.speaker for each in results if not each.final for word in each.words} == {None}
    assert engine.urgencies.count(Urgency.LIVE_VOICES) == sum(each.final for each in results if each.words)


async def test_a_final_does_not_wait_for_ever_to_learn_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_recogniser, "LONGEST_WAIT_FOR_VOICES", 0.01)
    engine = Engine("one")
    engine.deaf = True
    results = await results_of(engine, (1.2, SPEECH, ("one",)), (0.9, QUIET, ("one",)), speakers=True)
    assert [[word.speaker for word in each.words] for each in results if each.final and each.words] == [
        [None]
    ]


async def test_who_does_not_ask_costs_no_listening() -> None:
    engine = Engine("one")
    await results_of(engine, (1.2, SPEECH, ("one",)), (0.9, QUIET, ("one",)))
    assert Urgency.LIVE_VOICES not in engine.urgencies


class Hearing(Engine):
    """A transducer: says which speech it was given, and whether that was its utterance's end."""

    def __init__(self, *words: str, idle: int = 0) -> None:
        super().__init__(*words, idle=idle)
        self.utterances: list[tuple[UtteranceSoFar, int]] = []
        self.dropped: list[str] = []

    async def recognise_utterance(
        self, samples: Samples, utterance: UtteranceSoFar, model: str, urgency: Urgency, source: str
    ) -> Recognition:
        assert (model, source) == ("tiny.en", "stream/0")
        self.utterances.append((utterance, len(samples)))
        return await self.recognise(samples, Task(model), urgency)

    def drop_utterance(self, source: str) -> None:
        self.dropped.append(source)


@pytest.mark.parametrize("idle", [0, 2])
@pytest.mark.parametrize("interim", [True, False])
async def test_a_transducer_hears_the_span_as_it_is_spoken_and_its_end_once(interim: bool, idle: int) -> None:
    """Whether or not interim results are wanted, and never the end before it is certain."""
    engine = Hearing("one", idle=idle)
    speech, pause = (1.2, SPEECH, ("one",)), (0.9, QUIET, ("one",))
    results = await results_of(engine, speech, pause, interim=interim, incremental=True)
    partials = [(spoken, length) for spoken, length in engine.utterances if not spoken.ends]
    ends = [(spoken, length) for spoken, length in engine.utterances if spoken.ends]
    assert len(partials) >= 5
    assert len(ends) == 1
    assert {spoken.begin for spoken, _ in engine.utterances} == {ends[0][0].begin}
    lengths = [length for _, length in partials]
    gaps = [after - before for before, after in pairwise(lengths)]
    assert all(0 < gap <= 0.25 * 16_000 for gap in gaps[:-1])
    assert 0 < gaps[-1] <= 0.5 * 16_000  # to a little behind the speech, once it has paused
    assert ends[0][1] >= lengths[-1]
    assert engine.utterances[-1] == ends[0]
    assert any(not each.final for each in results) is interim
    assert [each.cause for each in results if each.words and each.final] == [Cause.ENDPOINT]


async def test_a_second_span_is_an_utterance_of_its_own() -> None:
    engine = Hearing("one")
    speech, pause = (1.2, SPEECH, ("one",)), (0.9, QUIET, ("one",))
    await results_of(engine, speech, pause, speech, pause, incremental=True)
    begins = [spoken.begin for spoken, _ in engine.utterances if spoken.ends]
    assert len(begins) == 2
    assert begins[0] < 16_000 < begins[1]


async def test_what_nobody_ends_is_dropped() -> None:
    engine = Hearing("one")
    await results_of(engine, (1.2, SPEECH, ("one",)), incremental=True, ends=False)
    assert engine.dropped == ["stream/0"]


async def test_a_model_that_hears_whole_segments_has_nothing_to_drop() -> None:
    engine = Hearing("one")
    await results_of(engine, (1.2, SPEECH, ("one",)), ends=False)
    assert engine.utterances == []
    assert engine.dropped == []


class Judge:
    """A turn model that answers when the test wants it to."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, asyncio.Future[float]]] = []

    def judge(self, turn: Samples) -> asyncio.Future[float]:
        self.turns.append((len(turn), asyncio.get_running_loop().create_future()))
        return self.turns[-1][1]


def judged_channel(
    events: list[RecognitionEvent], judge: Judge
) -> tuple[ChannelRecogniser, asyncio.Task[None]]:
    pool = cast(EnginePool, cast(Any, Engine("one")))
    rule = TurnPauses(TurnThresholds(0.8, 0.5))
    settings = RecognitionSettings(pool, Task("tiny.en"), None, False, True, None, rule, judge)
    channel = ChannelRecogniser(0, "stream", settings, emit=events.append, on_progress=lambda: None)
    return channel, asyncio.create_task(channel.run())


def push(channel: ChannelRecogniser, *parts: tuple[float, tuple[float, float]]) -> None:
    for seconds, sound in parts:
        count = round(seconds * 16_000 / WINDOW)
        channel.push_samples(np.zeros(count * WINDOW, np.float32))
        channel.push_windows([sound] * count)


async def test_what_is_behind_a_pause_waits_for_the_verdict_on_it() -> None:
    events: list[RecognitionEvent] = []
    judge = Judge()
    channel, running = judged_channel(events, judge)
    push(channel, (2.0, SPEECH), (1.9, QUIET))
    await turns(20)
    ((length, verdict),) = judge.turns
    assert length == pytest.approx(2.2 * 16_000, abs=2 * WINDOW)
    reached = max(event.until for event in events if isinstance(event, VadProgress))
    assert reached == pytest.approx(2.2, abs=0.04)
    channel.flush_at(round(3.9 * 16_000))
    channel.end(round(3.9 * 16_000))
    verdict.set_result(0.9)
    await running
    emitted = [
        event.cause if isinstance(event, RecognitionResult) else type(event)
        for event in events
        if isinstance(event, PauseJudged) or (isinstance(event, RecognitionResult) and event.final)
    ]
    assert emitted == [PauseJudged, Cause.EAGER, Cause.ENDPOINT, Cause.FINALIZE]
    steps = [event.until for event in events if isinstance(event, VadProgress)]
    assert all(after - before <= 0.257 for before, after in pairwise(steps))


async def test_a_turn_model_that_cannot_be_read_ends_the_stream() -> None:
    judge = Judge()
    channel, running = judged_channel([], judge)
    push(channel, (2.0, SPEECH), (0.5, QUIET))
    judge.turns[0][1].set_exception(Misconfigured("it is broken"))
    with pytest.raises(ExceptionGroup) as failed:
        await running
    assert failed.group_contains(Misconfigured, match="it is broken")
