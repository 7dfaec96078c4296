"""The examples in docs/http.md are asked of a running server: their fields are its fields."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringback.jobs.job import GivenUp, Job
from support.front import Answered, Front, front
from support.redelivery import ended

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
PROJECT = "/v1/projects/{project_id}"


def examples(route: str) -> list[dict[str, Any]]:
    """The JSON documents below a route's heading, in their order; what is left out of them is no field."""
    section = PAGE.partition(f"\n### `{route}`\n")[2].partition("\n### ")[0]
    found = []
    for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL):
        text = re.sub(r", …|…, ", "", block).strip()
        while text:
            document, end = json.JSONDecoder().raw_decode(text)
            found.append(document)
            text = text[end:].strip()
    return found


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def call(api: Front, method: str, path: str, body: Any = None) -> dict[str, Any]:
    answer: Answered = await api.call(method, f"/v1/projects/{api.project}/{path}", json=body)
    assert answer.status == 200, answer.body
    document: dict[str, Any] = answer.json()
    return document


async def a_parked_delivery(api: Front) -> Job:
    _, delivery = await ended(api, GivenUp, 503, callback="https://127.0.0.1/hook", tag="night")
    return delivery


async def test_the_list_of_deliveries(api: Front) -> None:
    await a_parked_delivery(api)
    (reply,) = examples(f"GET {PROJECT}/deliveries")
    (listed,) = (await call(api, "GET", "deliveries"))["deliveries"]
    assert list(listed) == list(reply["deliveries"][0])
    same = ("state", "method", "status", "code", "schedule", "tags", "kept", "next_attempt_at")
    assert [listed[name] for name in same] == [reply["deliveries"][0][name] for name in same]


async def test_one_redelivery(api: Front) -> None:
    delivery = await a_parked_delivery(api)
    requested, reply = examples(f"POST {PROJECT}/requests/{{request_id}}/redeliver")
    requested |= {"delivery_id": delivery.id, "url": "https://127.0.0.1/other"}
    answered = await call(api, "POST", f"requests/{delivery.parent}/redeliver", requested)
    assert list(answered) == list(reply)
    assert list(answered["deliveries"][0]) == list(reply["deliveries"][0])


async def test_many_redeliveries(api: Front) -> None:
    await a_parked_delivery(api)
    dry, would, requested, done = examples(f"POST {PROJECT}/deliveries/redeliver")
    for question, reply in ((dry, would), (requested, done)):
        assert list(await call(api, "POST", "deliveries/redeliver", question)) == list(reply)


async def test_the_limits_of_a_key(api: Front) -> None:
    (key,) = await api.ledger.keys(api.project)
    requested, reply = examples(f"PATCH {PROJECT}/keys/{{key_id}}")
    answered = await call(api, "PATCH", f"keys/{key.id}", requested)
    assert answered["api_key"]["limits"] == reply["api_key"]["limits"] == requested["limits"]


async def test_a_tried_callback(api: Front) -> None:
    requested, reply = examples("POST /v1/callbacks/test")
    requested["url"] = "http://127.0.0.1:9/hook"
    answer = await api.call("POST", "/v1/callbacks/test", json=requested)
    assert list(answer.json()) == list(reply)
    assert list(answer.json()["steps"][0]) == list(reply["steps"][0])
