"""All live streams of this process: how many there may be, their records, and their common end.

| step | if the process dies right after it |
|---|---|
| a place is taken, the record begun | the record's lease is of an older boot: the next start ends it (500) |
| the way to the callback is opened | as before; a WebSocket receiver sees its socket break |
| the handshake is answered | the client sees its socket break |
| a response is said over HTTP | its delivery is found at the next start |
| the record is settled | nothing is left to do |
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ringback import telemetry
from ringback.clock import Clock
from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.jobs.job import JobId, Lease
from ringback.jobs.store import JobStore, LedgerUnavailable, OverAllowance
from ringback.listen.actions import CloseReason
from ringback.listen.options import ListenOptions
from ringback.quota import AudioQuota, Holder
from ringback.streaming.callbacks import Callbacks, Wanted
from ringback.streaming.places import PlaceLimits, Places
from ringback.streaming.record import StreamOrder, ended, record_job
from ringback.streaming.relay import Relay
from ringback.streaming.session import Ears
from ringback.streaming.stream import Asked, Stream

LEASE_SECONDS = 30.0
"""Of a record; an open stream's is extended all the time. So long a node that died holds the places of its
streams, in the limits of their keys too."""
BEAT_SECONDS = 5.0
GRACE_SECONDS = 8.0
"""For the last words of all streams when the server stops; a little less than the HTTP service waits."""
LAST_WRITES_SECONDS = 5.0
SETTLING_SECONDS = 30.0
"""How long a ledger that takes nothing is asked to; afterwards the record's lease runs out."""

OpenEars = Callable[[ListenOptions, ModelInfo, JobId], Ears]


class Streams:
    """A service, and the door to all streams."""

    name = "streams"

    def __init__(
        self,
        *,
        store: JobStore,
        callbacks: Callbacks,
        open_ears: OpenEars,
        clock: Clock,
        places: PlaceLimits,
        quota: AudioQuota,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """`places`: streams at once."""
        self._store = store
        self._callbacks = callbacks
        self._open_ears = open_ears
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._places = Places(places)
        self._quota = quota
        self._open: dict[JobId, Stream] = {}
        self._stopping = asyncio.Event()
        self._none_left = asyncio.Event()
        self._none_left.set()

    @property
    def active(self) -> int:
        """Streams that are open."""
        return len(self._open)

    @asynccontextmanager
    async def admitted(self, asked: Asked) -> AsyncIterator[Stream]:
        """A stream that may be served; its record is settled on leaving. Raises `Refusal`: 429 where there is
        no place, 400 where the callback cannot be reached; and `LedgerUnavailable`."""
        self._take_place(asked)
        try:
            lease = await self._begin(asked)
            stream = Stream(asked, lease, self._clock, self._stopping)
            try:
                stream.callback = await self._way_to_callback(asked)
                stream.ears = self._open_ears(asked.options, asked.model, asked.request_id)
                self._open[asked.request_id] = stream
                telemetry.STREAMS.set(len(self._open))
                yield stream
            except Refusal as refusal:
                stream.refused = refusal.failure
                raise
            finally:
                self._open.pop(asked.request_id, None)
                telemetry.STREAMS.set(len(self._open))
                await stream.leave()
                await self._settle(stream)
        finally:
            self._places.give_back(asked.project, asked.key_id)
            if not self._places.taken:
                self._none_left.set()

    def cancel(self, request_id: JobId) -> None:
        """End a stream of this process at once; others learn it from the ledger, within `BEAT_SECONDS`."""
        if stream := self._open.get(request_id):
            stream.end(CloseReason.CANCELLED)

    def cancel_project(self, project: str) -> None:
        """The same for all streams of a project."""
        for stream in self._open.values():
            if stream.asked.project == project:
                stream.end(CloseReason.CANCELLED)

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the records' leases; on stop, bring all streams to their end."""
        while not stopping.is_set():
            await self._keep_leases()
            await self._count_audio()
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await stopping.wait()
            except TimeoutError:
                pass
        self._stopping.set()
        if not await self._all_over(self._grace_seconds):
            for stream in self._open.values():
                stream.cut_off()
            await self._all_over(LAST_WRITES_SECONDS)

    def _take_place(self, asked: Asked) -> None:
        if self._stopping.is_set():
            raise Refusal(503, "Service Unavailable", "Please try again later")
        self._places.take(asked.project, asked.key_id)
        self._none_left.clear()

    async def _begin(self, asked: Asked) -> Lease:
        sealed = None if asked.callback is None else self._callbacks.sealed(asked.callback, asked.request_id)
        order = StreamOrder(asked.options, asked.model.name, sealed, asked.callback_origin)
        job = record_job(order, asked.request_id, project=asked.project, accessor=asked.key_id)
        try:
            return await self._store.begin(job, LEASE_SECONDS, asked.allowance)
        except OverAllowance:
            raise Refusal(
                429,
                "TOO_MANY_REQUESTS",
                "Too many requests. Please try again later (this key has as many live streams as it may)",
            ) from None

    async def _way_to_callback(self, asked: Asked) -> Relay | None:
        if asked.callback is None:
            return None
        return await self._callbacks.open(
            Wanted(
                request_id=asked.request_id,
                url=asked.callback,
                method=asked.options.callback_method,
                project=asked.project,
                key_id=asked.key_id,
                tags=asked.options.tag,
                schedule=asked.schedule,
            )
        )

    async def _settle(self, stream: "Stream") -> None:
        now = self._clock.now()
        outcome = ended(stream.ending(), stream.status, stream.began, now, stream.uncounted())
        pauses = int(SETTLING_SECONDS)
        for _ in range(pauses):
            try:
                await self._store.settle(stream.lease, outcome)
                break
            except LedgerUnavailable as error:
                telemetry.problem("stream.not_settled", request_id=stream.lease.job.id, error=str(error))
                await asyncio.sleep(1)

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
        """What limited keys and projects have heard since the last beat; whoever is at the end of the day's
        audio is brought to the end of the stream."""
        counted = [stream for stream in self._open.values() if stream.asked.counts_audio]
        if not counted:
            return
        heard = [(stream, stream.uncounted()) for stream in counted]
        try:
            await self._quota.count([(stream.asked.holder, seconds) for stream, seconds in heard])
        except LedgerUnavailable as error:
            telemetry.problem("streams.audio_not_counted", error=str(error))
            for stream, seconds in heard:
                stream.give_back(seconds)
            return
        for holder in {stream.asked.holder for stream in counted}:
            if await self._is_used_up(holder):
                for stream in counted:
                    if stream.asked.holder == holder:
                        stream.end(CloseReason.AUDIO_USED_UP)

    async def _is_used_up(self, holder: Holder) -> bool:
        try:
            return await self._quota.refusal_now(holder) is not None
        except LedgerUnavailable:
            return False  # the next beat asks again

    async def _all_over(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._none_left.wait()
        except TimeoutError:
            return False
        return True
