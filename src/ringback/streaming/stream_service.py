"""All live streams of this process: their limits, their records, and their end when the server stops.

| step | if the process dies right after it |
|---|---|
| a slot is taken, the record begun | the record's lease is of an older boot: the next start ends it (500) |
| the relay to the callback is opened | as before; a WebSocket receiver sees its socket break |
| the handshake is answered | the client sees its socket break |
| a message is sent over HTTP | its delivery is found at the next start |
| the record is settled | nothing is left to do |
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ringback import telemetry
from ringback.callbacks.order import RequestOrder, with_callback
from ringback.clock import Clock
from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.jobs.job import Done, JobId, Lease, State
from ringback.jobs.store import LedgerUnavailable, OverAllowance
from ringback.jobs.usage import Used
from ringback.listen.actions import CloseReason
from ringback.listen.options import ListenOptions
from ringback.quota import AudioQuota, Holder
from ringback.sealing import Seal
from ringback.service import every
from ringback.streaming.admitted_stream import AdmittedStream, StreamRequest
from ringback.streaming.callback_opener import CallbackOpener, StreamCallback
from ringback.streaming.recent_words import HeardLine
from ringback.streaming.record import StreamRecordStore, ended, record_job
from ringback.streaming.relay import Relay
from ringback.streaming.session import StreamRecogniser
from ringback.streaming.stream_limits import StreamLimits, StreamSlots

LEASE_SECONDS = 30.0
"""Of a record; extended as long as the stream is open. The streams of a node that died count against the
limits of their keys until it ends."""
BEAT_SECONDS = 5.0
GRACE_SECONDS = 8.0
"""For the last results of all streams when the server stops; a little less than the HTTP service waits."""
LAST_WRITES_SECONDS = 5.0
SETTLING_SECONDS = 30.0
"""How long settling a record is tried while the ledger cannot write; then the record's lease runs out."""

OpenRecogniser = Callable[[ListenOptions, ModelInfo, JobId], StreamRecogniser]


class StreamService:
    """A Service; admits streams and keeps their records' leases."""

    name = "streams"

    def __init__(
        self,
        *,
        store: StreamRecordStore,
        seal: Seal,
        callbacks: CallbackOpener,
        open_recogniser: OpenRecogniser,
        clock: Clock,
        places: StreamLimits,
        quota: AudioQuota,
        grace_seconds: float = GRACE_SECONDS,
        ends_turn_on_close: bool = False,
    ) -> None:
        """`places`: streams at once. `ends_turn_on_close`: see `FluxConversation`."""
        self._store = store
        self._seal = seal
        self._callbacks = callbacks
        self._open_recogniser = open_recogniser
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._ends_turn_on_close = ends_turn_on_close
        self._places = StreamSlots(places)
        self._quota = quota
        self._open: dict[JobId, AdmittedStream] = {}
        self._stopping = asyncio.Event()
        self._all_ended = asyncio.Event()
        self._all_ended.set()

    @property
    def active(self) -> int:
        """Streams that are open."""
        return len(self._open)

    @property
    def turn_based(self) -> int:
        """Of these, those of `/v2/listen`."""
        return sum(stream.request.options.thresholds is not None for stream in self._open.values())

    @asynccontextmanager
    async def admitted(self, request: StreamRequest) -> AsyncIterator[AdmittedStream]:
        """A stream that may be served; its record is settled when the context ends.

        Raises `Refusal`: 429 where no slot is free, 400 where the callback cannot be reached; and
        `LedgerUnavailable`.
        """
        self._take_slot(request)
        try:
            lease = await self._begin(request)
            stream = AdmittedStream(
                request, lease, self._clock, self._stopping, ends_turn_on_close=self._ends_turn_on_close
            )
            try:
                stream.callback = await self._open_callback(request)
                stream.recogniser = self._open_recogniser(request.options, request.model, request.request_id)
                self._open[request.request_id] = stream
                telemetry.STREAMS.set(len(self._open))
                yield stream
            except Refusal as refusal:
                stream.refused = refusal.failure
                raise
            finally:
                self._open.pop(request.request_id, None)
                telemetry.STREAMS.set(len(self._open))
                await stream.close_unserved()
                await self._settle(stream)
        finally:
            self._places.release_slot(request.project, request.key_id)
            if not self._places.taken:
                self._all_ended.set()

    def cancel(self, request_id: JobId) -> None:
        """End a stream of this process at once. Those of other nodes end within `BEAT_SECONDS`."""
        if stream := self._open.get(request_id):
            stream.end(CloseReason.CANCELLED)

    def cancel_project(self, project: str) -> None:
        """The same for all streams of a project."""
        for stream in self._open.values():
            if stream.request.project == project:
                stream.end(CloseReason.CANCELLED)

    def recent_words(self, request_id: JobId) -> list[HeardLine] | None:
        """The latest words of a stream; None: it is not open in this process."""
        stream = self._open.get(request_id)
        return None if stream is None else stream.recent_words()

    async def run(self, stopping: asyncio.Event) -> None:
        """Extend the records' leases; on stop, end all streams."""

        async def beat() -> None:
            await self._keep_leases()
            await self._count_audio()

        await every(BEAT_SECONDS, beat, stopping)
        self._stopping.set()
        if not await self._wait_all_ended(self._grace_seconds):
            for stream in self._open.values():
                stream.abort()
            await self._wait_all_ended(LAST_WRITES_SECONDS)

    def _take_slot(self, request: StreamRequest) -> None:
        if self._stopping.is_set():
            raise Refusal(503, "Service Unavailable", "Please try again later")
        self._places.take_slot(request.project, request.key_id)
        self._all_ended.clear()

    async def _begin(self, request: StreamRequest) -> Lease:
        order = RequestOrder(request.options, request.model.name, trace=request.trace)
        order = with_callback(order, request.callback, request.request_id, self._seal)
        job = record_job(order, request.request_id, project=request.project, accessor=request.key_id)
        try:
            return await self._store.begin(job, LEASE_SECONDS, request.allowance)
        except OverAllowance:
            raise Refusal(
                429,
                "TOO_MANY_REQUESTS",
                "Too many requests. Please try again later (this key has as many live streams as it may)",
            ) from None

    async def _open_callback(self, request: StreamRequest) -> Relay | None:
        if request.callback is None:
            return None
        return await self._callbacks.open_relay(
            StreamCallback(
                request_id=request.request_id,
                target=request.callback,
                method=request.options.callback_method,
                project=request.project,
                key_id=request.key_id,
                tags=request.options.tag,
                schedule=request.schedule,
                trace=request.trace,
            )
        )

    async def _settle(self, stream: "AdmittedStream") -> None:
        now = self._clock.now()
        outcome = ended(
            stream.lease.job,
            stream.result(),
            stream.status,
            started_at=stream.began,
            ended_at=now,
            audio_seconds=stream.uncounted(),
        )
        pauses = int(SETTLING_SECONDS)
        for _ in range(pauses):
            try:
                if not await self._store.settle(stream.lease, outcome):
                    await self._count_ended_by_others(stream.lease.job.id, outcome)
                break
            except LedgerUnavailable as error:
                telemetry.problem("stream.not_settled", request_id=stream.lease.job.id, error=str(error))
                await asyncio.sleep(1)

    async def _count_ended_by_others(self, request_id: JobId, outcome: Done) -> None:
        """Its record was cancelled or erased, or ended as abandoned while this node was cut off: what was
        recognised until then counts all the same. Without tags: an erasure could not take them back."""
        assert outcome.used is not None
        record = await self._store.get(request_id)
        amount = outcome.used.amount
        if record is not None and record.state is State.DONE:
            # As abandoned it has counted already, without its audio.
            amount = amount._replace(requests=0)
        await self._store.count_usage([Used(outcome.used.key.without_tags(), amount)])

    async def _keep_leases(self) -> None:
        open_now = list(self._open.values())
        if not open_now:
            return
        try:
            held = await self._store.extend([stream.lease for stream in open_now], LEASE_SECONDS)
        except LedgerUnavailable as error:
            telemetry.problem("jobs.extend_failed", kind="stream", error=str(error))
            return
        for stream in open_now:
            if stream.lease.job.id not in held:
                stream.end(CloseReason.CANCELLED)

    async def _count_audio(self) -> None:
        """Count the audio of limited keys and projects since the last beat; end the streams of those that
        have used up their daily quota."""
        counted = [stream for stream in self._open.values() if stream.request.counts_audio]
        if not counted:
            return
        uncounted = [(stream, stream.uncounted()) for stream in counted]
        try:
            await self._quota.count([(stream.request.holder, seconds) for stream, seconds in uncounted])
        except LedgerUnavailable as error:
            telemetry.problem("streams.audio_not_counted", error=str(error))
            for stream, seconds in uncounted:
                stream.give_back(seconds)
            return
        for holder in {stream.request.holder for stream in counted}:
            if await self._is_used_up(holder):
                for stream in counted:
                    if stream.request.holder == holder:
                        stream.end(CloseReason.AUDIO_USED_UP)

    async def _is_used_up(self, holder: Holder) -> bool:
        try:
            return await self._quota.refusal_now(holder) is not None
        except LedgerUnavailable:
            return False  # the next beat asks again

    async def _wait_all_ended(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._all_ended.wait()
        except TimeoutError:
            return False
        return True
