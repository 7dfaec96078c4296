"""Status, readiness and faults of the ledger, over a real ledger and real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.engines.base import Urgency
from ringback.jobs.job import Retry, Signal
from ringback.settings import LimitSettings
from support.api_calls import CALLBACK, SECRET_URL, get, keeps_secrets, submit
from support.clock import ManualClock
from support.front import Front, front
from support.logs import capture_logs


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def test_the_status_follows_the_engine(api: Front) -> None:
    for state, health, ready in (
        ("starting", "Initializing", 503),
        ("ready", "Healthy", 200),
        ("restarting", "Degraded", 503),
    ):
        api.engine.state = state
        assert (await api.call("GET", "/v1/status", key=None)).json()["system_health"] == health
        assert (await api.call("GET", "/v1/status/engine", key=None)).status == ready


async def test_a_ready_engine_says_so_in_the_words_that_helm_looks_for(api: Front) -> None:
    answer = await api.call("GET", "/v1/status/engine", key=None)
    assert answer.body.startswith(b'{"engine_connection_status":"Connected"')


async def test_work_that_is_over_is_no_longer_counted(api: Front) -> None:
    await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=b"RIFF")
    lease = await api.claim()
    running = await api.call("GET", "/metrics", key=None)
    assert b'ringback_jobs{kind="transcribe",state="leased"} 1.0' in running.body
    await api.finish(lease)
    over = await api.call("GET", "/metrics", key=None)
    assert b'ringback_jobs{kind="transcribe",state="leased"} 0.0' in over.body
    assert b'ringback_jobs{kind="deliver",state="queued"} 0.0' in over.body


async def test_running_work_is_counted(api: Front) -> None:
    await submit(api)
    assert (await api.call("GET", "/v1/status", key=None)).json()["active_batch_requests"] == 1
    metrics = await api.call("GET", "/metrics", key=None)
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b'ringback_jobs{kind="transcribe",state="leased"} 1.0' in metrics.body
    assert b'ringback_requests_total{endpoint="listen",method="async",status="200"}' in metrics.body


async def test_what_waits_for_the_engine_is_counted(api: Front) -> None:
    api.engine.load = {Urgency.LIVE_FINAL: 1, Urgency.LIVE_PARTIAL: 2, Urgency.RECORDING: 30}
    metrics = (await api.call("GET", "/metrics", key=None)).body.decode()
    for urgency, segments in (("live_final", 1), ("live_partial", 2), ("recording", 30)):
        assert f'ringback_engine_segments{{urgency="{urgency}"}} {segments}.0' in metrics


async def test_what_nobody_foresaw_is_a_500_whose_text_nobody_sees(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError(SECRET_URL)

    monkeypatch.setattr(api.services.catalogue, "models", fail)
    with capture_logs() as events:
        answer = await get(api, "/v1/models")
    assert answer.status == 500
    assert answer.json()["category"] == "INTERNAL_SERVER_ERROR"
    assert b"Traceback" not in answer.body
    (failed,) = events
    assert (failed["event"], failed["request_id"]) == ("request.failed", answer.headers["dg-request-id"])
    assert (failed["error"], "in fail" in str(failed["frames"])) == ("RuntimeError", True)
    keeps_secrets(str(events).encode())


@pytest.mark.parametrize("path", ["/v1/projects", "{project}/keys", "{project}/requests", "{project}/usage"])
async def test_without_a_ledger_a_route_says_when_to_come_back(api: Front, path: str) -> None:
    await api.ledger.close()
    with capture_logs() as events:
        answer = await get(api, path)
    assert (answer.status, answer.json()["category"]) == (503, "Service Unavailable")
    assert int(answer.headers["retry-after"]) > 0
    (away,) = events
    assert (away["event"], away["request_id"]) == ("ledger.unavailable", answer.headers["dg-request-id"])


async def test_work_that_nobody_takes_up_makes_the_server_unready(
    tmp_path: Path, manual_clock: ManualClock
) -> None:
    async with front(tmp_path, manual_clock, LimitSettings(oldest_due_seconds=100)) as api:
        await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=b"RIFF")
        for waited, status, health in ((0, 200, "Healthy"), (100, 200, "Healthy"), (1, 503, "Critical")):
            manual_clock.advance(waited)
            answer = await get(api, "/v1/status")
            assert (answer.status, answer.json()["system_health"]) == (status, health)
        metrics = await api.call("GET", "/metrics", key=None)
        assert b'ringback_oldest_ready_seconds{kind="transcribe"} 101.0' in metrics.body
        await api.claim()
        assert (await get(api, "/v1/status")).status == 200


async def test_what_waits_for_a_dead_receiver_does_not_make_the_server_unready(
    tmp_path: Path, manual_clock: ManualClock
) -> None:
    async with front(tmp_path, manual_clock, LimitSettings(oldest_due_seconds=1)) as api:
        job = await submit(api)
        for _ in range(40):
            order = DeliveryOrder(job.id, SECRET_URL, "POST", 200, None, StoredDocument(inline="{}"))
            await api.ledger.add([delivery_job(order, project=api.project, accessor=None)])
        for _ in range(5):
            for lease in await api.ledger.claim(DELIVER, 64, 60):
                await api.ledger.settle(lease, Retry(600.0, signal=Signal.BAD))
        manual_clock.advance(4)
        assert (await get(api, "/v1/status")).status == 200


async def test_without_a_ledger_the_server_is_not_ready(api: Front) -> None:
    await api.ledger.close()
    answer = await get(api, "/v1/status")
    critical = {"system_health": "Critical", "reason": "the ledger cannot be read"}
    assert (answer.status, answer.json()) == (503, critical)
