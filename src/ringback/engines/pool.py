"""The engine pool: one queue of segments, and the engine process that works through it.

The process may die or hang; it is replaced, and its segments run again. A segment that costs three
processes fails alone. Urgency decides who goes first, so that a long file never holds up a live call by
more than the batch that is running; recordings take turns, so that a short one gets through beside them.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from ringback.audio.samples import Samples
from ringback.engines import messages
from ringback.engines.base import (
    NAMES_TASK,
    VOICES_TASK,
    LanguageProbabilities,
    Recognition,
    Task,
    Urgency,
)
from ringback.engines.engine_run import EngineRun, InFlight
from ringback.engines.name_spans import of_pieces, pieces
from ringback.engines.names import model_folder
from ringback.engines.process import engine_process
from ringback.engines.segment_queue import CRASHES_BEFORE_FAILURE, Segment, SegmentQueue, UtteranceSoFar
from ringback.engines.voices import speaker_models_folder
from ringback.errors import EngineFailure, Misconfigured
from ringback.service import all_results, until
from ringback.speakers.voices import Voice
from ringback.system import available_cores
from ringback.telemetry import ENGINE_RESTARTS, event, problem
from ringback.transcript import NamedSpan

State = Literal["starting", "ready", "restarting"]


@dataclass(frozen=True, slots=True)
class EngineTimeouts:
    """How long the pool waits for the engine process, in seconds."""

    start: float = 300.0
    """For the configured model to be loaded: a large one may come from a slow disk."""
    batch: float = 60.0
    """For a batch, from when a thread has begun it. Its model may have to be loaded first."""
    per_audio_second: float = 10.0
    """Added to `batch` for each second of audio in it."""
    grace: float = 5.0
    """For the batches in flight, when we stop."""


class Superseded(Exception):
    """A later partial of the same stream was offered while this one waited."""


class EnginePool:
    """A Service. `recognise` may be called before `run`: it waits."""

    name = "engine"

    def __init__(self, setup: messages.EngineSetup, timeouts: EngineTimeouts | None = None) -> None:
        self.threads = setup.threads or available_cores()
        self.state: State = "starting"
        self.computes_on = ""
        """Device and compute type, as the recogniser names them, once it is loaded."""
        self._setup = msgspec.structs.replace(setup, threads=self.threads)
        self._timeouts = timeouts or EngineTimeouts()
        self._names_model = model_folder()
        self._speaker_models = speaker_models_folder()
        self._waiting = SegmentQueue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        """By segment; of its recognition, its languages, its voices, or of the names in its text."""
        self._numbers = itertools.count()
        self._ready = asyncio.Event()
        self._unusable: Misconfigured | None = None
        self._engine: EngineRun | None = None
        self._dispatch_due = False
        self._hold: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The engine process' id, while there is one."""
        return self._engine.process.pid if self._engine else None

    @property
    def in_flight(self) -> int:
        """Batches that the engine process has."""
        return len(self._engine.in_flight) if self._engine else 0

    @property
    def idle(self) -> int:
        """Free threads of the engine process; 0 while finals or recordings wait for one.

        Partials do not count while they wait, nor those on the last thread: they soon leave it
        (`SegmentQueue`)."""
        if self._engine is None or any(each.urgency is not Urgency.LIVE_PARTIAL for each in self._waiting):
            return 0
        batches = self._engine.batches
        partials = sum(batch[0].urgency is Urgency.LIVE_PARTIAL for batch in batches)
        threads = self._engine.threads
        return max(0, threads - (len(batches) - partials) - min(partials, max(1, threads - 1)))

    @property
    def load(self) -> Mapping[Urgency, int]:
        """Segments that wait or are being recognised, by urgency."""
        in_hand = self._engine.batches if self._engine else []
        count = Counter(segment.urgency for segment in itertools.chain(self._waiting, *in_hand))
        return {urgency: count[urgency] for urgency in Urgency}

    async def recognise(
        self, samples: Samples, task: Task, urgency: Urgency, source: str = "", caller: str = ""
    ) -> Recognition:
        """Recognise one segment of at most 30 s.

        Recordings take turns by `source`, a key such as the request's id. A live partial replaces the one
        that still waits with the same `source`, whose call then raises `Superseded`. The queue is not
        bounded: each caller bounds how many segments it has in it (1 MB of memory for 15 s of audio).
        Cancelling the call removes its segment from the queue.
        Raises `EngineFailure` after the third crash or failure on this segment, and `Misconfigured` when
        its model cannot be loaded.
        """
        segment = Segment(next(self._numbers), samples, task, urgency, source, caller=caller)
        recognition: Recognition = await self._answer_of(segment)
        return recognition

    async def recognise_utterance(
        self, samples: Samples, utterance: UtteranceSoFar, model: str, urgency: Urgency, source: str
    ) -> Recognition:
        """The words so far of an utterance, by a model that is `incremental`. `samples`: all that was said of
        it so far, of which the engine is sent what it does not have yet.

        All else is as with `recognise`; `drop_utterance` must be called for the last utterance of a source.
        """
        segment = Segment(next(self._numbers), samples, Task(model), urgency, source, utterance=utterance)
        recognition: Recognition = await self._answer_of(segment)
        return recognition

    @contextmanager
    def announced(self, source: str) -> Iterator[None]:
        """For the time that a recording is read: others that could be begun may wait a moment for its first
        segment, to share a batch."""
        self._waiting.announce(source)
        try:
            yield
        finally:
            self._waiting.withdraw(source)
            if self._waiting.held:
                self._dispatch_soon()

    def drop_utterance(self, source: str) -> None:
        """The utterance of this source, if one is open, will not be ended; no call about it waits."""
        if self._engine is not None:
            self._engine.process.drop_utterance(source)
            self._engine.close_dropped()

    async def identify(
        self, samples: Samples, model: str, urgency: Urgency, source: str = "", caller: str = ""
    ) -> LanguageProbabilities:
        """The languages that one segment may be in. All else is as with `recognise`."""
        task = Task(model, finds="languages")
        segment = Segment(next(self._numbers), samples, task, urgency, source, caller=caller)
        languages: LanguageProbabilities = await self._answer_of(segment)
        return languages

    @property
    def finds_voices(self) -> bool:
        """Whether the speaker models are installed."""
        return self._speaker_models is not None

    async def find_voices(
        self, samples: Samples, urgency: Urgency, source: str = "", caller: str = ""
    ) -> tuple[Voice, ...]:
        """The voices in one segment, whose times are seconds from its start. `urgency`: not that of partials.

        All else is as with `recognise`; a recording's voices come behind its words. Raises `Misconfigured`
        when the speaker models are not installed or cannot be read.
        """
        number = next(self._numbers)
        segment = Segment(number, samples, VOICES_TASK, urgency, source, caller=caller)
        voices: tuple[Voice, ...] = await self._answer_of(segment)
        return voices

    @property
    def finds_names(self) -> bool:
        """Whether the names model is installed."""
        return self._names_model is not None

    async def find_names(
        self, words: Sequence[str], urgency: Urgency, source: str = "", caller: str = ""
    ) -> tuple[NamedSpan, ...]:
        """The names, places and addresses in these words, as many as there may be.

        Raises `EngineFailure` after the third crash or failure on a piece of them, and `Misconfigured` when
        the names model is not installed or cannot be read.
        """

        async def found(piece: Sequence[str]) -> tuple[NamedSpan, ...]:
            number = next(self._numbers)
            segment = Segment(
                number, _NO_SAMPLES, NAMES_TASK, urgency, source, caller=caller, text=tuple(piece)
            )
            names: tuple[NamedSpan, ...] = await self._answer_of(segment)
            return names

        parts = list(pieces(words)) if words else []
        answers = await all_results(found(piece) for _, piece in parts)
        return of_pieces((first, names) for (first, _), names in zip(parts, answers, strict=True))

    async def _answer_of(self, segment: Segment) -> Any:
        if self._unusable is not None:
            raise self._unusable
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[segment.number] = answer
        self._enqueue(segment)
        self._dispatch_soon()
        try:
            return await answer
        finally:
            del self._answers[segment.number]
            self._waiting.discard_segment(segment)

    async def wait_ready(self) -> None:
        """Return when the configured model is loaded and warm. Raises `Misconfigured` if it never will be."""
        await self._ready.wait()
        if self._unusable is not None:
            raise self._unusable

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep an engine process until `stopping` is set. Raises `Misconfigured` when none can be kept.

        At the end, segments in flight have `EngineTimeouts.grace`; calls that still wait are cancelled.
        """
        failed_starts = 0
        try:
            while not stopping.is_set():
                was_ready = await self._run_engine(stopping)
                failed_starts = 0 if was_ready else failed_starts + 1
                if failed_starts == _MAX_FAILED_STARTS:
                    raise Misconfigured(
                        f"the engine process ended {failed_starts} times while loading the model "
                        f"{self._setup.model!r}. Its last output is in the log above; too little memory for "
                        "the model is the usual reason: try a smaller one (setting `model`), or run "
                        "`ringback doctor`."
                    )
        except Misconfigured as cause:
            self._fail_all(cause)
            raise
        finally:
            for answer in self._answers.values():
                answer.cancel()

    async def _run_engine(self, stopping: asyncio.Event) -> bool:
        """Start an engine process and use it until it ends. Returns whether it ever was ready."""
        async with engine_process(self._setup) as process:
            began = time.monotonic()
            engine = EngineRun(process)
            self._ready.clear()
            receiving = asyncio.create_task(self._receive_messages(engine))
            loading = asyncio.create_task(self._ready.wait())
            try:
                await until(stopping, _first_of(receiving, loading, timeout=self._timeouts.start))
                was_ready = loading.done()
                if was_ready:
                    event("engine.started", pid=process.pid, seconds=round(time.monotonic() - began, 3))
                    await until(stopping, _first_of(receiving, engine.hung))
                if stopping.is_set():
                    await self._drain(engine, receiving)
                    return was_ready
                if receiving.done():
                    receiving.result()
            finally:
                self._engine = None
                receiving.cancel()
                loading.cancel()
                await asyncio.gather(receiving, loading, return_exceptions=True)
        self._on_engine_exit(engine)
        return was_ready

    async def _receive_messages(self, engine: EngineRun) -> None:
        """Act on the engine's messages, until it ends."""
        while (message := await engine.process.receive_message()) is not None:
            match message:
                case messages.EngineReady():
                    self._on_ready(engine, message)
                case messages.EngineUnusable():
                    raise Misconfigured(message.reason)
                case messages.BatchStarted():
                    self._start_clock(engine, message.id)
                case messages.BatchRecognised():
                    self._on_answered(engine, message.id, message.recognitions)
                case messages.LanguagesFound():
                    self._on_answered(engine, message.id, message.languages)
                case messages.VoicesFound():
                    self._on_answered(engine, message.id, message.voices)
                case messages.NamesFound():
                    self._on_answered(engine, message.id, message.names)
                case messages.BatchFailed():
                    self._on_failed(engine, message)

    def _on_ready(self, engine: EngineRun, ready: messages.EngineReady) -> None:
        engine.threads = ready.threads
        self.computes_on = ", ".join(filter(None, (ready.device, ready.compute_type)))
        engine.batch_limit = self._setup.batch or (_GPU_BATCH if ready.device == "cuda" else _CPU_BATCH)
        self._engine = engine
        self.state = "ready"
        self._ready.set()
        self._dispatch()

    def _start_clock(self, engine: EngineRun, number: int) -> None:
        batch = engine.in_flight[number]
        seconds = sum(segment.seconds for segment in batch.segments)
        limit = self._timeouts.batch + self._timeouts.per_audio_second * seconds
        batch.deadline = asyncio.get_running_loop().call_later(limit, engine.set_hung, number)

    def _on_answered(self, engine: EngineRun, number: int, answers: Sequence[Any]) -> None:
        batch = engine.pop_batch(number)
        for segment, found in zip(batch.segments, answers, strict=True):
            answer = self._answers.get(segment.number)
            if answer is not None and not answer.done():
                answer.set_result(found)
        self._dispatch()

    def _on_failed(self, engine: EngineRun, message: messages.BatchFailed) -> None:
        batch = engine.pop_batch(message.id)
        for segment in batch.segments:
            engine.process.drop_utterance(segment.source)
            if message.misconfigured:
                self._fail_segment(segment, Misconfigured(message.reason))
            else:
                self._retry(segment, message.reason, suspect=True)
        self._dispatch()

    def _on_engine_exit(self, engine: EngineRun) -> None:
        """The engine process has died, or hung and was killed: its segments go back to the queue."""
        hung = engine.hung.result() if engine.hung.done() else None
        self.state = "restarting"
        ENGINE_RESTARTS.inc()
        problem(
            "engine.died",
            pid=engine.process.pid,
            status=engine.process.status,
            reason="hang" if hung is not None else "crash",
            batches=len(engine.in_flight),
        )
        for number, batch in list(engine.in_flight.items()):
            engine.pop_batch(number)
            # Only a batch that was running can be the cause; of a hang we know which one.
            suspect = number == hung if hung is not None else batch.deadline is not None
            for segment in batch.segments:
                self._retry(segment, "it hung" if hung is not None else "it crashed", suspect=suspect)

    def _retry(self, segment: Segment, reason: str, *, suspect: bool) -> None:
        if segment.number not in self._answers:
            return
        segment.crashes += suspect
        if segment.crashes >= CRASHES_BEFORE_FAILURE:
            self._fail_segment(
                segment, EngineFailure(f"the engine failed {segment.crashes} times on one segment: {reason}")
            )
        else:
            self._enqueue(segment)

    def _enqueue(self, segment: Segment) -> None:
        older = self._waiting.put_segment(segment)
        if older is not None:
            self._fail_segment(older, Superseded())

    def _fail_segment(self, segment: Segment, error: EngineFailure | Misconfigured | Superseded) -> None:
        answer = self._answers.get(segment.number)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _dispatch_soon(self) -> None:
        """Dispatch at the end of this turn of the loop, so that segments offered together share a batch."""
        if not self._dispatch_due:
            self._dispatch_due = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self, *, hold: bool = True) -> None:
        self._dispatch_due = False
        engine = self._engine
        if engine is None:
            return
        while segments := self._waiting.take_batch(
            engine.batches, engine.threads, engine.batch_limit, hold=hold
        ):
            number = next(self._numbers)
            engine.in_flight[number] = InFlight(segments)
            engine.process.send_batch(number, segments)
        self._limit_hold()

    def _limit_hold(self) -> None:
        """What is held back for others is dispatched after a while without them."""
        if not self._waiting.held:
            if self._hold is not None:
                self._hold.cancel()
                self._hold = None
        elif self._hold is None:
            self._hold = asyncio.get_running_loop().call_later(_HOLD_SECONDS, self._end_hold)

    def _end_hold(self) -> None:
        self._hold = None
        self._dispatch(hold=False)

    async def _drain(self, engine: EngineRun, receiving: asyncio.Task[None]) -> None:
        """Send nothing more, and wait for the segments in flight."""
        self._engine = None
        pending = [
            self._answers[segment.number]
            for batch in engine.batches
            for segment in batch
            if segment.number in self._answers
        ]
        if pending:
            all_answered = asyncio.gather(*pending, return_exceptions=True)
            await _first_of(receiving, all_answered, timeout=self._timeouts.grace)

    def _fail_all(self, cause: Misconfigured) -> None:
        self._unusable = cause
        self._ready.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(cause)


_NO_SAMPLES = np.empty(0, np.float32)
_CPU_BATCH = 4
_GPU_BATCH = 16
_HOLD_SECONDS = 0.05
"""For which recordings wait at the most for others to share their batch: two that do so spare more."""
_MAX_FAILED_STARTS = 3


async def _first_of(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:
    """Return when one of them is done; the others go on."""
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
