"""Projects, keys, history, models and status over a real ledger and real sockets."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.api_calls import NOWHERE, get
from support.front import OWNER, Front, front


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def test_a_key_sees_its_own_project(api: Front) -> None:
    listed = (await get(api, "/v1/projects")).json()["projects"]
    assert [project["project_id"] for project in listed] == [api.project]
    one = (await get(api, "{project}")).json()
    assert (one["project_id"], one["name"]) == (api.project, listed[0]["name"])
    assert (await get(api, "{project}/balances")).json() == {"balances": []}
    for name, field in (("members", "members"), ("invites", "invites"), ("purchases", "orders")):
        assert (await get(api, f"{{project}}/{name}")).json() == {field: []}
    credentials = await get(api, "{project}/self-hosted/distribution/credentials")
    assert credentials.json() == {"distribution_credentials": []}
    fields = (await get(api, "{project}/billing/fields")).json()
    assert fields == {"accessors": [], "deployments": [], "tags": [], "line_items": {}}
    billed = (await get(api, "{project}/billing/breakdown?start=2026-11-01&end=2026-11-30")).json()
    assert (billed["start"], billed["end"], billed["results"]) == ("2026-11-01", "2026-11-30", [])


@pytest.mark.parametrize(
    ("method", "path", "status", "details"),
    [
        ("POST", "{project}/invites", 405, "POST /v1/projects/{project_id}/keys"),
        ("DELETE", "{project}/invites/a@b.example", 404, "POST /v1/projects/{project_id}/keys"),
        ("DELETE", f"{{project}}/members/{NOWHERE}", 404, "/v1/projects/{project_id}/keys"),
        ("GET", f"{{project}}/members/{NOWHERE}/scopes", 404, "Keys are all"),
        ("PUT", f"{{project}}/members/{NOWHERE}/scopes", 404, "Keys are all"),
        ("DELETE", "{project}/leave", 404, "Delete the key"),
        ("GET", f"{{project}}/balances/{NOWHERE}", 404, "/usage"),
        ("POST", "{project}/self-hosted/distribution/credentials", 405, "behind a login"),
        ("GET", f"{{project}}/self-hosted/distribution/credentials/{NOWHERE}", 404, "behind a login"),
        ("GET", "{project}/agents", 404, "POST /v1/listen"),
        ("POST", "/v1/speak", 404, "POST /v1/listen"),
    ],
)
async def test_what_deepgram_has_and_we_have_not_says_why(
    api: Front, method: str, path: str, status: int, details: str
) -> None:
    path = path.replace("{project}", f"/v1/projects/{api.project}")
    answer = await api.call(method, path, key=OWNER)
    assert answer.status == status
    assert details in answer.json()["details"]
    assert answer.json()["message"] not in ("", "There is nothing at this path.")


@pytest.mark.parametrize(
    ("path", "category", "message"),
    [
        (f"/v1/projects/{NOWHERE}", "PROJECT_NOT_FOUND", "Project not found."),
        (f"/v1/projects/{NOWHERE}/requests", "PROJECT_NOT_FOUND", "Project not found."),
        ("/v1/projects/lost/keys", "NOT_FOUND", "UUID parsing failed"),
        (f"{{project}}/requests/{NOWHERE}", "REQUEST_NOT_FOUND", "Request not found."),
        ("{project}/requests/lost", "NOT_FOUND", "UUID parsing failed"),
        (f"{{project}}/keys/{NOWHERE}", "KEY_NOT_FOUND", "API key not found."),
        (f"/v1/models/{NOWHERE}", "MODEL_NOT_FOUND", "Model not found."),
        ("/v1/parrot", "NOT_FOUND", "nothing at this path"),
        ("/v1/listen/", "NOT_FOUND", "nothing at this path"),
    ],
)
async def test_what_is_not_there_is_reported_in_the_modern_form(
    api: Front, path: str, category: str, message: str
) -> None:
    answer = await get(api, path)
    document = answer.json()
    assert (answer.status, document["category"]) == (404, category)
    assert message in document["message"]
    assert set(document) == {"category", "message", "details", "request_id"}
    assert document["request_id"] == answer.headers["dg-request-id"]
    assert answer.headers["dg-error"] == document["message"]


async def test_a_wrong_method_says_which_are_right(api: Front) -> None:
    answer = await get(api, "/v1/listen")
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["err_code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/projects",
        "{project}",
        "{project}/keys",
        "{project}/requests",
        "{project}/usage",
        "/v1/auth/token",
    ],
)
async def test_no_key_no_answer(api: Front, path: str) -> None:
    answer = await get(api, path, key="c" * 40)
    assert (answer.status, answer.json()["category"]) == (401, "INVALID_AUTH")


async def test_a_key_lives_from_creation_to_deletion(api: Front) -> None:
    made = await api.call(
        "POST",
        f"/v1/projects/{api.project}/keys",
        json={"comment": "for tests", "scopes": ["member"], "tags": ["t"], "time_to_live_in_seconds": 3600},
    )
    assert made.status == 200
    created = made.json()
    key_id, secret = created["api_key_id"], created["key"]
    assert (created["comment"], created["scopes"], created["tags"]) == ("for tests", ["member"], ["t"])
    lifetime = datetime.fromisoformat(created["expiration_date"]) - datetime.now(UTC)
    assert 3500 < lifetime.total_seconds() <= 3600

    known = (await get(api, "/v1/auth/token", key=secret)).json()
    assert (known["api_key_id"], known["scopes"]) == (key_id, ["member"])
    listed = (await get(api, "{project}/keys")).json()["api_keys"]
    assert key_id in [entry["api_key"]["api_key_id"] for entry in listed]
    assert secret.encode() not in (await get(api, "{project}/keys")).body
    one = (await get(api, f"{{project}}/keys/{key_id}")).json()
    assert one["item"]["member"]["api_key"] == one["api_key"]
    assert one["api_key"]["api_key_id"] == key_id

    deleted = await api.call("DELETE", f"/v1/projects/{api.project}/keys/{key_id}")
    assert (deleted.status, list(deleted.json())) == (200, ["message"])
    assert (await get(api, "/v1/projects", key=secret)).status == 401
    again = await api.call("DELETE", f"/v1/projects/{api.project}/keys/{key_id}")
    assert again.status == 404


async def test_a_key_ends_on_its_date(api: Front) -> None:
    now = api.services.clock.now()
    living, dead = (
        await api.add_key("member", expires_at=now + 60),
        await api.add_key("member", expires_at=now),
    )
    assert (await get(api, "/v1/projects", key=living)).status == 200
    assert (await get(api, "/v1/projects", key=dead)).status == 401
    assert len((await get(api, "{project}/keys?status=expired")).json()["api_keys"]) == 1
    assert len((await get(api, "{project}/keys?status=active")).json()["api_keys"]) == 2


@pytest.mark.parametrize(
    ("holder", "expected", "status"),
    [
        (("owner",), ["owner"], 200),
        (("admin",), ["admin"], 200),
        (("admin",), ["owner"], 403),
        (("keys:write",), ["member"], 403),
        (("member",), ["member"], 403),
        ((), ["member"], 403),
    ],
)
async def test_nobody_gives_away_more_than_they_have(
    api: Front, holder: tuple[str, ...], expected: list[str], status: int
) -> None:
    key = await api.add_key(*holder)
    path = f"/v1/projects/{api.project}/keys"
    answer = await api.call("POST", path, key=key, json={"comment": "", "scopes": expected})
    assert answer.status == status
    if status == 403:
        assert answer.json()["category"] == "INSUFFICIENT_PERMISSIONS"
        assert answer.json()["message"] == "User does not have sufficient permissions."


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (None, "INVALID_JSON"),
        (b"", "INVALID_JSON"),
        (b" ", "INVALID_JSON"),
        (b"null", "PAYLOAD_ERROR"),
        (b"[]", "PAYLOAD_ERROR"),
        (b"{", "INVALID_JSON"),
        (b'{"scopes": []}', "PAYLOAD_ERROR"),
        (b'{"comment": 3}', "PAYLOAD_ERROR"),
        (b'{"time_to_live_in_seconds": -1}', "PAYLOAD_ERROR"),
        (b'{"expiration_date": "2001-01-01T00:00:00Z"}', "PAYLOAD_ERROR"),
        (b'{"expiration_date": "9999-12-31T23:59:59.999999Z"}', "PAYLOAD_ERROR"),
        (b'{"comment": "\\ud800"}', "INVALID_JSON"),
        (b'{"expiration_date": "2101-01-01T00:00:00Z", "time_to_live_in_seconds": 5}', "PAYLOAD_ERROR"),
    ],
)
async def test_a_key_that_cannot_be_made(api: Front, body: bytes | None, category: str) -> None:
    before = await api.ledger.keys(api.project)
    answer = await api.call("POST", f"/v1/projects/{api.project}/keys", data=body)
    assert (answer.status, answer.json()["category"]) == (400, category)
    assert await api.ledger.keys(api.project) == before


@pytest.mark.parametrize("ttl", [0, -1, 3601])
async def test_a_token_lives_an_hour_at_most(api: Front, ttl: int) -> None:
    assert (await api.call("POST", "/v1/auth/grant", json={"ttl_seconds": ttl})).status == 400


async def test_a_token_lives_half_a_minute_unless_asked(api: Front) -> None:
    assert (await api.call("POST", "/v1/auth/grant")).json()["expires_in"] == 30


@pytest.mark.parametrize("path", ["/v1/models", "{project}/models"])
async def test_models_tell_the_truth(api: Front, path: str) -> None:
    model = api.services.catalogue.models()[0]
    listed = (await get(api, path)).json()
    assert listed["tts"] == []
    assert (listed["stt"][0]["name"], listed["stt"][0]["uuid"]) == (model.name, model.uuid)
    assert listed["stt"][0]["batch"] is listed["stt"][0]["streaming"] is True
    assert (await get(api, f"{path}/{model.uuid}")).json() == listed["stt"][0]


async def test_models_need_no_key(api: Front) -> None:
    answer = await api.call("GET", "/v1/models?include_outdated=true", key=None)
    assert answer.status == 200


H2C = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}


async def test_an_offer_of_http_2_leaves_the_body_of_every_route_alone(api: Front) -> None:
    """As `curl --http2` and Java's HttpClient send it on cleartext."""
    expected = {"scopes": ["usage:read"], "time_to_live_in_seconds": 60}
    made = await api.call("POST", f"/v1/projects/{api.project}/keys", headers=H2C, json=expected)
    assert (made.status, made.json()["scopes"]) == (200, ["usage:read"])
    assert made.json()["expiration_date"] is not None
    token = await api.call("POST", "/v1/auth/grant", headers=H2C, json={"ttl_seconds": 77})
    assert token.json()["expires_in"] == 77
    path = f"/v1/projects/{api.project}/deliveries/redeliver"
    assert (await api.call("POST", path, headers=H2C, json={"dry_run": True})).json()["dry_run"]
    assert (await api.call("POST", path, headers=H2C, json={"dry-run": True})).status == 400
