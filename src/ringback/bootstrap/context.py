"""What every process needs, whatever its roles: the ledger, the blobs, secrets, and the egress client."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from ringback.audio.speech import silero_is_installed
from ringback.blobs import BlobStore, blob_store_at
from ringback.blobs.location import parse_blobs_url
from ringback.blobs.verified import VerifiedBlobStore
from ringback.bootstrap.blob_store import verified_blob_store
from ringback.bootstrap.dependencies import when_available
from ringback.bootstrap.ledger import ClusterStore, Ledger, open_to_serve
from ringback.bootstrap.understanding import open_understanding
from ringback.bootstrap.values import engine_setup, model_catalogue
from ringback.callbacks.operational import OperatorReceiver
from ringback.callbacks.signers import Signers
from ringback.clock import Clock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.target import read_target
from ringback.engines.pool import EnginePool
from ringback.engines.registry import ModelCatalogue
from ringback.engines.speech_extra import INSTALL
from ringback.errors import Misconfigured
from ringback.jobs.activity import Activity
from ringback.jobs.lane import UNBOUNDED_CAP
from ringback.sealing import SECRET_KEY_FILE, Seal
from ringback.server.drain import Drain
from ringback.settings import Settings
from ringback.telemetry import problem
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.request import READ
from ringback.understanding.understand import Understanding

JOBS_PER_THREAD = 2
FEWEST_JOBS = 16
"""Recordings that are decoded at once: many more than threads, so that a few long ones leave room for short
ones. The pool gives each of them its turn; what they hold meanwhile is bounded per recording."""

CALLERS_CAPS = dict.fromkeys((TRANSCRIBE, READ, FETCH), UNBOUNDED_CAP)
"""Kinds whose lanes are callers': each worker deals out its own slots."""


@dataclass(frozen=True, slots=True)
class ProcessContext:
    settings: Settings
    clock: Clock
    ledger: Ledger
    cluster: ClusterStore | None
    """What this process shares with other nodes; None: there are none."""
    node: str | None
    """What this process is called there."""
    blobs: BlobStore
    blob_store: VerifiedBlobStore | None
    """The same, where `blobs_url` names a store that others may share; None: they lie in the data folder."""
    seal: Seal
    signers: Signers
    policy: Policy
    egress: EgressClient
    """The way out, to callers' URLs."""
    catalogue: ModelCatalogue | None
    pool: EnginePool | None
    """The models and their recogniser; both None in a process that neither transcribes nor serves callers."""
    operator: OperatorReceiver | None
    """Where operational webhooks go; None: nowhere."""
    understanding: Understanding
    drain: Drain
    activities: Mapping[str, Activity]
    """How this process gets on with the kinds of work of callers."""
    interrupted: int
    """Jobs that were in work when an earlier process ended, and are due again."""

    @property
    def jobs_at_once(self) -> int:
        """Recordings that are decoded at once, in this process."""
        return FEWEST_JOBS if self.pool is None else max(JOBS_PER_THREAD * self.pool.threads, FEWEST_JOBS)


async def open_context(settings: Settings, clock: Clock, stack: AsyncExitStack) -> ProcessContext:
    """Open and check everything; what must be closed at the end is on the stack."""
    folder = settings.data_path
    catalogue, pool = _recogniser(settings)
    policy = Policy(settings.callback.allow, settings.callback.ports)
    wait = settings.limits.start_seconds
    opened = await when_available(
        "ledger", lambda: open_to_serve(settings, clock, CALLERS_CAPS, stack), wait, clock
    )
    ledger = opened.ledger
    seal = Seal.of(settings.secret_key, folder / SECRET_KEY_FILE)
    signers = Signers(ledger, seal, clock)
    await when_available("ledger", signers.prepare, wait, clock)
    blobs, store = await when_available(
        "blobs", lambda: _opened_blobs(settings, ledger, clock, stack), wait, clock
    )
    egress = await stack.enter_async_context(EgressClient(policy, clock))
    return ProcessContext(
        settings=settings,
        clock=clock,
        ledger=ledger,
        cluster=opened.cluster,
        node=opened.node,
        blobs=blobs,
        blob_store=store,
        seal=seal,
        signers=signers,
        policy=policy,
        egress=egress,
        catalogue=catalogue,
        pool=pool,
        operator=await _operator(settings, ledger, clock, stack),
        understanding=await open_understanding(settings.llm, clock, stack),
        drain=Drain(other_nodes=opened.cluster is not None),
        activities={kind: Activity(clock) for kind in CALLERS_CAPS},
        interrupted=opened.interrupted,
    )


def _recogniser(settings: Settings) -> tuple[ModelCatalogue, EnginePool] | tuple[None, None]:
    """Raises `Misconfigured` where this process needs one and the configured model is not here."""
    if not (settings.does("api") or settings.does("transcribe")):
        return None, None
    catalogue = model_catalogue(settings)
    for model in catalogue.unreadable:
        problem("model.unreadable", model=model.name, hint=model.hint)
    if not silero_is_installed():
        problem("vad.by_loudness", hint=f"noise counts as speech; {INSTALL} brings Silero VAD")
    return catalogue, EnginePool(engine_setup(settings))


async def _operator(
    settings: Settings, ledger: Ledger, clock: Clock, stack: AsyncExitStack
) -> OperatorReceiver | None:
    """Its URL is the operator's own: the policy for callers does not hold, and does not change."""
    if not settings.webhooks.url:
        return None
    try:
        target = read_target(settings.webhooks.url)
        egress = await stack.enter_async_context(EgressClient(Policy((target.host,), ()), clock))
    except ValueError as error:
        raise Misconfigured(f"webhooks.url: {error}") from None
    projects = await when_available("ledger", ledger.projects, settings.limits.start_seconds, clock)
    return OperatorReceiver(target, egress, projects[0].id, settings.webhooks.events)


async def _opened_blobs(
    settings: Settings, ledger: Ledger, clock: Clock, stack: AsyncExitStack
) -> tuple[BlobStore, VerifiedBlobStore | None]:
    url = settings.blobs_url
    async with AsyncExitStack() as undo:
        blobs = await undo.enter_async_context(
            blob_store_at(url, settings.data_path, clock, settings.limits.disk_reserve_bytes)
        )
        store = await verified_blob_store(ledger, blobs, parse_blobs_url(url).display_name) if url else None
        stack.push_async_exit(undo.pop_all())
    return store or blobs, store
