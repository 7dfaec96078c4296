"""The services that routes use; `bootstrap` fills them in."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ringback.blobs import BlobStore
from ringback.blobs.free_space import DiskSpace
from ringback.callbacks.signers import Signers
from ringback.callbacks.trial import Trial
from ringback.clock import Clock
from ringback.egress.names import Requester
from ringback.egress.target import Target
from ringback.engines.base import ModelInfo, Urgency
from ringback.jobs.activity import Activity
from ringback.keys import KeyLimits, KeyStore
from ringback.quota import AudioQuota
from ringback.sealing import Seal
from ringback.server.drain import Drain
from ringback.server.route_stores import ProbeStore, RouteStore
from ringback.streaming.stream_service import StreamService
from ringback.transcription.erasing import Erasing
from ringback.transcription.model import Models
from ringback.transcription.progress import Progress


class ServedModels(Models, Protocol):
    """The models that this server has."""

    def models(self) -> Sequence[ModelInfo]: ...

    def has(self, model: str) -> bool:
        """Whether requests may ask for this name."""
        ...


class EngineHealth(Protocol):
    """The state and the load of the engine."""

    @property
    def state(self) -> str:
        """`starting`, `ready` or `restarting`."""
        ...

    @property
    def threads(self) -> int:
        """Batches that are recognised at once."""
        ...

    @property
    def in_flight(self) -> int:
        """Batches that are being recognised."""
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
class ServiceLimits:
    """What callers are held to, by the settings of the same names."""

    keys: KeyLimits
    """Of keys that have none of their own."""
    upload_bytes: int
    body_bytes_per_second: int
    processing_seconds: float
    keep_results_seconds: float


@dataclass(frozen=True, slots=True)
class ProbeSources:
    """What probes and metrics read, in any process."""

    store: ProbeStore
    roles: Collection[str]
    """Of `api`, `transcribe` and `deliver` those that this process has."""
    health: EngineHealth | None
    """None: this process needs no engine."""
    streams: Callable[[], int]
    """How many live streams are open here."""
    drain: Drain
    oldest_due_seconds: float = 600.0
    """A job that could be taken up has waited too long after it."""
    serves_metrics: bool = True
    """False: they are read at an address of their own."""
    blobs: BlobStore | None = None
    """None: this process accepts no requests."""
    activities: Mapping[str, Activity] = field(default_factory=dict)
    """By kind of work: whether this process makes progress with it."""
    streams_limit: int = 0
    """How many may be open here."""
    disk: Callable[[], DiskSpace | None] = lambda: None
    """Of the data folder; None: it is not known."""
    blob_fault: Callable[[], str | None] = lambda: None
    """Why the blob store that nodes share cannot be used just now."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a route may use."""

    store: RouteStore
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
    limits: ServiceLimits
    clock: Clock
    seal: Seal
    signers: Signers
    jwt_secret: bytes
    """At least 32 random bytes; tokens from /v1/auth/grant are signed with it."""
    probe_sources: ProbeSources
    warn_substitution: bool = False
    """Whether a result says in its warnings which model served one of Deepgram's names."""
    serves_dashboard: bool = True
    has_language_model: bool = False
    """Whether `llm.url` is set, for topics and intents."""
    finds_names: bool = False
    """Whether the model of names and places is there, for `redact` and `detect_entities`."""
    finds_voices: bool = False
    """Whether the speaker models are there, for `diarize`."""
