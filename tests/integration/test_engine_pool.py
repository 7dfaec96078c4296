"""The pool with real engine processes, which are killed, poisoned and hung."""

import asyncio
import json
import os
import signal
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
import uvloop

import ringback.engines.pool
from ringback.audio.samples import Samples
from ringback.engines.base import Recognition, Task, Urgency
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool, EngineTimeouts
from ringback.engines.process import EngineProcess
from ringback.engines.segment_queue import Segment
from ringback.errors import EngineFailure, Misconfigured
from ringback.telemetry import ENGINE_RESTARTS
from ringback.transcript import joined
from support.accuracy import word_error_rate
from support.child_processes import children_running
from support.kernels import COMPUTE_TYPE
from support.speech import samples_of
from support.waiting import eventually, turns

AUDIO = Path(__file__).parent.parent / "audio"
TASK = Task("scripted")
SHORT_TIMEOUTS = EngineTimeouts(batch=2.0, per_audio_second=0.0)

POISON, QUIET, LOUD = 0.9, 0.1, 0.5
"""Peaks by which a script tells segments apart."""

Scripted = Callable[..., EngineSetup]


@pytest.fixture
def scripted(tmp_path: Path) -> Scripted:
    """Set-up of an engine that follows these steps."""

    def setup(*steps: dict[str, Any], threads: int = 2) -> EngineSetup:
        script = tmp_path / "script.json"
        script.write_text(json.dumps({"steps": steps}))
        return EngineSetup(f"scripted:{script}", str(tmp_path), threads)

    return setup


@asynccontextmanager
async def running(pool: EnginePool) -> AsyncIterator[EnginePool]:
    """While the block runs; afterwards the engine process must be gone."""
    stopping = asyncio.Event()
    service = asyncio.create_task(pool.run(stopping))
    try:
        yield pool
        engines = engine_processes()
    finally:
        stopping.set()
        await service
    assert engines
    assert not engine_processes()


def engine_processes() -> list[psutil.Process]:
    return children_running("ringback.engines.child")


def tone(peak: float, seconds: float = 1.0) -> Samples:
    return np.full(round(seconds * 16_000), peak, np.float32)


def around(peak: float) -> list[float]:
    return [peak - 0.05, peak + 0.05]


def text(recognised: Recognition) -> str:
    return joined(recognised.words)


def restarts() -> float:
    return float(ENGINE_RESTARTS._value.get())


async def recognise_clips(pool: EnginePool) -> list[str]:
    clips = [samples_of(path) for path in sorted(AUDIO.glob("librivox_*.flac"))]
    recognised = await asyncio.gather(
        *(pool.recognise(clip, Task("tiny.en"), Urgency.RECORDING) for clip in clips * 4)
    )
    return [text(recognition) for recognition in recognised]


async def test_a_killed_engine_costs_nobody_a_word(tmp_path: Path) -> None:
    before = restarts()
    setup = EngineSetup("tiny.en", str(tmp_path), 2, compute_type=COMPUTE_TYPE)
    async with running(EnginePool(setup)) as pool:
        await pool.wait_ready()
        undisturbed = await recognise_clips(pool)
        disturbed = asyncio.create_task(recognise_clips(pool))
        for _ in range(2):
            pid = pool.pid
            assert pid is not None
            await eventually(lambda: bool(pool.in_flight))
            os.kill(pid, signal.SIGKILL)
            await eventually(lambda old=pid: pool.pid not in {None, old})  # type: ignore[misc] # mypy and defaults
        texts = await disturbed
    assert len(texts) == len(undisturbed)
    # Alone or in a batch, a segment's window differs, and with it now and then a word.
    assert word_error_rate(zip(undisturbed, texts, strict=True)) < 0.1
    assert restarts() == before + 2


async def test_a_poisonous_segment_fails_alone_after_three_crashes(scripted: Scripted) -> None:
    setup = scripted({"words": "fine"}, {"peak": around(POISON), "then": "crash"})
    before = restarts()
    async with running(EnginePool(setup)) as pool:
        poisonous = asyncio.create_task(pool.recognise(tone(POISON), TASK, Urgency.RECORDING))
        others = [pool.recognise(tone(QUIET), TASK, Urgency.RECORDING) for _ in range(12)]
        assert [text(recognised) for recognised in await asyncio.gather(*others)] == ["fine"] * 12
        with pytest.raises(EngineFailure, match="3 times"):
            await poisonous
        assert text(await pool.recognise(tone(QUIET), TASK, Urgency.RECORDING)) == "fine"
    assert restarts() == before + 3


async def test_a_segment_on_which_the_recogniser_raises_fails_alone_without_a_restart(
    scripted: Scripted, capfd: pytest.CaptureFixture[str]
) -> None:
    setup = scripted({"words": "fine"}, {"peak": around(POISON), "then": "fail"})
    before = restarts()
    async with running(EnginePool(setup)) as pool:
        bad, good = await asyncio.gather(
            pool.recognise(tone(POISON), TASK, Urgency.RECORDING),
            pool.recognise(tone(QUIET), TASK, Urgency.RECORDING),
            return_exceptions=True,
        )
    assert isinstance(bad, EngineFailure)
    assert "the script says so" in str(bad)
    assert isinstance(good, Recognition)
    assert restarts() == before
    assert "Traceback" in capfd.readouterr().err  # for the operator


async def test_a_hung_engine_is_replaced_and_only_the_hung_segment_pays(scripted: Scripted) -> None:
    setup = scripted({"words": "fine"}, {"peak": around(POISON), "then": "hang"})
    before = restarts()
    async with running(EnginePool(setup, SHORT_TIMEOUTS)) as pool:
        hung = asyncio.create_task(pool.recognise(tone(POISON), TASK, Urgency.RECORDING))
        others = [pool.recognise(tone(QUIET), TASK, Urgency.RECORDING) for _ in range(6)]
        assert [text(recognised) for recognised in await asyncio.gather(*others)] == ["fine"] * 6
        with pytest.raises(EngineFailure):
            await hung
    assert restarts() == before + 3


async def test_a_passing_hang_is_healed(scripted: Scripted) -> None:
    setup = scripted({"peak": around(POISON), "words": "back", "then": "hang", "once": True})
    async with running(EnginePool(setup, SHORT_TIMEOUTS)) as pool:
        assert text(await pool.recognise(tone(POISON), TASK, Urgency.RECORDING)) == "back"


async def test_the_urgent_overtake_recordings_that_wait(scripted: Scripted) -> None:
    setup = scripted({"words": "slow", "delay": 0.1}, threads=1)
    order: list[str] = []

    async def recognise(name: str, urgency: Urgency) -> None:
        await pool.recognise(tone(QUIET), TASK, urgency)
        order.append(name)

    async with running(EnginePool(setup)) as pool:
        await pool.wait_ready()
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(recognise("recording", Urgency.RECORDING))
            await eventually(lambda: bool(pool.in_flight))
            before = len(order) + pool.in_flight
            group.create_task(recognise("partial", Urgency.LIVE_PARTIAL))
            group.create_task(recognise("final", Urgency.LIVE_FINAL))
    # First went what had ended or ran, and at most a batch that had ended and one that was begun meanwhile.
    assert order.index("final") <= before + 8 < 20
    assert order.index("partial") <= before + 9


async def test_a_short_recording_goes_past_many_long_ones_that_came_before(scripted: Scripted) -> None:
    setup = scripted({"words": "slow", "delay": 0.02}, threads=1)
    order: list[str] = []

    async def recognise(turn: str, seconds: float) -> None:
        await pool.recognise(tone(QUIET, seconds), TASK, Urgency.RECORDING, source=turn)
        order.append(turn)

    async with running(EnginePool(setup)) as pool:
        await pool.wait_ready()
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                for number in range(16):
                    group.create_task(recognise(f"long {number}", 10.0))
            await eventually(lambda: len(order) > 16)
            before = len(order)
            group.create_task(recognise("short", 1.0))
    # Two batches that the engine had, and one more, with room for what ended while the short one came.
    assert order.index("short") - before <= 16
    assert len(order) == 6 * 16 + 1


@pytest.mark.parametrize(("setting", "most"), [(0, 4), (1, 1), (3, 3), (16, 8)])
async def test_a_batch_has_as_many_segments_as_the_setting_allows(
    scripted: Scripted, setting: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    send = EngineProcess.send_batch

    def counted(self: EngineProcess, number: int, segments: list[Segment]) -> None:
        sizes.append(len(segments))
        send(self, number, segments)

    monkeypatch.setattr(EngineProcess, "send_batch", counted)
    setup = msgspec.structs.replace(scripted({"words": "said"}, threads=1), batch=setting)
    async with running(EnginePool(setup)) as pool, asyncio.TaskGroup() as group:
        await pool.wait_ready()
        for number in range(8):
            group.create_task(pool.recognise(tone(QUIET, 5.0), TASK, Urgency.RECORDING, source=str(number)))
    assert max(sizes) == most
    assert sum(sizes) == 8


async def test_what_waits_for_an_announced_recording_does_not_wait_for_long(scripted: Scripted) -> None:
    async def recognise(source: str) -> str:
        return text(await pool.recognise(tone(QUIET), TASK, Urgency.RECORDING, source=source))

    async with running(EnginePool(scripted({"words": "said"}, threads=1))) as pool:
        await pool.wait_ready()
        with pool.announced("never comes"):
            assert await recognise("waits") == "said"
            assert await recognise("waits, too") == "said"
        assert await recognise("does not wait") == "said"


async def test_what_waits_goes_on_when_the_announced_recording_had_no_speech(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ringback.engines.pool, "_HOLD_SECONDS", 600.0)
    async with running(EnginePool(scripted({"words": "said"}, threads=1))) as pool:
        await pool.wait_ready()
        with pool.announced("silent"):
            call = asyncio.create_task(pool.recognise(tone(QUIET), TASK, Urgency.RECORDING, source="waits"))
            await turns()
            assert not pool.in_flight
        assert text(await call) == "said"


async def test_a_cancelled_call_s_samples_are_let_go_at_once_or_when_their_batch_ends(
    scripted: Scripted,
) -> None:
    async def cancelled() -> "weakref.ref[Samples]":
        samples = tone(QUIET)
        call = asyncio.create_task(pool.recognise(samples, TASK, Urgency.RECORDING))
        await turns()
        await eventually(lambda: pool.in_flight > 0)
        call.cancel()
        await asyncio.wait([call])
        return weakref.ref(samples)

    long = {"words": "slow", "delay": 2.0, "peak": around(LOUD)}
    async with running(EnginePool(scripted(long, {"words": "slow", "delay": 0.2}, threads=1))) as pool:
        await pool.wait_ready()
        begun = await cancelled()
        await eventually(lambda: pool.in_flight == 0)
        assert begun() is None
        other = asyncio.create_task(pool.recognise(tone(LOUD), TASK, Urgency.RECORDING))
        await eventually(lambda: pool.in_flight == 1)
        assert (await cancelled())() is None
        assert pool.in_flight == 1
        await other


async def test_a_cancelled_call_s_segment_is_never_recognised(scripted: Scripted) -> None:
    setup = scripted({"words": "slow", "delay": 1.0}, {"peak": around(POISON), "then": "crash"}, threads=1)
    before = restarts()
    async with running(EnginePool(setup)) as pool:
        await pool.wait_ready()
        first = asyncio.create_task(pool.recognise(tone(QUIET), TASK, Urgency.RECORDING))
        second = asyncio.create_task(pool.recognise(tone(QUIET, 9.0), TASK, Urgency.RECORDING))
        third = asyncio.create_task(pool.recognise(tone(POISON, 20.0), TASK, Urgency.RECORDING))
        await eventually(lambda: bool(pool.in_flight))
        third.cancel()
        await asyncio.gather(first, second)
    assert third.cancelled()
    assert restarts() == before


async def test_calls_before_the_engine_runs_wait_for_it(scripted: Scripted) -> None:
    pool = EnginePool(scripted({"words": "here"}))
    early = asyncio.create_task(pool.recognise(tone(QUIET), TASK, Urgency.RECORDING))
    await turns()
    states: list[str] = [pool.state]
    async with running(pool):
        assert text(await early) == "here"
        states.append(pool.state)
    assert states == ["starting", "ready"]


async def test_what_is_in_flight_at_a_stop_may_land(scripted: Scripted) -> None:
    pool = EnginePool(scripted({"words": "landed", "delay": 0.3}, threads=1))
    async with running(pool):
        await pool.wait_ready()
        call = asyncio.create_task(pool.recognise(tone(QUIET), TASK, Urgency.RECORDING))
        await eventually(lambda: bool(pool.in_flight))
    assert text(await call) == "landed"


async def test_who_waits_past_the_grace_is_cancelled(scripted: Scripted) -> None:
    pool = EnginePool(scripted({"then": "hang"}), EngineTimeouts(grace=0.1))
    async with running(pool):
        await pool.wait_ready()
        call = asyncio.create_task(pool.recognise(tone(QUIET), TASK, Urgency.RECORDING))
        await eventually(lambda: bool(pool.in_flight))
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_all_callers_learn_that_a_model_is_not_here_and_the_fix(tmp_path: Path) -> None:
    pool = EnginePool(EngineSetup("large-v3", str(tmp_path), 1))
    waiting = asyncio.create_task(pool.recognise(tone(QUIET), TASK, Urgency.RECORDING))
    with pytest.raises(Misconfigured, match="ringback model pull large-v3"):
        await pool.run(asyncio.Event())
    for call in (waiting, pool.wait_ready(), pool.recognise(tone(QUIET), TASK, Urgency.RECORDING)):
        with pytest.raises(Misconfigured, match="ringback model pull large-v3"):
            await call


async def test_a_model_that_the_task_invents_fails_that_task_alone(scripted: Scripted) -> None:
    async with running(EnginePool(scripted({"words": "fine"}))) as pool:
        with pytest.raises(Misconfigured, match="no model 'other'"):
            await pool.recognise(tone(QUIET), Task("other"), Urgency.RECORDING)
        assert text(await pool.recognise(tone(QUIET), TASK, Urgency.RECORDING)) == "fine"


async def test_what_lies_in_the_current_folder_is_not_imported(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('imported from the current folder')")
    monkeypatch.chdir(tmp_path)
    async with running(EnginePool(scripted({"words": "fine"}))) as pool:
        assert text(await pool.recognise(tone(QUIET), TASK, Urgency.RECORDING)) == "fine"


async def test_the_engine_ends_when_the_serving_process_is_killed(scripted: Scripted) -> None:
    setup = scripted({"words": "fine"})
    host = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _HOST, setup.model, setup.models), stdout=asyncio.subprocess.PIPE
    )
    assert host.stdout is not None
    engine = psutil.Process(int(await host.stdout.readline()))
    host.kill()
    await host.wait()
    await eventually(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE)


_HOST = """
import asyncio, sys
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool

async def main():
    pool = EnginePool(EngineSetup(sys.argv[1], sys.argv[2], 1))
    service = asyncio.create_task(pool.run(asyncio.Event()))
    await pool.wait_ready()
    print(pool.pid, flush=True)
    await service

asyncio.run(main())
"""


def test_it_runs_under_uvloop(scripted: Scripted) -> None:
    once = {"peak": around(LOUD), "words": "again", "then": "crash", "once": True}
    setup = scripted({"words": "fine"}, once)

    async def main() -> list[str]:
        async with running(EnginePool(setup)) as pool:
            calls = [pool.recognise(tone(peak), TASK, Urgency.RECORDING) for peak in (QUIET, LOUD)]
            return [text(recognised) for recognised in await asyncio.gather(*calls)]

    call: Coroutine[Any, Any, list[str]] = main()
    assert uvloop.run(call) == ["fine", "again"]
