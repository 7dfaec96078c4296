"""How the server does, and which models it has: https://developers.deepgram.com/docs/self-hosted-status-endpoint"""

from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.jobs.store import KindGauge, LedgerUnavailable
from ringback.server.auth import Doorkeeper
from ringback.server.services import Services
from ringback.server.wire import answer, caller_of_project, path_uuid
from ringback.transcription.request import KIND as TRANSCRIBE


class Status:
    """Routes for probes, scrapers and model lists. None needs a key but the project's own model list."""

    def __init__(self, services: Services, doorkeeper: Doorkeeper) -> None:
        self._services = services
        self._doorkeeper = doorkeeper

    async def status(self, _: Request) -> Response:
        """A probe of readiness: 503 while the ledger cannot be read, and when work that could be taken up is
        not, for longer than `limits.oldest_due_seconds`. What waits for a dead receiver does not count."""
        try:
            gauges = await self._services.store.gauges()
        except LedgerUnavailable:
            return answer({"system_health": _CRITICAL}, 503)
        ready = max((gauge.oldest_ready or 0.0 for gauge in gauges.values()), default=0.0)
        overdue = ready > self._services.settings.limits.oldest_due_seconds
        return answer(
            {
                "system_health": _CRITICAL if overdue else _SYSTEM_HEALTH[self._services.health.state],
                "active_batch_requests": gauges.get(TRANSCRIBE, _NONE).leased,
                "active_stream_requests": self._services.streams.active,
                "active_listen_v2_stream_requests": 0,
            },
            503 if overdue else 200,
        )

    async def engine(self, _: Request) -> Response:
        """A probe of readiness: 503 until the engine has loaded its model. Deepgram's own Helm chart looks
        for the first words of the body, so `engine_connection_status` must come first."""
        state = self._services.health.state
        connected = state == "ready"
        word = "Connected" if connected else "Disconnected"
        return answer({"engine_connection_status": word, "state": state}, 200 if connected else 503)

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text format; the queue's gauges are read at this moment."""
        gauges = await self._services.store.gauges()
        for kind in (TRANSCRIBE, DELIVER):
            # The ledger leaves out a kind without live jobs: that is a nought, and not what was seen last.
            gauge = gauges.get(kind, _NONE)
            telemetry.JOBS.labels(kind, "queued").set(gauge.queued)
            telemetry.JOBS.labels(kind, "leased").set(gauge.leased)
            telemetry.OLDEST_DUE.labels(kind).set(gauge.oldest_due or 0.0)
            telemetry.OLDEST_READY.labels(kind).set(gauge.oldest_ready or 0.0)
        return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def models(self, _: Request) -> Response:
        return answer(self._list())

    async def model(self, request: Request) -> Response:
        return answer(self._one(request))

    async def project_models(self, request: Request) -> Response:
        await caller_of_project(request, self._doorkeeper)
        return answer(self._list())

    async def project_model(self, request: Request) -> Response:
        await caller_of_project(request, self._doorkeeper)
        return answer(self._one(request))

    def _list(self) -> dict[str, object]:
        return {"stt": [_described(model) for model in self._services.catalogue.models()], "tts": []}

    def _one(self, request: Request) -> dict[str, object]:
        model_id = path_uuid(request, "model_id")
        for model in self._services.catalogue.models():
            if model.uuid == model_id:
                return _described(model)
        raise Refusal(404, "MODEL_NOT_FOUND", "Model not found.")


_NONE = KindGauge(0, 0, None)

_CRITICAL = "Critical"
_SYSTEM_HEALTH = {"starting": "Initializing", "ready": "Healthy", "restarting": "Degraded"}


def _described(model: ModelInfo) -> dict[str, object]:
    return {
        "name": model.name,
        "canonical_name": model.name,
        "architecture": model.arch,
        "languages": model.languages,
        "version": model.version,
        "uuid": model.uuid,
        "batch": True,
        "streaming": False,
        "formatted_output": True,
    }
