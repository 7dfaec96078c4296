"""What an operator sees of the server, and what everybody else: status, engine, metrics."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from ringback.keys import ApiKey, Project, secret_hash
from ringback.server.protocol import HttpServer
from ringback.server.routes import metrics, probes
from support.front import OWNER, Answered, Front, front

ELSEWHERE = {"X-Forwarded-For": "192.0.2.1"}
"""What a proxy on this machine says of a request from another one."""


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def from_elsewhere(api: Front, path: str, key: str | None) -> Answered:
    return await api.call("GET", path, key=key, headers=ELSEWHERE)


async def tenants_owner(api: Front) -> str:
    project = Project(str(uuid.uuid4()), "a tenant")
    await api.ledger.add_project(project)
    secret = uuid.uuid4().hex
    key = ApiKey(str(uuid.uuid4()), project.id, "", ("owner", "metrics:read"), (), 1.0, None)
    await api.ledger.add_key(key, secret_hash(secret))
    return secret


async def test_a_probe_learns_one_word(api: Front) -> None:
    for key in (None, "f" * 40, await api.add_key("admin"), await tenants_owner(api)):
        status = await from_elsewhere(api, "/v1/status", key)
        assert (status.status, status.json()) == (200, {"system_health": "Healthy"})
        engine = await from_elsewhere(api, "/v1/status/engine", key)
        assert (engine.status, engine.json()) == (200, {"engine_connection_status": "Connected"})


async def test_operators_learn_more(api: Front) -> None:
    for key in (OWNER, await api.add_key("metrics:read")):
        assert "active_batch_requests" in (await from_elsewhere(api, "/v1/status", key)).json()
        assert (await from_elsewhere(api, "/v1/status/engine", key)).json()["state"] == "ready"
        listed = await from_elsewhere(api, "/metrics", key)
        assert (listed.status, b"ringback_jobs" in listed.body) == (200, True)


async def test_metrics_are_not_for_others(api: Front) -> None:
    for key, status in (
        (None, 401),
        ("f" * 40, 401),
        (await api.add_key("admin"), 403),
        (await api.add_key("whatever"), 403),
        (await tenants_owner(api), 403),
    ):
        refused = await from_elsewhere(api, "/metrics", key)
        assert (refused.status, b"ringback_" in refused.body) == (status, False)


async def test_a_program_on_this_machine_needs_no_key(api: Front) -> None:
    assert "active_batch_requests" in (await api.call("GET", "/v1/status", key=None)).json()
    assert (await api.call("GET", "/metrics", key=None)).status == 200


async def test_a_key_for_metrics_can_do_nothing_else(api: Front) -> None:
    key = await api.add_key("metrics:read")
    for path in ("/v1/projects", f"/v1/projects/{api.project}/requests", "/v1/auth/token"):
        assert (await api.call("GET", path, key=key)).status == 403


async def test_metrics_stand_at_an_address_of_their_own(api: Front) -> None:
    server = HttpServer(metrics(api.services.probe_sources), "127.0.0.1", 0)
    url, stopping = f"http://127.0.0.1:{server.bind()}", asyncio.Event()
    running = asyncio.create_task(server.run(stopping))
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/metrics", headers=ELSEWHERE) as listed:
            assert listed.status == 200
        async with session.get("/v1/status", headers=ELSEWHERE) as absent:
            assert absent.status == 404
    stopping.set()
    await running


async def test_then_they_are_not_on_the_port_of_callers(api: Front) -> None:
    probed = api.services.probe_sources
    paths = {getattr(route, "path", "") for route in probes(replace(probed, serves_metrics=False)).routes}
    assert paths == {"/v1/status", "/v1/status/engine"}
