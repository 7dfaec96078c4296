"""What the routes stand on; `bootstrap` fills it in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ringback.blobs import BlobStore
from ringback.callbacks.signers import Signers
from ringback.callbacks.trial import Trial
from ringback.clock import Clock
from ringback.egress.names import Requester
from ringback.egress.target import Target
from ringback.engines.base import ModelInfo, Urgency
from ringback.jobs.activity import Activity
from ringback.jobs.store import JobStore
from ringback.keys import KeyStore
from ringback.quota import AudioQuota
from ringback.sealing import Seal
from ringback.server.drain import Drain
from ringback.settings import Settings
from ringback.streaming.stream_service import StreamService
from ringback.transcription.erasing import Erasing
from ringback.transcription.model import Models
from ringback.transcription.progress import Progress


class ServedModels(Models, Protocol):
    """The models that this server has."""

    def models(self) -> Sequence[ModelInfo]: ...


class EngineHealth(Protocol):
    """How the engine does."""

    @property
    def state(self) -> str:
        """`starting`, `ready` or `restarting`."""
        ...

    @property
    def load(self) -> Mapping[Urgency, int]:
        """Segments that wait or are being recognised."""
        ...


AdmitCallback = Callable[[str, Requester], Awaitable[Target]]
"""Checks a caller's `callback` and parses it; raises `Refusal` in Deepgram's words."""


TestCallback = Callable[[str, str, Requester], Awaitable[Trial]]
"""Sends a sample to a URL, by a method, signed as the callbacks of the requester's key are; `OSError` when
this machine has nothing left to connect with."""


@dataclass(frozen=True, slots=True)
class ProbeSources:
    """What probes and scrapers look at, of any process."""

    store: JobStore
    settings: Settings
    health: EngineHealth | None
    """None: this process needs no engine."""
    streams: Callable[[], int]
    """How many live streams are open here."""
    drain: Drain
    blobs: BlobStore | None = None
    """None: this process takes nothing in."""
    activities: Mapping[str, Activity] = field(default_factory=dict)
    """By kind of work of callers: how this process gets on with it."""
    blob_fault: Callable[[], str | None] = lambda: None
    """Why the blob store that nodes share cannot be used just now."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a route may use."""

    store: JobStore
    keys: KeyStore
    blobs: BlobStore
    erasing: Erasing
    catalogue: ServedModels
    admit_callback: AdmitCallback
    """Judges a `callback` URL at submit: form, policy, and whether its host resolves."""
    admit_live_callback: AdmitCallback
    """The same for a live stream, whose callback may also be a WebSocket."""
    check_audio_url: Callable[[str], Awaitable[str]]
    """Judges the `url` of a JSON body at submit: form and policy."""
    test_callback: TestCallback
    streams: StreamService
    quota: AudioQuota
    progress: Progress
    settings: Settings
    clock: Clock
    seal: Seal
    signers: Signers
    health: EngineHealth
    jwt_secret: bytes
    """At least 32 random bytes; tokens from /v1/auth/grant are signed with it."""
    drain: Drain = field(default_factory=Drain)
    activities: Mapping[str, Activity] = field(default_factory=dict)
    blob_fault: Callable[[], str | None] = lambda: None
    """Why the blob store that nodes share cannot be used just now."""
    finds_names: bool = False
    """Whether the model of names and places is there, for `redact` and `detect_entities`."""

    @property
    def probe_sources(self) -> ProbeSources:
        """The part of it that is for probes."""
        return ProbeSources(
            store=self.store,
            settings=self.settings,
            health=self.health,
            streams=lambda: self.streams.active,
            drain=self.drain,
            blobs=self.blobs,
            activities=self.activities,
            blob_fault=self.blob_fault,
        )
