"""The services of each role, in the order of start; they end in the opposite order.

progress                   how far recordings are, for other nodes
engine, audio, live        recognition and decoding, in processes of their own; the recogniser of live streams
rescuer, sweep, retention  the housekeeping of the ledger and the blobs, on every node
fetch, transcribe, read, deliver: the kinds of work
stream                     ends the records of streams whose server died
http, streams              opened last, closed first; streams are brought to their end
readiness                  probes fail before anything else ends
"""

import asyncio
import ipaddress
from contextlib import suppress
from functools import partial

from ringback.audio.reader import AudioReader
from ringback.blobs.free_space import disk_space
from ringback.blobs.verified import BlobStoreWatch
from ringback.bootstrap.context import ProcessContext
from ringback.bootstrap.sandbox_check import SandboxCheck
from ringback.bootstrap.texts import text_worker
from ringback.bootstrap.values import (
    attempt_limits,
    daily_limits,
    fetch_limits,
    server_schedule,
    service_limits,
    watch_limits,
)
from ringback.callbacks.admission import Admission
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery_handler import Deliverer
from ringback.callbacks.operational import OperatorReceiver, parked_jobs
from ringback.callbacks.operational_watch import OperationalWatch, SilentNode
from ringback.callbacks.trial import Trial, trial
from ringback.clock import rfc3339
from ringback.egress.names import Requester
from ringback.engines.base import Quality
from ringback.engines.pool import EnginePool
from ringback.engines.registry import ModelCatalogue
from ringback.engines.turn_model import turn_model_file
from ringback.errors import Misconfigured
from ringback.jobs.job import GivenUp, Lease, NewJob
from ringback.jobs.rescuer import Rescuer
from ringback.jobs.round_turns import OwnTurns
from ringback.jobs.worker import Handler, Worker
from ringback.quota import AudioQuota
from ringback.server.auth import Authenticator
from ringback.server.layers import Application
from ringback.server.protocol import HttpServer
from ringback.server.request_lookup import REQUEST_KINDS
from ringback.server.routes import ProbeSources, Services, application, metrics, probes
from ringback.server.services import TestCallback
from ringback.service import Service, until
from ringback.streaming.callback_opener import CallbackOpener
from ringback.streaming.live_recogniser import LiveRecognition
from ringback.streaming.record import KIND as STREAM
from ringback.streaming.record import end_abandoned
from ringback.streaming.stream_limits import StreamLimits
from ringback.streaming.stream_service import LEASE_SECONDS, StreamService
from ringback.transcription.erasing import Eraser, Erasing
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.fetch import Fetcher, Fetching, with_activity
from ringback.transcription.progress import Progress, SharedProgress
from ringback.transcription.remote import RemoteAudio
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.retention import RetentionService
from ringback.transcription.sweep import SweepService
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


class ServiceStages:
    """The services of this process in stages, each needing those before it, and its HTTP server."""

    def __init__(self, context: ProcessContext) -> None:
        self._context = context
        settings = context.settings
        self._resources: list[Service] = []
        self._work: list[Service] = []
        self._frontend: list[Service] = []
        self._live_streams: StreamService | None = None
        self._quota = AudioQuota(context.ledger, daily_limits(settings.limits), context.clock)
        self._progress = Progress(context.activities[TRANSCRIBE])
        self._erasing = Erasing(context.blobs, context.ledger, REQUEST_KINDS)
        if context.cluster is not None:
            self._progress = shared = SharedProgress(context.cluster, context.activities[TRANSCRIBE])
            self._resources.append(shared)
        if context.blob_store is not None:
            self._resources.append(BlobStoreWatch(context.blob_store))
        if context.pool is not None and context.catalogue is not None:
            self._resources += [context.pool, SandboxCheck(settings.engine)]
            if settings.does("transcribe"):
                self._add_transcription(context.pool, context.catalogue)
        if settings.does("deliver"):
            self._add_delivery()
        self._http = self._build_http_server()
        self._metrics = self._build_metrics_server()

    def bind(self) -> int:
        """Take the ports; which one callers have. Raises `Misconfigured`."""
        if self._metrics is not None:
            self._metrics.bind()
        return self._http.bind()

    def in_order(self) -> list[list[Service]]:
        context = self._context
        keep = context.settings.keep
        housekeeping: list[Service] = [
            Rescuer(context.ledger),
            SweepService(context.blobs, context.ledger, context.clock, keep.audio, context.cluster),
            RetentionService(
                context.blobs,
                context.ledger,
                keep_results=keep.results,
                keep_history=keep.history,
                keep_usage=keep.usage,
                requests=REQUEST_KINDS,
            ),
            Eraser(self._erasing, context.ledger, context.cluster or OwnTurns(context.clock)),
        ]
        if context.operator is not None:
            housekeeping.append(self._operational_watch(context.operator))
        if self._metrics is not None:
            housekeeping.append(self._metrics)
        return [self._resources, housekeeping, self._work, [self._http, *self._frontend], [context.drain]]

    def _add_transcription(self, pool: EnginePool, catalogue: ModelCatalogue) -> None:
        context = self._context
        reader = AudioReader(children=context.jobs_at_once, on_progress=context.activities[TRANSCRIBE].note)
        fetching = Fetching(
            with_activity(self._remote().chunks, context.activities[FETCH]),
            context.seal,
            context.blobs,
            context.settings.limits.upload_bytes,
        )
        transcriber = Transcriber(
            reader=reader,
            pool=pool,
            catalogue=catalogue,
            store=context.ledger,
            fetching=fetching,
            blobs=context.blobs,
            progress=self._progress,
            clock=context.clock,
            quality=Quality(context.settings.engine.quality),
            quota=self._quota,
            understanding=context.understanding,
        )
        fetcher = Fetcher(fetching, context.ledger, context.clock)
        fetches = self._fair_worker(FETCH, fetcher, FETCHES_AT_ONCE, FETCHES_PER_KEY)
        at_once = context.jobs_at_once
        transcriptions = self._fair_worker(
            TRANSCRIBE, transcriber, CLAIMS_PER_DECODER * at_once, at_once * 3 // 4
        )
        self._resources.append(reader)
        self._work += [
            fetches,
            _AfterEngineReady(pool, transcriptions),
            text_worker(context, fetching, self._may_claim),
        ]

    def _fair_worker(self, kind: str, handler: Handler, concurrency: int, per_key: int) -> Worker:
        """For jobs of callers' lanes: its slots are dealt in fair shares."""
        context = self._context
        return Worker(
            kind,
            context.ledger,
            handler,
            concurrency=concurrency,
            lease_seconds=TRANSCRIPTION_LEASE,
            clock=context.clock,
            per_key=per_key,
            activity=context.activities[kind],
            may_claim=self._may_claim,
        )

    def _add_delivery(self) -> None:
        context = self._context
        settings = context.settings.callback
        deliverer = Deliverer(
            context.egress,
            context.policy,
            context.blobs,
            attempt_limits(settings),
            server_schedule(settings),
            seal=context.seal,
            sign=context.signers.sign,
            clock=context.clock,
            read_attempts=context.ledger.attempts,
            public_url=context.settings.public_url,
            operator=context.operator,
        )
        self._work.append(
            Worker(
                DELIVER,
                context.ledger,
                deliverer,
                concurrency=settings.concurrency,
                lease_seconds=settings.timeout + DELIVERY_GRACE,
                clock=context.clock,
                may_claim=self._may_claim,
                follow_parked=self._follow_parked,
            )
        )

    def _follow_parked(self, lease: Lease, outcome: GivenUp) -> tuple[NewJob, ...]:
        operator, clock = self._context.operator, self._context.clock
        if operator is None:
            return ()
        return parked_jobs(lease.job, lease.token, outcome, operator, rfc3339(clock.now()))

    def _operational_watch(self, operator: OperatorReceiver) -> OperationalWatch:
        context = self._context
        cluster = context.cluster

        async def nodes() -> list[SilentNode]:
            found = [] if cluster is None else await cluster.nodes()
            return [SilentNode(node.facts.id, node.facts.host, node.silent) for node in found]

        return OperationalWatch(
            context.ledger,
            operator,
            watch_limits(context.settings.webhooks),
            turns=cluster or OwnTurns(context.clock),
            disk=partial(disk_space, context.settings.data_path),
            nodes=nodes,
            clock=context.clock,
        )

    def _may_claim(self) -> bool:
        """Not while the store is another than the ledger's: only other nodes find what is needed."""
        store = self._context.blob_store
        return store is None or store.is_ours

    def _blob_fault(self) -> str | None:
        store = self._context.blob_store
        return None if store is None else store.fault

    def _build_http_server(self) -> HttpServer:
        settings = self._context.settings
        return HttpServer(
            self._api_application() if settings.does("api") else self._probe_application(),
            settings.host,
            settings.port,
            header_seconds=settings.limits.header_seconds,
            connections_per_address=settings.limits.connections_per_address,
            trusted_proxies=[ipaddress.ip_network(each) for each in settings.trusted_proxies],
        )

    def _build_metrics_server(self) -> HttpServer | None:
        """What answers at `metrics.listen`."""
        address = self._context.settings.metrics.address
        return None if address is None else HttpServer(metrics(self._probe_sources()), *address)

    def _probe_application(self) -> Application:
        context = self._context
        authenticator = Authenticator(context.ledger, context.clock, context.seal.subkey("jwt"))
        return probes(self._probe_sources(), authenticator)

    def _probe_sources(self) -> ProbeSources:
        context = self._context
        settings = context.settings
        return ProbeSources(
            store=context.ledger,
            roles=[role for role in ("api", "transcribe", "deliver") if settings.does(role)],
            health=context.pool,
            streams=self._streams_open,
            turn_streams=self._turn_streams_open,
            drain=context.drain,
            oldest_due_seconds=settings.limits.oldest_due_seconds,
            serves_metrics=not settings.metrics.listen,
            blobs=context.blobs if settings.does("api") else None,
            activities=context.activities,
            streams_limit=self._streams_limit,
            disk=partial(disk_space, settings.data_path),
            blob_fault=self._blob_fault,
        )

    @property
    def _streams_limit(self) -> int:
        context = self._context
        if context.pool is None or not context.settings.does("api"):
            return 0
        return context.settings.limits.streams or STREAMS_PER_CORE * context.pool.threads

    def _streams_open(self) -> int:
        return 0 if self._live_streams is None else self._live_streams.active

    def _turn_streams_open(self) -> int:
        return 0 if self._live_streams is None else self._live_streams.turn_based

    def _api_application(self) -> Application:
        context = self._context
        settings = context.settings
        assert context.pool is not None
        assert context.catalogue is not None
        streams = self._add_streams(context.pool)
        admission = Admission(context.egress, context.policy)
        return application(
            Services(
                finds_names=context.pool.finds_names,
                finds_voices=context.pool.finds_voices,
                judges_turns=turn_model_file() is not None,
                store=context.ledger,
                keys=context.ledger,
                blobs=context.blobs,
                erasing=self._erasing,
                catalogue=context.catalogue,
                admit_callback=admission.admit,
                admit_live_callback=admission.admit_live,
                check_audio_url=self._remote().judge,
                test_callback=_callback_tester(context),
                streams=streams,
                quota=self._quota,
                progress=self._progress,
                limits=service_limits(settings),
                clock=context.clock,
                seal=context.seal,
                signers=context.signers,
                jwt_secret=context.seal.subkey("jwt"),
                probe_sources=self._probe_sources(),
                warn_substitution=settings.engine.warn_substitution,
                has_language_model=context.understanding.has_model,
                serves_dashboard=settings.dashboard.enabled,
            )
        )

    def _add_streams(self, pool: EnginePool) -> StreamService:
        context = self._context
        settings = context.settings
        recognition = LiveRecognition(pool, turn_model_file())
        callbacks = CallbackOpener(
            egress=context.egress,
            store=context.ledger,
            seal=context.seal,
            sign=context.signers.sign,
            limits=attempt_limits(settings.callback),
            reconnect_seconds=settings.callback.reconnect_seconds,
            live_backlog=settings.callback.live_backlog,
            clock=context.clock,
        )
        limits = settings.limits
        streams = StreamService(
            store=context.ledger,
            seal=context.seal,
            callbacks=callbacks,
            open_recogniser=recognition.open,
            clock=context.clock,
            places=StreamLimits(self._streams_limit, limits.streams_per_key, limits.streams_per_project),
            quota=self._quota,
            ends_turn_on_close=settings.flux.end_turn_on_close,
        )
        abandoned = Worker(
            STREAM,
            context.ledger,
            end_abandoned,
            concurrency=ABANDONED_AT_ONCE,
            lease_seconds=LEASE_SECONDS,
            clock=context.clock,
        )
        self._resources.append(recognition)
        self._work.append(abandoned)
        self._frontend.append(streams)
        self._live_streams = streams
        return streams

    def _remote(self) -> RemoteAudio:
        context = self._context
        return RemoteAudio(
            context.egress, context.policy, fetch_limits(context.settings.fetch), context.clock
        )


class _AfterEngineReady:
    """Holds the work back until the engine is loaded: a lease taken before could only be lost to a crash."""

    def __init__(self, pool: EnginePool, work: Service) -> None:
        self.name = work.name
        self._pool = pool
        self._work = work

    async def run(self, stopping: asyncio.Event) -> None:
        with suppress(Misconfigured):  # an engine that never comes is the pool's to report
            await until(stopping, self._pool.wait_ready())
        await self._work.run(stopping)


def _callback_tester(context: ProcessContext) -> TestCallback:
    """What tries a callback URL as a delivery would."""
    settings = context.settings.callback
    limits = attempt_limits(settings)

    async def try_callback(url: str, method: str, requester: Requester) -> Trial:
        sign = (await context.signers.signer(requester.key)).headers
        return await trial(
            context.egress,
            context.policy,
            url,
            clock=context.clock,
            limits=limits,
            method=method,
            key_id=requester.key,
            sign=sign,
            requester=requester,
        )

    return try_callback
