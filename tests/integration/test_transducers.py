"""Utterances through the pool into a real engine process with a real transducer, which knows a few recordings
by heart: that words come in order, in time, and to whom they belong, whatever dies. Nothing is learnt here of
how well a good model recognises."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import Recognition, Task, Urgency
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool
from ringback.engines.segment_queue import UtteranceSoFar
from ringback.transcript import Word, joined
from support.speech import samples_of
from support.transducer import AUDIO, MODEL, SPOKEN, described
from support.waiting import eventually

INFO = described()
STEP = SAMPLE_RATE // 5
SENTENCE = "librivox_0920.flac"


@asynccontextmanager
async def running(models: Path, threads: int = 2) -> AsyncIterator[EnginePool]:
    pool = EnginePool(EngineSetup(MODEL, str(models), threads))
    stopping = asyncio.Event()
    service = asyncio.create_task(pool.run(stopping))
    try:
        await pool.wait_ready()
        yield pool
    finally:
        stopping.set()
        await service


class Utterance:
    """One channel: it says a recording in steps, and keeps what was heard after each."""

    def __init__(self, pool: EnginePool, samples: Samples, source: str = "stream/0", begin: int = 0) -> None:
        self.pool, self.samples, self.source, self.begin = pool, samples, source, begin
        self.partials: list[tuple[Word, ...]] = []

    async def say(self, until: int) -> None:
        self.partials.append((await self._recognised(until, ends=False)).words)

    async def end(self) -> tuple[Word, ...]:
        return (await self._recognised(len(self.samples), ends=True)).words

    async def say_all(self, at: Callable[[int], Awaitable[None]] | None = None) -> tuple[Word, ...]:
        for number, until in enumerate(range(STEP, len(self.samples), STEP)):
            await self.say(until)
            if at is not None:
                await at(number)
        return await self.end()

    async def _recognised(self, until: int, *, ends: bool) -> Recognition:
        urgency = Urgency.LIVE_FINAL if ends else Urgency.LIVE_PARTIAL
        so_far = UtteranceSoFar(self.begin, ends)
        return await self.pool.recognise_utterance(
            self.samples[:until], so_far, INFO.name, urgency, self.source
        )


def clip(name: str) -> Samples:
    return samples_of(AUDIO / name)


async def test_words_come_one_after_the_other_and_stay(tmp_path: Path) -> None:
    async with running(tmp_path) as pool:
        utterance = Utterance(pool, clip(SENTENCE))
        final = await utterance.say_all()
    assert joined(final) == SPOKEN[SENTENCE]
    texts = [joined(words) for words in utterance.partials]
    assert len(set(texts)) > 5
    assert all(later.startswith(earlier) for earlier, later in pairwise([*texts, joined(final)]))


async def test_words_have_times_and_probabilities(tmp_path: Path) -> None:
    samples = clip(SENTENCE)
    async with running(tmp_path) as pool:
        utterance = Utterance(pool, samples)
        words = await utterance.say_all()
    assert all(0 <= word.start < word.end for word in words)
    assert all(one.end <= other.start for one, other in pairwise(words))
    # "had" is said before 1 s, "was" after 5 s of six: the model writes them up to half a second later.
    assert words[0].start < 1.5
    assert words[-1].start > 4.5
    assert words[-1].end <= len(samples) / SAMPLE_RATE + 0.02
    assert all(0 < word.confidence <= 1 for word in words)
    assert all(word.spaced for word in words)
    for number, partial in enumerate(utterance.partials, 1):
        assert all(word.start <= number * STEP / SAMPLE_RATE for word in partial)


async def test_the_last_words_come_with_the_flush(tmp_path: Path) -> None:
    """Nothing is left in the model when its caller waits for a Finalize."""
    missing = 0
    async with running(tmp_path) as pool:
        for name in SPOKEN:
            utterance = Utterance(pool, clip(name)[: -SAMPLE_RATE // 5])  # without the silence at its end
            await utterance.say(len(utterance.samples))
            final = await utterance.end()
            assert joined(final) == SPOKEN[name]
            missing += len(final) - len(utterance.partials[0])
    assert missing


async def test_sixteen_streams_at_once_get_their_own_words(tmp_path: Path) -> None:
    names = [name for name in SPOKEN for _ in range(3)][:16]
    async with running(tmp_path) as pool:
        utterances = [Utterance(pool, clip(name), f"stream-{n}/0") for n, name in enumerate(names)]
        finals = await asyncio.gather(*(utterance.say_all() for utterance in utterances))
    assert len(names) == 16
    assert [joined(words) for words in finals] == [SPOKEN[name] for name in names]


async def test_a_killed_engine_costs_no_word(tmp_path: Path) -> None:
    """The new one hears the utterances from their beginnings."""
    names = list(SPOKEN)[:4]
    async with running(tmp_path) as pool:

        async def kill(number: int) -> None:
            if number in {4, 9}:
                pid = pool.pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await eventually(lambda: pool.pid not in {None, pid})

        others = [Utterance(pool, clip(name), name) for name in names[1:]]
        said = asyncio.gather(*(utterance.say_all() for utterance in others))
        first = await Utterance(pool, clip(SENTENCE)).say_all(at=kill)
        rest = await said
    assert joined(first) == SPOKEN[SENTENCE]
    assert [joined(words) for words in rest] == [SPOKEN[name] for name in names[1:]]


async def test_a_source_that_is_cut_back_begins_anew(tmp_path: Path) -> None:
    """The segmenter may end a span before what its last partial held."""
    samples = clip("phone_en_vm_tempgreeting2.flac")
    cut = round(2.9 * SAMPLE_RATE)
    async with running(tmp_path) as pool:
        await Utterance(pool, samples).say(cut + SAMPLE_RATE)
        before = await Utterance(pool, samples[:cut]).end()
        after = await Utterance(pool, samples[cut:], begin=cut).say_all()
    assert joined(before) == "press one to record your temporary greeting"
    assert joined(after) == "or press two to erase your temporary greeting"


async def test_an_utterance_that_nobody_ends_is_dropped(tmp_path: Path) -> None:
    """And the next one of the same source hears nothing of it."""
    async with running(tmp_path) as pool:
        await Utterance(pool, clip(SENTENCE)).say(3 * SAMPLE_RATE)
        pool.drop_utterance("stream/0")
        words = await Utterance(pool, clip("librivox_0930.flac")).say_all()
    assert joined(words) == SPOKEN["librivox_0930.flac"]


async def test_recordings_are_recognised_too(tmp_path: Path) -> None:
    async with running(tmp_path) as pool:
        recognised = await asyncio.gather(
            *(pool.recognise(clip(name), Task(INFO.name), Urgency.RECORDING) for name in SPOKEN)
        )
    assert [joined(each.words) for each in recognised] == list(SPOKEN.values())


async def test_silence_has_no_words(tmp_path: Path) -> None:
    async with running(tmp_path, threads=1) as pool:
        assert await Utterance(pool, np.zeros(2 * SAMPLE_RATE, np.float32)).say_all() == ()
