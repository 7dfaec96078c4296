"""The HTTP service over a real ledger, real blobs and a real socket; the test does the worker's part."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from ringback.blobs import FolderBlobStore, store_document
from ringback.bootstrap.values import attempt_limits, daily_limits, service_limits
from ringback.callbacks.admission import Admission
from ringback.callbacks.signers import Signers
from ringback.callbacks.trial import sample, trial
from ringback.clock import Clock, SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import FetchLimits, Limits
from ringback.engines.base import ModelInfo, Urgency
from ringback.engines.registry import ModelCatalogue
from ringback.errors import Failure
from ringback.jobs.job import Done, JobId, Lease
from ringback.keys import ApiKey, secret_hash
from ringback.listen import results
from ringback.listen.options import ListenOptions
from ringback.quota import AudioQuota
from ringback.server.drain import Drain
from ringback.server.protocol import HttpServer
from ringback.server.request_lookup import REQUEST_KINDS
from ringback.server.routes import Services, application
from ringback.server.services import ProbeSources
from ringback.settings import CallbackSettings, EngineSettings, LimitSettings, Settings
from ringback.storage.sqlite import SqliteLedger
from ringback.streaming.callback_opener import CallbackOpener
from ringback.streaming.session import StreamRecogniser
from ringback.streaming.stream_limits import StreamLimits
from ringback.streaming.stream_service import OpenRecogniser, StreamService
from ringback.transcription.erasing import Erasing
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.progress import Progress
from ringback.transcription.remote import RemoteAudio
from ringback.transcription.request import (
    KIND,
    READ,
    TranscriptionResult,
    document_key,
    order_of,
    request_usage,
)
from support.openapi import check_answer
from support.sealing import SEAL
from support.waiting import PATIENCE

OWNER = "a" * 40
"""The secret of a key with scope `owner`."""

DOCUMENT = sample("00000000-0000-4000-8000-000000000000", 0.0)
"""A result."""


def large_document(size: int) -> bytes:
    """A result of more than `size` bytes."""
    return DOCUMENT.replace(b'"transcript":"', b'"transcript":"' + b"x" * size, 1)


@dataclass
class EngineState:
    """What the routes see of an engine."""

    state: str = "ready"
    threads: int = 2
    in_flight: int = 0
    load: Mapping[Urgency, int] = field(default_factory=lambda: dict.fromkeys(Urgency, 0))


@dataclass
class Front:
    """The running service, and the test's way into what lies behind it."""

    port: int
    services: Services
    ledger: SqliteLedger
    blobs: FolderBlobStore
    folder: Path
    """Where the blobs lie."""
    engine: EngineState
    project: str
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def add_key(self, *scopes: str, expires_at: float | None = None, secret: str = "") -> str:
        """The secret of a new key."""
        secret = secret or uuid.uuid4().hex
        created_at = self.services.clock.now()
        key = ApiKey(str(uuid.uuid4()), self.project, "", scopes, (), created_at, expires_at)
        await self.ledger.add_key(key, secret_hash(secret))
        return secret

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = OWNER,
        headers: dict[str, str] | None = None,
        data: Any = None,
        json: Any = None,
    ) -> "Answered":
        """One request. `data` may be an async iterator: then it is sent in chunks."""
        named = dict(headers or {})
        if key is not None:
            named.setdefault("Authorization", f"Token {key}")
        skip = () if "Content-Type" in named or json is not None else ("Content-Type",)
        async with self.session.request(
            method, self.url + path, headers=named, data=data, json=json, skip_auto_headers=skip
        ) as response:
            body = await response.read()
            lowered = {name.lower(): value for name, value in response.headers.items()}
            if "Upgrade" not in named:  # a handshake is none of the operations
                check_answer(method, path, response.status, lowered, body)
            return Answered(response.status, lowered, body)

    async def claim(self, kind: str = KIND) -> Lease:
        """The next request of a kind, once there is one; the fetch of its audio is taken to have ended."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for fetch in await self.ledger.claim(FETCH, 1, 60):
                    assert await self.ledger.settle(fetch, Done(code=200))
                leases = await self.ledger.claim(kind, 1, 60)
                if leases:
                    return leases[0]
                await self.ledger.wait_for_work(kind, 1)

    async def finish(self, lease: Lease, document: bytes = DOCUMENT, status: int = 200) -> None:
        """Do the transcriber's last step."""
        stored = await store_document(self.blobs, document_key(lease.job.id), document)
        model = self.services.catalogue.models()[0]
        ending = TranscriptionResult(stored, 7.5, 1, model.uuid if status == 200 else None)
        used = request_usage(lease.job, order_of(lease.job.payload), ending, status)
        assert await self.ledger.settle(lease, Done(status, msgspec.json.encode(ending), used=used))

    async def refuse(self, lease: Lease, failure: Failure) -> None:
        """End a job as the transcriber does when the recording is at fault."""
        await self.finish(lease, results.error_body(failure, lease.job.id), failure.status)


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def no_recogniser(options: ListenOptions, model: ModelInfo, request_id: JobId) -> StreamRecogniser:
    raise AssertionError("this front is for recordings")


@asynccontextmanager
async def front(
    folder: Path,
    clock: Clock | None = None,
    limits: LimitSettings | None = None,
    *,
    callback: CallbackSettings | None = None,
    engine: EngineSettings | None = None,
    open_recogniser: OpenRecogniser = no_recogniser,
    has_language_model: bool = False,
    ends_turn_on_close: bool = False,
    judges_turns: bool = True,
) -> AsyncIterator[Front]:
    """The service on a port of its own, with one `owner` key."""
    clock = clock or SystemClock()
    settings = Settings(
        limits=limits or LimitSettings(),
        callback=callback or CallbackSettings(),
        engine=engine or EngineSettings(),
    )
    policy = Policy(("127.0.0.1",), ())
    health = EngineState()
    blobs = FolderBlobStore(folder / "blobs", clock)
    async with (
        await SqliteLedger.open(
            folder / "ringback.db", clock, serving=True, fixed_caps={KIND: 8, READ: 8}
        ) as ledger,
        EgressClient(policy, clock) as egress,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE)) as session,
    ):
        callbacks = CallbackOpener(
            egress=egress,
            store=ledger,
            seal=SEAL,
            sign=Signers(ledger, SEAL, clock).sign,
            limits=attempt_limits(settings.callback),
            reconnect_seconds=settings.callback.reconnect_seconds,
            live_backlog=settings.callback.live_backlog,
            clock=clock,
        )
        quota = AudioQuota(ledger, daily_limits(settings.limits), clock)
        streams = StreamService(
            store=ledger,
            seal=SEAL,
            callbacks=callbacks,
            open_recogniser=open_recogniser,
            clock=clock,
            places=StreamLimits(settings.limits.streams or 100),
            quota=quota,
            grace_seconds=2,
            ends_turn_on_close=ends_turn_on_close,
        )
        services = Services(
            store=ledger,
            keys=ledger,
            blobs=blobs,
            erasing=Erasing(blobs, ledger, REQUEST_KINDS),
            catalogue=ModelCatalogue(settings.model, folder / "models"),
            admit_callback=Admission(egress, policy).admit,
            check_audio_url=RemoteAudio(egress, policy, FetchLimits(30, 60, 90), clock).judge,
            test_callback=lambda url, method, requester: trial(
                egress, policy, url, clock=clock, limits=Limits(30, 60), method=method, key_id=requester.key
            ),
            admit_live_callback=Admission(egress, policy).admit_live,
            streams=streams,
            quota=quota,
            progress=Progress(),
            limits=service_limits(settings),
            clock=clock,
            seal=SEAL,
            signers=Signers(ledger, SEAL, clock),
            jwt_secret=b"s" * 32,
            probe_sources=ProbeSources(
                store=ledger,
                roles=["api", "transcribe", "deliver"],
                health=health,
                streams=lambda: streams.active,
                turn_streams=lambda: streams.turn_based,
                drain=Drain(),
                oldest_due_seconds=settings.limits.oldest_due_seconds,
                blobs=blobs,
            ),
            warn_substitution=settings.engine.warn_substitution,
            has_language_model=has_language_model,
            judges_turns=judges_turns,
        )
        server = HttpServer(application(services), "127.0.0.1", 0, grace=2)
        port = server.bind()
        stopping = asyncio.Event()
        serving = asyncio.gather(server.run(stopping), streams.run(stopping))
        project = (await ledger.projects())[0].id
        opened = Front(port, services, ledger, blobs, folder / "blobs", health, project, session)
        if await ledger.key_by_hash(secret_hash(OWNER)) is None:
            await opened.add_key("owner", secret=OWNER)
        try:
            yield opened
        finally:
            stopping.set()
            await serving
