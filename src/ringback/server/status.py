"""How this process does: https://developers.deepgram.com/docs/self-hosted-status-endpoint"""

from collections.abc import Mapping
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.jobs.store import KindGauge, LedgerUnavailable
from ringback.server.services import Probed
from ringback.server.wire import answer
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.request import KIND as TRANSCRIBE


class Status:
    """Routes for probes and scrapers; none needs a key. Every process has them, whatever its roles."""

    def __init__(self, probed: Probed) -> None:
        self._probed = probed
        # What other nodes have left undone is no reason to send nothing here.
        self._of_others = {kind for kind, role in _ROLE_OF.items() if not probed.settings.does(role)}

    async def status(self, _: Request) -> Response:
        """A probe of readiness: 503 while the ledger cannot be read, when work that this process could take
        up is not, for longer than `limits.oldest_due_seconds`, and first of all when it is about to stop.
        What waits for a dead receiver does not count."""
        if self._probed.leaving.begun:
            self._probed.leaving.tell()
            return answer({"system_health": _STOPPING}, 503)
        try:
            gauges = await self._probed.store.gauges()
        except LedgerUnavailable:
            return answer({"system_health": _CRITICAL}, 503)
        overdue = self._oldest_ready(gauges) > self._probed.settings.limits.oldest_due_seconds
        return answer(
            {
                "system_health": _CRITICAL if overdue else self._engine_health(),
                "active_batch_requests": gauges.get(TRANSCRIBE, _NONE).leased,
                "active_stream_requests": self._probed.streams(),
                "active_listen_v2_stream_requests": 0,
            },
            503 if overdue else 200,
        )

    async def engine(self, _: Request) -> Response:
        """A probe of readiness: 503 until the engine has loaded its model. Deepgram's own Helm chart looks
        for the first words of the body, so `engine_connection_status` must come first."""
        if self._probed.health is None:
            return answer({"engine_connection_status": "Not needed", "state": "none"}, 200)
        state = self._probed.health.state
        connected = state == "ready"
        word = "Connected" if connected else "Disconnected"
        return answer({"engine_connection_status": word, "state": state}, 200 if connected else 503)

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text format; the queue's gauges are read at this moment."""
        gauges = await self._probed.store.gauges()
        for kind in (FETCH, TRANSCRIBE, DELIVER):
            # The ledger leaves out a kind without live jobs: that is a nought, and not what was seen last.
            gauge = gauges.get(kind, _NONE)
            telemetry.JOBS.labels(kind, "queued").set(gauge.queued)
            telemetry.JOBS.labels(kind, "leased").set(gauge.leased)
            telemetry.OLDEST_DUE.labels(kind).set(gauge.oldest_due or 0.0)
            telemetry.OLDEST_READY.labels(kind).set(gauge.oldest_ready or 0.0)
        if self._probed.health is not None:
            for urgency, segments in self._probed.health.load.items():
                telemetry.ENGINE_SEGMENTS.labels(urgency.name.lower()).set(segments)
        return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def _oldest_ready(self, gauges: Mapping[str, KindGauge]) -> float:
        ours = (gauge for kind, gauge in gauges.items() if kind not in self._of_others)
        return max((gauge.oldest_ready or 0.0 for gauge in ours), default=0.0)

    def _engine_health(self) -> str:
        return "Healthy" if self._probed.health is None else _SYSTEM_HEALTH[self._probed.health.state]


_ROLE_OF: dict[str, Literal["transcribe", "deliver"]] = {
    FETCH: "transcribe",
    TRANSCRIBE: "transcribe",
    DELIVER: "deliver",
}
_NONE = KindGauge(0, 0, None)

_CRITICAL, _STOPPING = "Critical", "Stopping"
_SYSTEM_HEALTH = {"starting": "Initializing", "ready": "Healthy", "restarting": "Degraded"}
