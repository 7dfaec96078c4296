"""The one place where ports meet what implements them, and where the order of start and stop is set.

engine, audio, hearing recognition and decoding, in processes of their own; the ears of live streams
rescuer, sweep, retention  the housekeeping of the ledger and the blobs
transcribe, deliver    the two kinds of work; and the records of streams whose server died
http, streams          the door: opened last, closed first, its streams brought to their end
"""

import asyncio
import gc
import signal
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack

import uvloop

from ringback import __version__, telemetry
from ringback.audio.reader import AudioReader
from ringback.blobs import FolderBlobs
from ringback.callbacks.admission import Admission
from ringback.callbacks.deliver import Deliverer
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.signers import Signers
from ringback.callbacks.trial import Trial, trial
from ringback.clock import Clock, SystemClock
from ringback.egress.answers import FetchLimits, Limits
from ringback.egress.door import Door
from ringback.egress.policy import Policy
from ringback.engines.base import Quality
from ringback.engines.messages import Setup
from ringback.engines.pool import EnginePool
from ringback.engines.registry import Catalogue
from ringback.errors import Misconfigured
from ringback.jobs.rescuer import Rescuer
from ringback.jobs.store import LedgerUnavailable
from ringback.jobs.worker import Worker
from ringback.keys import ApiKey, KeyStore, new_secret, secret_hash
from ringback.sealing import Seal
from ringback.server.protocol import HttpServer
from ringback.server.requests import REQUEST_KINDS
from ringback.server.routes import Services, application
from ringback.server.services import TryCallback
from ringback.service import Service, run_in_stages
from ringback.settings import CallbackSettings, FetchSettings, Settings
from ringback.storage.sqlite import SqliteLedger
from ringback.streaming.callbacks import Callbacks
from ringback.streaming.hearing import LiveHearings
from ringback.streaming.record import KIND as STREAM
from ringback.streaming.record import end_abandoned
from ringback.streaming.streams import LEASE_SECONDS, Streams
from ringback.transcription.progress import Progress
from ringback.transcription.remote import RemoteAudio
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.retention import Retention
from ringback.transcription.sweep import Sweep
from ringback.transcription.transcribe import Transcriber

JOBS_PER_THREAD = 2
FEWEST_JOBS = 16
"""Recordings in work at once: many more than threads, so that a few long ones leave room for short ones.
The pool gives each of them its turn; what they hold meanwhile is bounded per recording."""

API_KEY_VARIABLE = "RINGBACK_API_KEY"

STREAMS_PER_CORE = 8
"""Unless `limits.streams` says otherwise."""

ABANDONED_AT_ONCE = 16
"""Records of streams whose server died, ended at a time."""

TRANSCRIPTION_LEASE = 90.0
"""Seconds; the worker prolongs it while it runs."""

DELIVERY_GRACE = 20.0
"""Seconds that a delivery's lease outlives its time limit."""


def serve(settings: Settings) -> int:
    """Run the server until SIGTERM or SIGINT; the process's exit status. Raises `Misconfigured`."""
    telemetry.configure(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except ExceptionGroup as group:
        # What one service found while running is to the operator a plain fault like any other.
        fault = next(_leaves(group), None)
        if isinstance(fault, Misconfigured):
            raise fault from None
        raise
    except LedgerUnavailable as error:
        raise Misconfigured(f"{error}: is there room on the disk of {settings.data_path}?") from None
    return 0


def _leaves(group: ExceptionGroup) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        stages = await _assemble(settings, SystemClock(), stack)
        _spare_the_collector()
        await run_in_stages(stages, stopping)
    telemetry.event("server.stopped")


def _spare_the_collector() -> None:
    """What the start has made will stay: the garbage collector need not go through it again and again.

    Its rounds, one for every few hundred objects by default, took 80 to 100 µs of each delivery.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _assemble(settings: Settings, clock: Clock, stack: AsyncExitStack) -> list[list[Service]]:
    """Everything made and connected; what must be closed at the end is on the stack."""
    folder = settings.data_path
    catalogue = Catalogue(settings.model, folder / "models")
    policy = Policy(settings.callback.allow, settings.callback.ports)
    pool = EnginePool(Setup.of(settings))
    jobs_at_once = max(JOBS_PER_THREAD * pool.threads, FEWEST_JOBS)
    # One project's flood leaves some slots to the others.
    per_project = jobs_at_once * 3 // 4
    ledger = await stack.enter_async_context(
        await SqliteLedger.open(
            folder / "ringback.db", clock, serving=True, fixed_caps={TRANSCRIBE: per_project}
        )
    )
    seal = Seal.of(settings.secret_key, folder / "secret.key")
    signers = Signers(ledger, seal, clock)
    await signers.prepare()
    blobs = await stack.enter_async_context(
        FolderBlobs(folder / "blobs", clock, settings.limits.disk_reserve_bytes)
    )
    door = await stack.enter_async_context(Door(policy, clock))
    remote = RemoteAudio(door, policy, _fetch_limits(settings.fetch))
    reader = AudioReader(children=jobs_at_once)
    progress = Progress()

    transcriber = Transcriber(
        reader=reader,
        pool=pool,
        catalogue=catalogue,
        fetch=remote.chunks,
        seal=seal,
        blobs=blobs,
        progress=progress,
        clock=clock,
        upload_limit=settings.limits.upload_bytes,
        quality=Quality(settings.engine.quality),
    )
    deliverer = Deliverer(
        door,
        policy,
        blobs,
        settings.callback,
        seal=seal,
        sign=signers.sign,
        clock=clock,
        recorded=ledger.attempts,
        public_url=settings.public_url,
    )
    hearings = LiveHearings(pool)
    callbacks = Callbacks(
        door=door,
        policy=policy,
        store=ledger,
        seal=seal,
        sign=signers.sign,
        settings=settings.callback,
        clock=clock,
    )
    streams = Streams(
        store=ledger,
        callbacks=callbacks,
        open_ears=hearings.open,
        clock=clock,
        most=settings.limits.streams or STREAMS_PER_CORE * pool.threads,
    )
    admission = Admission(door, policy)
    http = HttpServer(
        application(
            Services(
                store=ledger,
                keys=ledger,
                blobs=blobs,
                catalogue=catalogue,
                admit=admission.admit,
                admit_live=admission.admit_live,
                check_audio_url=remote.judge,
                try_callback=_tried_by(door, policy, settings.callback, signers, clock),
                streams=streams,
                progress=progress,
                settings=settings,
                clock=clock,
                seal=seal,
                signers=signers,
                health=pool,
                jwt_secret=seal.subkey("jwt"),
            )
        ),
        settings.host,
        settings.port,
        header_seconds=settings.limits.header_seconds,
    )
    port = http.bind()
    # Only now, when nothing can fail any more, is a key shown that will not be shown again.
    await _ensure_a_key(settings, ledger, clock)
    telemetry.event(
        "server.listening",
        host=settings.host,
        port=port,
        version=__version__,
        data_dir=str(folder),
        model=catalogue.default.name,
    )
    return [
        [pool, reader, hearings],
        [
            Rescuer(ledger),
            Sweep(blobs, ledger, clock, settings.keep.audio),
            Retention(blobs, ledger, settings.keep, requests=REQUEST_KINDS),
        ],
        [
            _WhenReady(
                pool,
                Worker(
                    TRANSCRIBE,
                    ledger,
                    transcriber,
                    concurrency=jobs_at_once,
                    lease_seconds=TRANSCRIPTION_LEASE,
                    clock=clock,
                ),
            ),
            Worker(
                DELIVER,
                ledger,
                deliverer,
                concurrency=settings.callback.concurrency,
                lease_seconds=settings.callback.timeout + DELIVERY_GRACE,
                clock=clock,
            ),
            Worker(
                STREAM,
                ledger,
                end_abandoned,
                concurrency=ABANDONED_AT_ONCE,
                lease_seconds=LEASE_SECONDS,
                clock=clock,
            ),
        ],
        [http, streams],
    ]


class _WhenReady:
    """Holds the work back until the engine is loaded: a lease taken before could only be lost to a crash."""

    def __init__(self, pool: EnginePool, work: Service) -> None:
        self.name = work.name
        self._pool = pool
        self._work = work

    async def run(self, stopping: asyncio.Event) -> None:
        ready = asyncio.create_task(self._pool.ready())
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({ready, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            ready.cancel()
            # An engine that never comes is the pool's to report.
            await asyncio.gather(ready, stop, return_exceptions=True)
        await self._work.run(stopping)


async def _ensure_a_key(settings: Settings, keys: KeyStore, clock: Clock) -> None:
    """The operator's own key, or, on the very first start, one that is made and printed once.

    The operator's key has one place in the ledger: another value takes it over, and none empties it.
    """
    project = (await keys.projects())[0].id
    operators = str(uuid.uuid5(uuid.UUID(project), API_KEY_VARIABLE))
    held = await keys.key_by_hash(secret_hash(settings.api_key)) if settings.api_key else None
    if held is None or held.id != operators:
        await keys.remove_key(project, operators)
    if settings.api_key:
        if held is None:
            owner = _owner(operators, project, API_KEY_VARIABLE, clock.now())
            await keys.add_key(owner, secret_hash(settings.api_key))
    elif not await keys.keys(project):
        secret = new_secret()
        owner = _owner(str(uuid.uuid4()), project, "made on the first start", clock.now())
        await keys.add_key(owner, secret_hash(secret))
        print(f"Your API key, shown this once and stored only as a hash:\n\n    {secret}\n", flush=True)


def _owner(key_id: str, project: str, comment: str, created_at: float) -> ApiKey:
    return ApiKey(
        id=key_id,
        project=project,
        comment=comment,
        scopes=("owner",),
        tags=(),
        created_at=created_at,
        expires_at=None,
    )


def _tried_by(
    door: Door, policy: Policy, settings: CallbackSettings, signers: Signers, clock: Clock
) -> TryCallback:
    """What tries a callback URL as a delivery would."""
    limits = Limits(settings.connect_timeout, settings.timeout)

    async def try_callback(url: str, method: str, key_id: str) -> Trial:
        sign = (await signers.signer(key_id)).headers
        return await trial(
            door, policy, url, clock=clock, limits=limits, method=method, key_id=key_id, sign=sign
        )

    return try_callback


def _fetch_limits(settings: FetchSettings) -> FetchLimits:
    return FetchLimits(
        settings.connect_timeout, settings.response_timeout, settings.timeout, settings.bytes_per_second
    )
