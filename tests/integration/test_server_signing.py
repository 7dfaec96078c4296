"""The routes about signatures: secrets for those who manage keys, the public key for everybody."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.front import Front, front
from support.logs import capture_logs

NOBODYS = "6f1c0d0e-0000-4000-8000-000000000001"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def place(api: Front) -> str:
    key = (await api.call("GET", "/v1/auth/token")).json()
    return f"/v1/projects/{api.project}/keys/{key['api_key_id']}/signing-secret"


async def test_a_secret_is_shown_and_kept_out_of_caches(api: Front) -> None:
    answer = await api.call("GET", await place(api))
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    (secret,) = answer.json()["signing_secrets"]
    assert secret["secret"].startswith("whsec_")
    assert secret["expires"] is None
    assert (await api.call("GET", await place(api))).json() == answer.json()


@pytest.mark.parametrize(
    ("body", "count"), [(None, 2), ({"overlap_seconds": 60}, 2), ({"overlap_seconds": 0}, 1)]
)
async def test_a_rotation_answers_with_what_signs_now(
    api: Front, body: dict[str, float] | None, count: int
) -> None:
    (before,) = (await api.call("GET", await place(api))).json()["signing_secrets"]
    with capture_logs() as events:
        after = (await api.call("POST", await place(api), json=body)).json()["signing_secrets"]
    assert len(after) == count
    assert after[0]["secret"] != before["secret"]
    assert [each["secret"] for each in after[1:]] == [before["secret"]] * (count - 1)
    assert all(each["expires"] is not None for each in after[1:])
    assert [each["event"] for each in events] == ["signing_secret.rotated"]
    assert "whsec_" not in str(events)


@pytest.mark.parametrize("overlap", [-1, 2_592_001, "1h", None])
async def test_an_overlap_that_is_none_is_refused(api: Front, overlap: object) -> None:
    answer = await api.call("POST", await place(api), json={"overlap_seconds": overlap})
    assert (answer.status, answer.json()["category"]) == (400, "PAYLOAD_ERROR")


async def test_it_is_for_those_who_manage_keys_of_this_project(api: Front) -> None:
    member = await api.add_key("member")
    for method in ("GET", "POST"):
        assert (await api.call(method, await place(api), key=None)).status == 401
        assert (await api.call(method, await place(api), key=member)).status == 403
        other = (await place(api)).replace(api.project, NOBODYS)
        assert (await api.call(method, other)).status == 404
        unknown = f"/v1/projects/{api.project}/keys/{NOBODYS}/signing-secret"
        answer = await api.call(method, unknown)
        assert (answer.status, answer.json()["category"]) == (404, "KEY_NOT_FOUND")


async def test_the_public_key_is_for_all(api: Front) -> None:
    answer = await api.call("GET", "/.well-known/ringback/webhook-keys", key=None)
    assert answer.status == 200
    assert answer.json() == {"keys": await api.services.signers.public_keys()}
    assert "max-age" in answer.headers["cache-control"]
