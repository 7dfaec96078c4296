"""The metrics at the time of a scrape: counters of the process, and gauges that are read now."""

import math
from collections.abc import Mapping

from ringback import telemetry
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.jobs.store import KindGauge, LaneStanding, LedgerUnavailable
from ringback.server.services import ProbeSources
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.request import READ

KINDS = (FETCH, TRANSCRIBE, READ, DELIVER)


async def exposition(sources: ProbeSources, *, exemplars: bool) -> bytes:
    """All metrics; with `exemplars` as OpenMetrics."""
    _read_process(sources)
    try:
        gauges = await sources.store.gauges()
        parked = await sources.store.parked()
        standing = await sources.store.lane_standing(DELIVER)
        telemetry.LEDGER_BYTES.set(await sources.store.size())
    except LedgerUnavailable:
        # The process's own counters are still right; the queue's gauges keep their last values.
        telemetry.LEDGER_UP.set(0)
    else:
        telemetry.LEDGER_UP.set(1)
        _show_queue(gauges, parked, standing)
    return telemetry.exposition(exemplars=exemplars)


def _show_queue(gauges: Mapping[str, KindGauge], parked: Mapping[str, int], standing: LaneStanding) -> None:
    for kind in KINDS:
        # The ledger leaves out a kind without live jobs: its gauge is 0, not its last value.
        gauge = gauges.get(kind, KindGauge(0, 0, None))
        telemetry.JOBS.labels(kind, "queued").set(gauge.queued)
        telemetry.JOBS.labels(kind, "leased").set(gauge.leased)
        telemetry.JOBS.labels(kind, "parked").set(parked.get(kind, 0))
        telemetry.OLDEST_DUE.labels(kind).set(gauge.oldest_due or 0.0)
        telemetry.OLDEST_READY.labels(kind).set(gauge.oldest_ready or 0.0)
    telemetry.DESTINATIONS.labels("healthy").set(standing.healthy)
    telemetry.DESTINATIONS.labels("failing").set(standing.failing)
    telemetry.DESTINATIONS.labels("open").set(standing.open)


def _read_process(sources: ProbeSources) -> None:
    telemetry.STREAMS_LIMIT.set(sources.streams_limit)
    disk = sources.disk()
    telemetry.DISK_BYTES.set(math.nan if disk is None else disk.total)
    telemetry.DISK_FREE_BYTES.set(math.nan if disk is None else disk.free)
    if (engine := sources.health) is not None:
        telemetry.ENGINE_UP.set(engine.state == "ready")
        telemetry.ENGINE_THREADS.set(engine.threads)
        telemetry.ENGINE_BUSY.set(engine.in_flight)
        for urgency, segments in engine.load.items():
            telemetry.ENGINE_SEGMENTS.labels(urgency.name.lower()).set(segments)
