"""Health of this process: https://developers.deepgram.com/docs/self-hosted-status-endpoint"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.blobs.port import DiskFull
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.errors import Refusal
from ringback.jobs.store import KindGauge, LedgerUnavailable
from ringback.server.auth import Authenticator, forbidden, has_credentials
from ringback.server.capacity import METRICS_PATH
from ringback.server.loopback import is_local
from ringback.server.metrics_reading import exposition
from ringback.server.operations import Operation
from ringback.server.permissions import Permission, Reach
from ringback.server.request_parsing import answer
from ringback.server.services import ProbeSources
from ringback.telemetry import tracing
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.request import READ, WITH_RESULT

TAG = "For operators"


class StatusDocument(msgspec.Struct):
    """The server's health; only operators see more than `system_health`."""

    system_health: str
    """`Initializing`, `Healthy`, `Degraded`, `Critical` or `Stopping`."""
    reason: str | UnsetType = UNSET
    active_batch_requests: int | UnsetType = UNSET
    active_stream_requests: int | UnsetType = UNSET
    active_listen_v2_stream_requests: int | UnsetType = UNSET


class EngineDocument(msgspec.Struct):
    """Whether the engine is ready; only operators see `state`."""

    engine_connection_status: str
    state: str | UnsetType = UNSET


SHOW_STATUS = Operation(
    "GET",
    "/v1/status",
    "getStatus",
    TAG,
    "Readiness of this process",
    StatusDocument,
    needs_key=False,
    unavailable=StatusDocument,
)
SHOW_ENGINE = Operation(
    "GET",
    "/v1/status/engine",
    "getEngineStatus",
    TAG,
    "Readiness of its engine",
    EngineDocument,
    needs_key=False,
    unavailable=EngineDocument,
)
SHOW_METRICS = Operation(
    "GET",
    METRICS_PATH,
    "getMetrics",
    TAG,
    "Prometheus' metrics, for operators",
    None,
    media_type="text/plain",
)


class StatusRoutes:
    """Routes for probes and scrapers, in every process.

    Probes need no key, and see whether the server works; details and metrics are for operators: for a key
    that may read them, and for programs on this machine.
    """

    def __init__(self, probed: ProbeSources, authenticator: Authenticator | None = None) -> None:
        """`authenticator`: None if keys are not used."""
        self._sources = probed
        self._authenticator = authenticator
        # Work that other nodes have not done is no reason to send none to this one.
        self._other_roles_kinds = {kind for kind, role in _ROLE_OF.items() if role not in probed.roles}

    async def status(self, request: Request) -> Response:
        """A probe of readiness. 503 while the ledger cannot be read or written, or the disk has no room for
        new work; if jobs that this process could claim have waited longer than `limits.oldest_due_seconds`;
        and first of all when it is about to stop. Jobs that wait for a receiver that fails do not count."""
        if self._sources.drain.started:
            self._sources.drain.probe_answered()
            return answer(StatusDocument(_STOPPING), 503)
        try:
            gauges = await self._sources.store.gauges()
        except LedgerUnavailable:
            critical = StatusDocument(_CRITICAL)
            if await self._sees_details(request):
                critical.reason = "the ledger cannot be read"
            return answer(critical, 503)
        reason = await self._reason(gauges)
        status = StatusDocument(self._engine_health() if reason is None else _CRITICAL)
        if await self._sees_details(request):
            if reason is not None:
                status.reason = reason
            status.active_batch_requests = sum(gauges.get(kind, _NONE).leased for kind in WITH_RESULT)
            turn_based = self._sources.turn_streams()
            status.active_stream_requests = self._sources.streams() - turn_based
            status.active_listen_v2_stream_requests = turn_based
        return answer(status, 200 if reason is None else 503)

    async def _reason(self, gauges: Mapping[str, KindGauge]) -> str | None:
        """Why this process cannot work at the moment; None: it can."""
        if self._sources.store.fault is not None:
            return "the ledger cannot be written"
        if (fault := self._sources.blob_fault()) is not None:
            return fault
        if not await self._has_room():
            return "the disk has no room for new work"
        if self._stalled(gauges) > self._sources.oldest_due_seconds:
            return "work is due, and none gets through"
        return None

    async def _has_room(self) -> bool:
        if self._sources.blobs is None:
            return True
        try:
            await self._sources.blobs.check_space()
        except DiskFull:
            return False
        except OSError:
            return (
                True  # the blob store cannot be reached for a moment; only callers who need it get the error
            )
        return True

    async def engine(self, request: Request) -> Response:
        """A probe of readiness: 503 until the engine has loaded its model.

        Deepgram's own Helm chart searches for the first words of the body, so `engine_connection_status` must
        come first.
        """
        state = "none" if self._sources.health is None else self._sources.health.state
        engine = EngineDocument(_CONNECTION.get(state, "Disconnected"))
        if await self._sees_details(request):
            engine.state = state
        return answer(engine, 200 if state in _CONNECTION else 503)

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format, for operators."""
        if not _is_local(request):
            if self._authenticator is None:
                raise forbidden()
            (await self._authenticator.authenticate(request)).require(Permission.READ_METRICS)
        return await self.exposed(request)

    async def exposed(self, request: Request) -> Response:
        """The same for everybody, on an address of its own; the queue's gauges are read at this moment.

        OpenMetrics only where it says more: with exemplars, while spans are recorded."""
        exemplars = tracing.is_recording() and _takes_openmetrics(request.headers.get("accept", ""))
        metrics = await exposition(self._sources, exemplars=exemplars)
        return Response(metrics, media_type=telemetry.OPENMETRICS if exemplars else telemetry.TEXT)

    async def _sees_details(self, request: Request) -> bool:
        """Whether the caller sees details; invalid credentials do not fail a probe."""
        if _is_local(request):
            return True
        if self._authenticator is None or not has_credentials(request):
            return False
        try:
            caller = await self._authenticator.authenticate(request)
        except (Refusal, LedgerUnavailable):
            return False
        return caller.reach(Permission.READ_METRICS) is Reach.SERVER

    def _stalled(self, gauges: Mapping[str, KindGauge]) -> float:
        """For how many seconds jobs of this process's roles have been due without any progress."""
        ours = {kind: gauge.oldest_ready or 0.0 for kind, gauge in gauges.items()}
        return max(
            (self._wait(kind, ours[kind]) for kind in ours.keys() - self._other_roles_kinds), default=0.0
        )

    def _wait(self, kind: str, oldest_ready: float) -> float:
        # A caller's own recordings wait for one another: that is no fault while one of them makes progress.
        activity = self._sources.activities.get(kind)
        return oldest_ready if activity is None else min(oldest_ready, activity.idle_seconds)

    def _engine_health(self) -> str:
        return "Healthy" if self._sources.health is None else _SYSTEM_HEALTH[self._sources.health.state]


def _takes_openmetrics(accept: str) -> bool:
    return any(part.partition(";")[0].strip() == "application/openmetrics-text" for part in accept.split(","))


def _is_local(request: Request) -> bool:
    return is_local(None if request.client is None else request.client.host, request.headers)


_ROLE_OF: dict[str, Literal["transcribe", "deliver"]] = {
    FETCH: "transcribe",
    TRANSCRIBE: "transcribe",
    READ: "transcribe",
    DELIVER: "deliver",
}
_NONE = KindGauge(0, 0, None)

_CONNECTION = {"ready": "Connected", "none": "Not needed"}
_CRITICAL, _STOPPING = "Critical", "Stopping"
_SYSTEM_HEALTH = {"starting": "Initializing", "ready": "Healthy", "restarting": "Degraded"}
