"""The engine pool: one queue of segments, and the engine process that works through it.

The process may die or hang; it is replaced, and its segments run again. A segment that costs three
processes fails alone. Urgency decides who goes first, so that a long file never holds up a live call by
more than the batch that is running; recordings take turns, so that a short one gets through beside them.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ringback.audio.samples import Samples
from ringback.engines import messages
from ringback.engines.base import Recognition, Task, Urgency
from ringback.engines.process import EngineProcess, started
from ringback.engines.segment_queue import CRASHES_BEFORE_FAILURE, Segment, SegmentQueue
from ringback.errors import EngineFailure, Misconfigured
from ringback.system import available_cores
from ringback.telemetry import ENGINE_RESTARTS, event, problem

State = Literal["starting", "ready", "restarting"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the pool waits for its engine, in seconds."""

    start: float = 300.0
    """For the configured model to be loaded: a large one may come from a slow disk."""
    batch: float = 60.0
    """For any batch; it may be the first one of a model, which is then loaded."""
    per_audio_second: float = 10.0
    """More for a batch, per second of its audio."""
    grace: float = 5.0
    """For the batches in flight, when we stop."""


class Superseded(Exception):
    """A later partial of the same stream was offered while this one waited."""


@dataclass(slots=True)
class _InFlight:
    segments: list[Segment]
    deadline: asyncio.TimerHandle | None = None
    """Set once a thread of the engine has begun it."""


@dataclass(slots=True)
class _Life:
    """One engine process from its start to its end."""

    process: EngineProcess
    threads: int = 1
    batch_limit: int = 1
    in_flight: dict[int, _InFlight] = field(default_factory=dict)
    hung: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """The number of the first batch that ran past its deadline."""


class EnginePool:
    """A Service. `recognise` may be called before `run`: it waits."""

    name = "engine"

    def __init__(self, setup: messages.Setup, patience: Patience | None = None) -> None:
        self.threads = setup.threads or available_cores()
        self.state: State = "starting"
        self._setup = msgspec.structs.replace(setup, threads=self.threads)
        self._patience = patience or Patience()
        self._waiting = SegmentQueue()
        self._answers: dict[int, asyncio.Future[Recognition]] = {}
        self._numbers = itertools.count()
        self._ready = asyncio.Event()
        self._unusable: Misconfigured | None = None
        self._life: _Life | None = None
        self._dispatch_due = False

    @property
    def pid(self) -> int | None:
        """The engine process' id, while there is one."""
        return self._life.process.pid if self._life else None

    @property
    def in_flight(self) -> int:
        """Batches that the engine process has."""
        return len(self._life.in_flight) if self._life else 0

    @property
    def idle(self) -> int:
        """Threads of the engine that have nothing to do, and none of what waits is for them: time for more
        thorough work. Partials wait for threads of their own (`SegmentQueue`)."""
        if self._life is None or any(each.urgency is not Urgency.LIVE_PARTIAL for each in self._waiting):
            return 0
        return max(0, self._life.threads - len(self._life.in_flight))

    @property
    def load(self) -> Mapping[Urgency, int]:
        """Segments that wait or are being recognised, by urgency."""
        in_hand = [batch.segments for batch in self._life.in_flight.values()] if self._life else []
        count = Counter(segment.urgency for segment in itertools.chain(self._waiting, *in_hand))
        return {urgency: count[urgency] for urgency in Urgency}

    async def recognise(
        self, samples: Samples, task: Task, urgency: Urgency, source: str = "", caller: str = ""
    ) -> Recognition:
        """What is said in this segment of at most 30 s.

        Recordings take turns by `source`, a key such as the request's id. A live partial takes the place of
        the one that still waits with the same `source`, whose call raises `Superseded`. The queue takes all
        that it is offered: each caller bounds its own share, and so the memory, which is recordings at once ×
        segments that each offers at once × 1 MB for 15 s. Cancelling the call takes its segment out of the
        queue.
        Raises `EngineFailure` after the third crash or failure on this segment, and `Misconfigured` when
        its model cannot be loaded.
        """
        if self._unusable is not None:
            raise self._unusable
        segment = Segment(next(self._numbers), samples, task, urgency, source, caller=caller)
        answer: asyncio.Future[Recognition] = asyncio.get_running_loop().create_future()
        self._answers[segment.number] = answer
        self._wait(segment)
        self._dispatch_soon()
        try:
            return await answer
        finally:
            del self._answers[segment.number]
            self._waiting.discard_segment(segment)

    async def ready(self) -> None:
        """Return when the configured model is loaded and warm. Raises `Misconfigured` if it never will be."""
        await self._ready.wait()
        if self._unusable is not None:
            raise self._unusable

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep an engine process until told to stop. Raises `Misconfigured` when none can be kept.

        At the end, segments in flight have a grace; who still waits after it is cancelled.
        """
        stop = asyncio.create_task(stopping.wait())
        failed_starts = 0
        try:
            while not stop.done():
                was_ready = await self._live(stop)
                failed_starts = 0 if was_ready else failed_starts + 1
                if failed_starts == _STARTS_BEFORE_GIVING_UP:
                    raise Misconfigured(
                        f"the engine process ended {failed_starts} times while loading the model "
                        f"{self._setup.model!r}. Its last words are in the log above; too little memory for "
                        "the model is the usual reason: try a smaller one (setting `model`), or run "
                        "`ringback doctor`."
                    )
        except Misconfigured as cause:
            self._give_up(cause)
            raise
        finally:
            stop.cancel()
            for answer in self._answers.values():
                answer.cancel()

    async def _live(self, stop: asyncio.Task[bool]) -> bool:
        """One engine process, from start to end; whether it ever was ready."""
        async with started(self._setup) as process:
            began = time.monotonic()
            life = _Life(process)
            self._ready.clear()
            hearing = asyncio.create_task(self._hear(life))
            loading = asyncio.create_task(self._ready.wait())
            try:
                await _first_of(hearing, loading, stop, timeout=self._patience.start)
                was_ready = loading.done()
                if was_ready:
                    event("engine.started", pid=process.pid, seconds=round(time.monotonic() - began, 3))
                    await _first_of(hearing, life.hung, stop)
                if stop.done():
                    await self._drain(life, hearing)
                    return was_ready
                if hearing.done():
                    hearing.result()
            finally:
                self._life = None
                hearing.cancel()
                loading.cancel()
                await asyncio.gather(hearing, loading, return_exceptions=True)
        self._bury(life)
        return was_ready

    async def _hear(self, life: _Life) -> None:
        """Act on what the engine says, until it ends."""
        while (message := await life.process.receive()) is not None:
            match message:
                case messages.Ready():
                    self._begin(life, message)
                case messages.Unusable():
                    raise Misconfigured(message.mend)
                case messages.Taken():
                    self._start_clock(life, message.id)
                case messages.Recognised():
                    self._finish(life, message)
                case messages.Failed():
                    self._fail(life, message)

    def _begin(self, life: _Life, ready: messages.Ready) -> None:
        life.threads = ready.threads
        life.batch_limit = _GPU_BATCH if ready.device == "cuda" else _CPU_BATCH
        self._life = life
        self.state = "ready"
        self._ready.set()
        self._dispatch()

    def _start_clock(self, life: _Life, number: int) -> None:
        batch = life.in_flight[number]
        seconds = sum(segment.seconds for segment in batch.segments)
        limit = self._patience.batch + self._patience.per_audio_second * seconds
        batch.deadline = asyncio.get_running_loop().call_later(limit, _note_hang, life, number)

    def _finish(self, life: _Life, message: messages.Recognised) -> None:
        batch = self._landed(life, message.id)
        for segment, recognition in zip(batch.segments, message.recognitions, strict=True):
            answer = self._answers.get(segment.number)
            if answer is not None and not answer.done():
                answer.set_result(recognition)
        self._dispatch()

    def _fail(self, life: _Life, message: messages.Failed) -> None:
        batch = self._landed(life, message.id)
        for segment in batch.segments:
            if message.mend:
                self._refuse(segment, Misconfigured(message.reason))
            else:
                self._again(segment, message.reason, suspect=True)
        self._dispatch()

    def _landed(self, life: _Life, number: int) -> _InFlight:
        batch = life.in_flight.pop(number)
        if batch.deadline is not None:
            batch.deadline.cancel()
        return batch

    def _bury(self, life: _Life) -> None:
        """The engine ended on its own, or hung and was killed: its segments go back to the queue."""
        hung = life.hung.result() if life.hung.done() else None
        self.state = "restarting"
        ENGINE_RESTARTS.inc()
        problem(
            "engine.died",
            pid=life.process.pid,
            status=life.process.status,
            reason="hang" if hung is not None else "crash",
            batches=len(life.in_flight),
        )
        for number, batch in list(life.in_flight.items()):
            self._landed(life, number)
            # Only what was running may be to blame; of a hang we even know which.
            suspect = number == hung if hung is not None else batch.deadline is not None
            for segment in batch.segments:
                self._again(segment, "it hung" if hung is not None else "it crashed", suspect=suspect)

    def _again(self, segment: Segment, reason: str, *, suspect: bool) -> None:
        if segment.number not in self._answers:
            return
        segment.crashes += suspect
        if segment.crashes >= CRASHES_BEFORE_FAILURE:
            self._refuse(
                segment, EngineFailure(f"the engine failed {segment.crashes} times on one segment: {reason}")
            )
        else:
            self._wait(segment)

    def _wait(self, segment: Segment) -> None:
        older = self._waiting.put_segment(segment)
        if older is not None:
            self._refuse(older, Superseded())

    def _refuse(self, segment: Segment, error: EngineFailure | Misconfigured | Superseded) -> None:
        answer = self._answers.get(segment.number)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _dispatch_soon(self) -> None:
        """At the end of this turn of the loop, so that segments that come together can go together."""
        if not self._dispatch_due:
            self._dispatch_due = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatch_due = False
        life = self._life
        if life is None:
            return
        while segments := self._waiting.take_batch(
            [batch.segments for batch in life.in_flight.values()], life.threads, life.batch_limit
        ):
            number = next(self._numbers)
            life.in_flight[number] = _InFlight(segments)
            life.process.recognise(number, segments)

    async def _drain(self, life: _Life, hearing: asyncio.Task[None]) -> None:
        """Nothing new; what is in flight may land."""
        self._life = None
        landings = [
            self._answers[segment.number]
            for batch in life.in_flight.values()
            for segment in batch.segments
            if segment.number in self._answers
        ]
        if landings:
            all_landed = asyncio.gather(*landings, return_exceptions=True)
            await _first_of(hearing, all_landed, timeout=self._patience.grace)

    def _give_up(self, cause: Misconfigured) -> None:
        self._unusable = cause
        self._ready.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(cause)


_CPU_BATCH = 4
_GPU_BATCH = 16
_STARTS_BEFORE_GIVING_UP = 3


async def _first_of(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:
    """Return when one of them is done; leave the others alone."""
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def _note_hang(life: _Life, number: int) -> None:
    if not life.hung.done():
        life.hung.set_result(number)
