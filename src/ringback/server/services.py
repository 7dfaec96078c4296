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
        """Batches that can be recognised at a time."""
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
"""Checks a caller's `callback` and parses it; raises `Refusal`, worded as Deepgram's."""


TestCallback = Callable[[str, str, Requester], Awaitable[Trial]]
"""Sends a sample to a URL, by a method, signed as the callbacks of the requester's key are; `OSError` if this
machine has no resources left for it."""


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """The limits of callers, by the settings of the same names."""

    keys: KeyLimits
    """Of keys that have no limits of their own."""
    upload_bytes: int
    body_bytes_per_second: int
    processing_seconds: float
    keep_results_seconds: float


@dataclass(frozen=True, slots=True)
class ProbeSources:
    """The values of probes and metrics, in any process."""

    store: ProbeStore
    roles: Collection[str]
    """The roles of this process: `api`, `transcribe`, `deliver`."""
    health: EngineHealth | None
    """None: this process needs no engine."""
    streams: Callable[[], int]
    """The number of live streams that are open in this process, of both kinds."""
    drain: Drain
    oldest_due_seconds: float = 600.0
    """A job that could be claimed for so many seconds has waited too long."""
    serves_metrics: bool = True
    """False: metrics have an address of their own."""
    blobs: BlobStore | None = None
    """None: this process accepts no requests."""
    activities: Mapping[str, Activity] = field(default_factory=dict)
    """By kind of work: whether this process makes progress with it."""
    turn_streams: Callable[[], int] = lambda: 0
    """How many of them are turn-based (`/v2/listen`)."""
    streams_limit: int = 0
    """The number of live streams that may be open in this process."""
    disk: Callable[[], DiskSpace | None] = lambda: None
    """The data folder's; None: it is not known."""
    blob_fault: Callable[[], str | None] = lambda: None
    """Why the blob store that nodes share cannot be used at the moment; None: it can."""


@dataclass(frozen=True, slots=True)
class Services:
    """All services of the routes."""

    store: RouteStore
    keys: KeyStore
    blobs: BlobStore
    erasing: Erasing
    catalogue: ServedModels
    admit_callback: AdmitCallback
    """Checks a `callback` URL: form, policy, and whether its host resolves."""
    admit_live_callback: AdmitCallback
    """The same for a live stream, whose callback may also be a WebSocket."""
    check_audio_url: Callable[[str], Awaitable[str]]
    """Checks the `url` of a JSON body: form and policy."""
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
    judges_turns: bool = False
    """Whether the turn model is there, for `/v2/listen`."""
