"""Tenants: every route with foreign keys and ids, keys that see only their own, and whose key rules which."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from starlette.routing import Route, WebSocketRoute

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.jobs.job import JobId
from ringback.keys import ApiKey, KeyLimits, Project, operators_key_id, secret_hash
from ringback.server.routes import application
from ringback.storage.sqlite.reads import Readers
from support.clock import ManualClock
from support.front import Answered, Front, front

NOWHERE = "00000000-0000-4000-8000-000000000000"

KEYLESS = {
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model_id}"),
    ("GET", "/v1/models/{model}"),
    ("GET", "/v1/status"),
    ("GET", "/v1/status/engine"),
    ("GET", "/metrics"),
    ("GET", "/.well-known/ringback/webhook-keys"),
    ("GET", "/openapi.json"),
    ("GET", "/asyncapi.json"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/assets/{name}"),
}
"""What anybody may ask; `test_server_operator` says what they learn."""

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/projects"): {"name": "mine"},
    ("PATCH", "/v1/projects/{project_id}"): {"name": "mine"},
    ("PATCH", "/v1/projects/{project_id}/keys/{key_id}"): {"limits": {"requests": 1}},
    ("POST", "/v1/callbacks/test"): {"url": "http://127.0.0.1:9/"},
}


@dataclass(frozen=True)
class Tenant:
    """A project, its owner's key, and a request of it with a delivery."""

    project: str
    key_id: str
    secret: str
    request: str
    delivery: str


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def key_in(api: Front, project: str, *scopes: str, limits: KeyLimits | None = None) -> tuple[str, str]:
    """Id and secret of a new key."""
    secret = uuid.uuid4().hex
    key = ApiKey(str(uuid.uuid4()), project, "a comment", scopes, (), 1.0, None, limits or KeyLimits())
    await api.ledger.add_key(key, secret_hash(secret))
    return key.id, secret


async def request_of(api: Front, secret: str) -> tuple[str, str]:
    """Ids of a transcribed request and of its delivery."""
    callback = quote("http://user:secret@127.0.0.1:9/hook", safe="")
    requested = await api.call("POST", f"/v1/listen?callback={callback}", key=secret, data=b"RIFF")
    assert requested.status == 200, requested.body
    lease = await api.claim()
    await api.finish(lease)
    order = DeliveryOrder(lease.job.id, "http://127.0.0.1:9/", "POST", 200, None, StoredDocument(inline="{}"))
    delivery = delivery_job(order, project=lease.job.project, accessor=lease.job.accessor)
    await api.ledger.add([delivery])
    return lease.job.id, delivery.id


async def tenant(api: Front, name: str) -> Tenant:
    project = Project(str(uuid.uuid4()), name)
    await api.ledger.add_project(project)
    key_id, secret = await key_in(api, project.id, "owner")
    return Tenant(project.id, key_id, secret, *await request_of(api, secret))


def routes(api: Front) -> list[tuple[str, str]]:
    """Every method and path that the application has, from its own table."""
    found = [
        (method, route.path)
        for route in application(api.services).routes
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    assert len(found) > 30
    return found


async def ask(
    api: Front, method: str, path: str, secret: str | None, *, project: str, key: str, request: str
) -> Answered:
    filled = path.format(project_id=project, key_id=key, request_id=request, model_id=NOWHERE, model=NOWHERE)
    return await api.call(method, filled, key=secret, json=BODIES.get((method, path)))


def said(answer: Answered) -> tuple[int, Any]:
    """An answer but for its own id."""
    document = answer.json()
    document.pop("request_id", None)
    return answer.status, document


async def test_foreign_projects_are_answered_as_unknown_ones_on_every_route(api: Front) -> None:
    ours, theirs = await tenant(api, "ours"), await tenant(api, "theirs")
    others = [
        await key_in(api, ours.project, scope) for scope in ("member", "keys:write", "requests:own", "x")
    ]
    secrets = [ours.secret, *(secret for _, secret in others)]
    for method, path in routes(api):
        if "{project_id}" not in path:
            continue
        ids = {"key": theirs.key_id, "request": theirs.request}
        unknown = await ask(api, method, path, ours.secret, project=NOWHERE, **ids)
        for secret in secrets:
            foreign = await ask(api, method, path, secret, project=theirs.project, **ids)
            assert foreign.status == 404, (method, path, foreign.body)
            assert said(foreign) == said(unknown), (method, path)
    await nothing_has_happened_to(api, theirs)


async def test_foreign_ids_in_the_own_project_are_answered_as_unknown_ones(api: Front) -> None:
    ours, theirs = await tenant(api, "ours"), await tenant(api, "theirs")
    walked = 0
    for method, path in routes(api):
        if "{key_id}" not in path and "{request_id}" not in path:
            continue
        foreign = await ask(
            api, method, path, ours.secret, project=ours.project, key=theirs.key_id, request=theirs.request
        )
        unknown = await ask(
            api, method, path, ours.secret, project=ours.project, key=NOWHERE, request=NOWHERE
        )
        assert foreign.status == 404, (method, path, foreign.body)
        assert said(foreign) == said(unknown), (method, path)
        walked += 1
    assert walked >= 9
    redeliver = f"/v1/projects/{ours.project}/requests/{ours.request}/redeliver"
    answers = [
        said(await api.call("POST", redeliver, key=ours.secret, json={"delivery_id": delivery}))
        for delivery in (theirs.delivery, NOWHERE)
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    await nothing_has_happened_to(api, theirs)


async def test_foreign_ids_cost_as_many_questions_as_unknown_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: Counter[str] = Counter()
    ask_ledger = Readers.do

    async def counted(self: Readers, read: Any) -> Any:
        questions["now"] += 1
        return await ask_ledger(self, read)

    monkeypatch.setattr(Readers, "do", counted)
    # Time stands still: the key is looked up once.
    async with front(tmp_path, ManualClock()) as api:
        ours, theirs = await tenant(api, "ours"), await tenant(api, "theirs")
        for method, path in routes(api):
            if "{project_id}" not in path:
                continue
            own = {"key": ours.key_id, "request": ours.request}
            foreign = {"key": theirs.key_id, "request": theirs.request}
            unknown = {"key": NOWHERE, "request": NOWHERE}
            for requested in (
                ((theirs.project, foreign), (NOWHERE, foreign), (NOWHERE, own)),
                ((ours.project, foreign), (ours.project, unknown)),
            ):
                if requested[0][0] == ours.project and "{key_id}" not in path and "{request_id}" not in path:
                    continue
                costs = set()
                for project, ids in requested:
                    questions.clear()
                    answer = await ask(api, method, path, ours.secret, project=project, **ids)
                    assert answer.status == 404
                    costs.add(questions["now"])
                assert len(costs) == 1, (method, path, costs)


async def nothing_has_happened_to(api: Front, theirs: Tenant) -> None:
    assert theirs.project in {project.id for project in await api.ledger.projects()}
    assert [key.id for key in await api.ledger.keys(theirs.project)] == [theirs.key_id]
    assert (await api.ledger.keys(theirs.project))[0].limits == KeyLimits()
    for job in (theirs.request, theirs.delivery):
        assert await api.ledger.get(JobId(job)) is not None


async def test_lists_show_nothing_of_others(api: Front) -> None:
    ours, theirs = await tenant(api, "ours"), await tenant(api, "theirs")
    for path in ("", "/keys", "/requests", "/deliveries", "/usage", f"/requests?accessor={theirs.key_id}"):
        displayed = await api.call("GET", f"/v1/projects/{ours.project}{path}", key=ours.secret)
        assert displayed.status == 200
        for secret in (theirs.project, theirs.key_id, theirs.request, theirs.delivery):
            assert secret.encode() not in displayed.body, path
    assert [
        p["project_id"] for p in (await api.call("GET", "/v1/projects", key=ours.secret)).json()["projects"]
    ] == [ours.project]


async def test_a_foreign_credential_opens_no_route_and_no_socket(api: Front) -> None:
    for method, path in routes(api):
        if (method, path) in KEYLESS:
            continue
        for secret in (None, "f" * 40):
            answer = await ask(api, method, path, secret, project=api.project, key=NOWHERE, request=NOWHERE)
            assert answer.status == 401, (method, path)
    sockets = [r for r in application(api.services).routes if isinstance(r, WebSocketRoute)]
    assert {route.path for route in sockets} == {"/v1/listen", "/v2/listen"}
    for secret, status in (("f" * 40, 401), (await api.add_key("whatever"), 403)):
        for route in sockets:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await api.session.ws_connect(
                    api.url + route.path, headers={"Authorization": f"Token {secret}"}
                )
            assert refused.value.status == status


@pytest.mark.parametrize(
    "scopes", [("whatever",), (), ("Owner", "ADMIN", "owner "), ("operator",), ("token",)]
)
async def test_a_key_whose_scopes_nobody_knows_can_do_nothing(api: Front, scopes: tuple[str, ...]) -> None:
    key_id, secret = await key_in(api, api.project, *scopes)
    for method, path in routes(api):
        if (method, path) in KEYLESS:
            continue
        answer = await ask(api, method, path, secret, project=api.project, key=key_id, request=NOWHERE)
        assert answer.status == 403, (method, path)
        assert "permissions" in answer.body.decode().lower(), (method, path)


async def test_a_key_that_sees_its_own_requests_alone(api: Front) -> None:
    ours = await tenant(api, "ours")
    key_id, secret = await key_in(api, ours.project, "requests:own")
    request, delivery = await request_of(api, secret)
    project = f"/v1/projects/{ours.project}"

    async def get(path: str) -> Answered:
        return await api.call("GET", project + path, key=secret)

    assert [one["request_id"] for one in (await get("/requests")).json()["requests"]] == [request]
    assert (await get(f"/requests?accessor={ours.key_id}")).json()["requests"] == []
    assert [one["id"] for one in (await get("/deliveries")).json()["deliveries"]] == [delivery]
    assert [one["api_key"]["api_key_id"] for one in (await get("/keys")).json()["api_keys"]] == [key_id]
    assert (await get("/usage")).json()["results"][0]["requests"] == 1
    assert (await get(f"/requests/{request}/result")).status == 200
    others = {
        ("GET", f"/requests/{ours.request}"),
        ("GET", f"/requests/{ours.request}/result"),
        ("POST", f"/requests/{ours.request}/redeliver"),
        ("POST", f"/requests/{ours.request}/cancel"),
        ("DELETE", f"/requests/{ours.request}"),
        ("GET", f"/keys/{ours.key_id}"),
    }
    for method, path in others:
        foreign = await api.call(method, project + path, key=secret)
        unknown = await api.call(
            method, (project + path).replace(ours.request, NOWHERE).replace(ours.key_id, NOWHERE), key=secret
        )
        assert foreign.status == 404, (method, path)
        assert said(foreign) == said(unknown)
    many = {"state": "parked", "dry_run": True}
    await api.ledger.cancel(JobId(ours.delivery))
    many["state"] = "cancelled"
    counted = await api.call("POST", f"{project}/deliveries/redeliver", key=secret, json=many)
    assert counted.json()["matching"] == 0
    assert (await api.call("DELETE", f"{project}/requests/{request}", key=secret)).status == 200
    assert (await get(f"/requests/{request}")).status == 404


async def test_who_waits_for_what_is_erased_learns_that_it_was_cancelled(api: Front) -> None:
    requested = asyncio.create_task(api.call("POST", "/v1/listen", data=b"RIFF"))
    lease = await api.claim()
    erased = await api.call("DELETE", f"/v1/projects/{api.project}/requests/{lease.job.id}")
    assert erased.status == 200
    answer = await requested
    assert (answer.status, answer.json()["err_code"]) == (409, "REQUEST_CANCELLED")
    assert await api.ledger.get(lease.job.id) is None


async def test_a_member_sees_others_requests_but_does_not_erase_them(api: Front) -> None:
    ours = await tenant(api, "ours")
    _, secret = await key_in(api, ours.project, "member")
    path = f"/v1/projects/{ours.project}/requests/{ours.request}"
    assert (await api.call("GET", path, key=secret)).status == 200
    assert (await api.call("DELETE", path, key=secret)).status == 403
    assert (await api.call("DELETE", path, key=ours.secret)).status == 200


class TestKeys:
    async def test_secrets_of_others_are_not_for_those_who_manage_keys(self, api: Front) -> None:
        keys = f"/v1/projects/{api.project}/keys"
        own, secret = await key_in(api, api.project, "keys:write")
        member, _ = await key_in(api, api.project, "member")
        for method in ("GET", "POST"):
            assert (await api.call(method, f"{keys}/{own}/signing-secret", key=secret)).status == 200
            assert (await api.call(method, f"{keys}/{member}/signing-secret", key=secret)).status == 403
            assert (await api.call(method, f"{keys}/{member}/signing-secret")).status == 200

    @pytest.mark.parametrize("scope", ["keys:write", "admin"])
    async def test_an_owners_key_is_an_owners_alone(self, api: Front, scope: str) -> None:
        owner, _ = await key_in(api, api.project, "member", "owner")
        _, secret = await key_in(api, api.project, scope)
        path = f"/v1/projects/{api.project}/keys/{owner}"
        limits = {"limits": {"requests": 1}}
        assert (await api.call("PATCH", path, key=secret, json=limits)).status == 403
        assert (await api.call("DELETE", path, key=secret)).status == 403
        for method in ("GET", "POST"):
            assert (await api.call(method, f"{path}/signing-secret", key=secret)).status == 403
        assert (await api.call("PATCH", path, json=limits)).status == 200
        assert (await api.call("DELETE", path)).status == 200

    async def test_the_key_of_the_settings_is_ended_there(self, api: Front) -> None:
        operators = ApiKey(operators_key_id(api.project), api.project, "", ("owner",), (), 1.0, None)
        await api.ledger.add_key(operators, secret_hash("settings"))
        path = f"/v1/projects/{api.project}/keys/{operators.id}"
        refused = await api.call("DELETE", path)
        assert (refused.status, refused.json()["category"]) == (409, "KEY_IN_SETTINGS")
        _, admin = await key_in(api, api.project, "keys:write")
        assert (await api.call("DELETE", path, key=admin)).status == 403
        assert (await api.call("GET", "/v1/projects", key="settings")).status == 200

    @pytest.mark.parametrize("scope", ["keys:write", "admin", "owner"])
    async def test_nobody_lifts_their_own_limits(self, api: Front, scope: str) -> None:
        ours = await tenant(api, "ours")
        keys = f"/v1/projects/{ours.project}/keys"
        key_id, secret = await key_in(api, ours.project, scope, limits=KeyLimits(requests=2))
        other, _ = await key_in(api, ours.project, "member", limits=KeyLimits(requests=1))

        async def limit(key: str, requests: int | None) -> int:
            body = {"limits": {"requests": requests}}
            return (await api.call("PATCH", f"{keys}/{key}", key=secret, json=body)).status

        assert [await limit(key_id, requests) for requests in (3, 0, None, 2, 1, 2)] == [
            403, 403, 403, 200, 200, 403,
        ]  # fmt: skip
        assert [await limit(other, requests) for requests in (2, 0, 1)] == [403, 403, 200]
        made = await api.call("POST", keys, key=secret, json={"scopes": [scope]})
        key = {key.id: key for key in await api.ledger.keys(ours.project)}[made.json()["api_key_id"]]
        assert key.limits == KeyLimits(requests=1)
        assert (await api.call("PATCH", f"{keys}/{key_id}", json={"limits": {"requests": 0}})).status == 200


async def test_a_token_may_transcribe_and_nothing_else(api: Front) -> None:
    token = (await api.call("POST", "/v1/auth/grant")).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    for method, path in routes(api):
        if (method, path) in KEYLESS or path in ("/v1/listen", "/v1/read", "/v1/audio/transcriptions"):
            continue
        filled = path.format(
            project_id=api.project, key_id=NOWHERE, request_id=NOWHERE, model_id=NOWHERE, model=NOWHERE
        )
        answer = await api.call(method, filled, headers=bearer, json=BODIES.get((method, path)))
        assert answer.status == 403, (method, path)
    listen = await api.call(
        "POST", "/v1/listen?callback=http%3A%2F%2F127.0.0.1:9%2F", headers=bearer, data=b"RIFF"
    )
    assert listen.status == 200


class TestProjects:
    async def test_an_operator_makes_names_and_deletes_them(self, api: Front) -> None:
        made = await api.call("POST", "/v1/projects", json={"name": "a tenant"})
        assert (made.status, made.json()["name"]) == (200, "a tenant")
        path = f"/v1/projects/{made.json()['project_id']}"
        listed = (await api.call("GET", "/v1/projects")).json()["projects"]
        assert [project["project_id"] for project in listed] == [api.project, made.json()["project_id"]]
        assert (await api.call("PATCH", path, json={"name": "another name"})).status == 200
        assert (await api.call("GET", path)).json()["name"] == "another name"
        taken = await api.call("POST", "/v1/projects", json={"name": "another name"})
        assert (taken.status, taken.json()["category"]) == (409, "PROJECT_NAME_TAKEN")
        key = await api.call("POST", f"{path}/keys", json={"scopes": ["owner"]})
        assert key.status == 200
        secret = key.json()["key"]
        assert (await api.call("GET", path, key=secret)).status == 200
        assert (await api.call("DELETE", path)).status == 200
        assert (await api.call("GET", path, key=secret)).status == 401
        assert (await api.call("DELETE", path)).status == 404
        assert (await api.call("GET", f"{path}/keys")).status == 404

    async def test_the_first_one_stays(self, api: Front) -> None:
        refused = await api.call("DELETE", f"/v1/projects/{api.project}")
        assert (refused.status, refused.json()["category"]) == (409, "FIRST_PROJECT")

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[2J", "x" * 201, NOWHERE, "tail "])
    async def test_a_name_can_be_shown(self, api: Front, name: str) -> None:
        assert (await api.call("POST", "/v1/projects", json={"name": name})).status == 400

    async def test_tenants_manage_none(self, api: Front) -> None:
        ours = await tenant(api, "ours")
        path = f"/v1/projects/{ours.project}"
        for method, requested, body in (
            ("POST", "/v1/projects", {"name": "more"}),
            ("PATCH", path, {"name": "more"}),
            ("DELETE", path, None),
        ):
            for secret in (ours.secret, (await key_in(api, api.project, "admin"))[1]):
                answer = await api.call(method, requested, key=secret, json=body)
                own = secret == ours.secret or requested == "/v1/projects"
                assert answer.status == (403 if own else 404)

    async def test_an_operator_does_not_read_what_tenants_ask(self, api: Front) -> None:
        ours = await tenant(api, "ours")
        path = f"/v1/projects/{ours.project}"
        for requested in ("/requests", f"/requests/{ours.request}", "/deliveries", "/usage"):
            assert (await api.call("GET", path + requested)).status == 404
        assert (await api.call("GET", f"{path}/requests/{ours.request}/result")).status == 404
        secrets = await api.call("GET", f"{path}/keys/{ours.key_id}/signing-secret")
        assert secrets.status == 404
