"""What each role adds to the ground, in the order of start; the end goes the other way round.

progress                   how far recordings are, for other nodes
engine, audio, hearing     recognition and decoding, in processes of their own; the ears of live streams
rescuer, sweep, retention  the housekeeping of the ledger and the blobs, on every node
fetch, transcribe, deliver the kinds of work
stream                     ends the records of streams whose server died
http, streams              the door: opened last, closed first, its streams brought to their end
readiness                  before anything else ends, probes are told
"""

import asyncio
import ipaddress
from contextlib import suppress

from starlette.applications import Starlette

from ringback.audio.reader import AudioReader
from ringback.blobs.tied import BlobStoreWatch
from ringback.bootstrap.ground import Ground
from ringback.bootstrap.sandbox_check import SandboxCheck
from ringback.callbacks.admission import Admission
from ringback.callbacks.deliver import Deliverer
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.trial import Trial, trial
from ringback.egress.names import Requester
from ringback.egress.responses import FetchLimits, Limits
from ringback.engines.base import Quality
from ringback.engines.pool import EnginePool
from ringback.errors import Misconfigured
from ringback.jobs.rescuer import Rescuer
from ringback.jobs.worker import Worker
from ringback.quota import AudioQuota
from ringback.server.auth import Authenticator
from ringback.server.protocol import HttpServer
from ringback.server.request_lookup import REQUEST_KINDS
from ringback.server.routes import ProbeSources, Services, application, metrics, probes
from ringback.server.services import TestCallback
from ringback.service import Service, until
from ringback.settings import FetchSettings
from ringback.streaming.callback_opener import CallbackOpener
from ringback.streaming.live_recogniser import LiveRecognition
from ringback.streaming.record import KIND as STREAM
from ringback.streaming.record import end_abandoned
from ringback.streaming.stream_limits import StreamLimits
from ringback.streaming.stream_service import LEASE_SECONDS, StreamService
from ringback.transcription.erasing import Eraser, Erasing
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.fetch import Fetcher, Fetching, noting
from ringback.transcription.progress import Progress, SharedProgress
from ringback.transcription.remote import RemoteAudio
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.retention import RetentionService
from ringback.transcription.sweep import OwnTurns, SweepService
from ringback.transcription.transcribe import Transcriber

STREAMS_PER_CORE = 8
"""Unless `limits.streams` says otherwise."""

ABANDONED_AT_ONCE = 16
"""Records of streams whose server died, ended at a time."""

CLAIMS_PER_DECODER = 32
"""Recordings that are claimed, for each that is decoded: those beyond wait their turn at the decoders, and
cost little. So many callers can hold their share of long recordings before the next one has to wait."""

FETCHES_AT_ONCE = 256
FETCHES_PER_KEY = 24
"""Audio that callers name by URL: a fetch costs a socket and some buffers, so there may be many slow ones."""

TRANSCRIPTION_LEASE = 30.0
"""Seconds; the worker prolongs it every few of them. So long waits what a node had that died."""

DELIVERY_GRACE = 20.0
"""Seconds that a delivery's lease outlives its time limit."""


class Stages:
    """The services of this process, by what they stand on, and its door, bound to its port."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        settings = ground.settings
        self._means: list[Service] = []
        self._work: list[Service] = []
        self._outside: list[Service] = []
        self._live: StreamService | None = None
        self._quota = AudioQuota(ground.ledger, settings.limits, ground.clock)
        self._progress = Progress(ground.activities[TRANSCRIBE])
        self._erasing = Erasing(ground.blobs, ground.ledger, REQUEST_KINDS)
        if ground.together is not None:
            self._progress = shown = SharedProgress(ground.together, ground.activities[TRANSCRIBE])
            self._means.append(shown)
        if ground.blob_store is not None:
            self._means.append(BlobStoreWatch(ground.blob_store))
        if ground.pool is not None:
            self._means += [ground.pool, SandboxCheck(settings.engine)]
            if settings.does("transcribe"):
                self._transcribe(ground.pool)
        if settings.does("deliver"):
            self._deliver()
        self._http = self._door()
        self._metrics = self._scraped()

    def bind(self) -> int:
        """Take the ports; which one callers have. Raises `Misconfigured`."""
        if self._metrics is not None:
            self._metrics.bind()
        return self._http.bind()

    def in_order(self) -> list[list[Service]]:
        ground = self._ground
        housekeeping: list[Service] = [
            Rescuer(ground.ledger),
            SweepService(
                ground.blobs, ground.ledger, ground.clock, ground.settings.keep.audio, ground.together
            ),
            RetentionService(ground.blobs, ground.ledger, ground.settings.keep, requests=REQUEST_KINDS),
            Eraser(self._erasing, ground.ledger, ground.together or OwnTurns(ground.clock)),
        ]
        if self._metrics is not None:
            housekeeping.append(self._metrics)
        return [self._means, housekeeping, self._work, [self._http, *self._outside], [ground.leaving]]

    def _transcribe(self, pool: EnginePool) -> None:
        ground = self._ground
        reader = AudioReader(children=ground.jobs_at_once, advanced=ground.activities[TRANSCRIBE].note)
        fetching = Fetching(
            noting(self._remote().chunks, ground.activities[FETCH]),
            ground.seal,
            ground.blobs,
            ground.settings.limits.upload_bytes,
        )
        transcriber = Transcriber(
            reader=reader,
            pool=pool,
            catalogue=ground.catalogue,
            store=ground.ledger,
            fetching=fetching,
            blobs=ground.blobs,
            progress=self._progress,
            clock=ground.clock,
            quality=Quality(ground.settings.engine.quality),
            quota=self._quota,
        )
        worker = Worker(
            TRANSCRIBE,
            ground.ledger,
            transcriber,
            concurrency=CLAIMS_PER_DECODER * ground.jobs_at_once,
            lease_seconds=TRANSCRIPTION_LEASE,
            clock=ground.clock,
            per_key=ground.jobs_at_once * 3 // 4,
            activity=ground.activities[TRANSCRIBE],
            may_claim=self._may_claim,
        )
        fetcher = Worker(
            FETCH,
            ground.ledger,
            Fetcher(fetching, ground.ledger, ground.clock),
            concurrency=FETCHES_AT_ONCE,
            lease_seconds=TRANSCRIPTION_LEASE,
            clock=ground.clock,
            per_key=FETCHES_PER_KEY,
            activity=ground.activities[FETCH],
            may_claim=self._may_claim,
        )
        self._means.append(reader)
        self._work += [fetcher, _WhenReady(pool, worker)]

    def _deliver(self) -> None:
        ground = self._ground
        settings = ground.settings.callback
        deliverer = Deliverer(
            ground.egress,
            ground.policy,
            ground.blobs,
            settings,
            seal=ground.seal,
            sign=ground.signers.sign,
            clock=ground.clock,
            recorded=ground.ledger.attempts,
            public_url=ground.settings.public_url,
        )
        self._work.append(
            Worker(
                DELIVER,
                ground.ledger,
                deliverer,
                concurrency=settings.concurrency,
                lease_seconds=settings.timeout + DELIVERY_GRACE,
                clock=ground.clock,
                may_claim=self._may_claim,
            )
        )

    def _may_claim(self) -> bool:
        """Not while the store is another than the ledger's: only other nodes find what is needed."""
        store = self._ground.blob_store
        return store is None or store.is_ours

    def _blob_fault(self) -> str | None:
        store = self._ground.blob_store
        return None if store is None else store.fault

    def _door(self) -> HttpServer:
        settings = self._ground.settings
        return HttpServer(
            self._for_callers() if settings.does("api") else self._for_probes(),
            settings.host,
            settings.port,
            header_seconds=settings.limits.header_seconds,
            connections_per_address=settings.limits.connections_per_address,
            trusted_proxies=[ipaddress.ip_network(each) for each in settings.trusted_proxies],
        )

    def _scraped(self) -> HttpServer | None:
        """What answers at `metrics.listen`."""
        address = self._ground.settings.metrics.address
        return None if address is None else HttpServer(metrics(self._probed()), *address)

    def _for_probes(self) -> Starlette:
        ground = self._ground
        authenticator = Authenticator(ground.ledger, ground.clock, ground.seal.subkey("jwt"))
        return probes(self._probed(), authenticator)

    def _probed(self) -> ProbeSources:
        ground = self._ground
        return ProbeSources(
            store=ground.ledger,
            settings=ground.settings,
            health=ground.pool,
            streams=self._streams_open,
            drain=ground.leaving,
            activities=ground.activities,
            blob_fault=self._blob_fault,
        )

    def _streams_open(self) -> int:
        return 0 if self._live is None else self._live.active

    def _for_callers(self) -> Starlette:
        ground = self._ground
        settings = ground.settings
        assert ground.pool is not None
        streams = self._streams(ground.pool)
        admission = Admission(ground.egress, ground.policy)
        return application(
            Services(
                store=ground.ledger,
                keys=ground.ledger,
                blobs=ground.blobs,
                erasing=self._erasing,
                catalogue=ground.catalogue,
                admit_callback=admission.admit,
                admit_live_callback=admission.admit_live,
                check_audio_url=self._remote().judge,
                test_callback=_tried_by(ground),
                streams=streams,
                quota=self._quota,
                progress=self._progress,
                settings=settings,
                clock=ground.clock,
                seal=ground.seal,
                signers=ground.signers,
                health=ground.pool,
                jwt_secret=ground.seal.subkey("jwt"),
                drain=ground.leaving,
                activities=ground.activities,
                blob_fault=self._blob_fault,
            )
        )

    def _streams(self, pool: EnginePool) -> StreamService:
        ground = self._ground
        recognition = LiveRecognition(pool)
        callbacks = CallbackOpener(
            egress=ground.egress,
            store=ground.ledger,
            seal=ground.seal,
            sign=ground.signers.sign,
            settings=ground.settings.callback,
            clock=ground.clock,
        )
        limits = ground.settings.limits
        streams = StreamService(
            store=ground.ledger,
            seal=ground.seal,
            callbacks=callbacks,
            open_recogniser=recognition.open,
            clock=ground.clock,
            places=StreamLimits(
                limits.streams or STREAMS_PER_CORE * pool.threads,
                limits.streams_per_key,
                limits.streams_per_project,
            ),
            quota=self._quota,
        )
        abandoned = Worker(
            STREAM,
            ground.ledger,
            end_abandoned,
            concurrency=ABANDONED_AT_ONCE,
            lease_seconds=LEASE_SECONDS,
            clock=ground.clock,
        )
        self._means.append(recognition)
        self._work.append(abandoned)
        self._outside.append(streams)
        self._live = streams
        return streams

    def _remote(self) -> RemoteAudio:
        ground = self._ground
        return RemoteAudio(ground.egress, ground.policy, _fetch_limits(ground.settings.fetch), ground.clock)


class _WhenReady:
    """Holds the work back until the engine is loaded: a lease taken before could only be lost to a crash."""

    def __init__(self, pool: EnginePool, work: Service) -> None:
        self.name = work.name
        self._pool = pool
        self._work = work

    async def run(self, stopping: asyncio.Event) -> None:
        with suppress(Misconfigured):  # an engine that never comes is the pool's to report
            await until(stopping, self._pool.wait_ready())
        await self._work.run(stopping)


def _tried_by(ground: Ground) -> TestCallback:
    """What tries a callback URL as a delivery would."""
    settings = ground.settings.callback
    limits = Limits(settings.connect_timeout, settings.timeout)

    async def try_callback(url: str, method: str, requester: Requester) -> Trial:
        sign = (await ground.signers.signer(requester.key)).headers
        return await trial(
            ground.egress,
            ground.policy,
            url,
            clock=ground.clock,
            limits=limits,
            method=method,
            key_id=requester.key,
            sign=sign,
            requester=requester,
        )

    return try_callback


def _fetch_limits(settings: FetchSettings) -> FetchLimits:
    return FetchLimits(
        settings.connect_timeout, settings.response_timeout, settings.timeout, settings.bytes_per_second
    )
