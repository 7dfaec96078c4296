"""Results sent again, sent elsewhere, cancelled; lists of deliveries; and who may do that."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import DeliveryOrder, callback_context, order_of, webhook_id_of
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.callbacks.order import RequestOrder
from ringback.jobs.job import Attempt, Done, GivenUp, Interrupted, JobId, Retry, Signal
from ringback.listen.json_parts import ModelMetadata
from ringback.listen.live_messages import LiveMessages, StreamMetadata
from ringback.listen.options import ListenOptions
from ringback.server import history_routes, request_command_routes
from ringback.streaming.record import StreamResult, record_job
from support.front import DOCUMENT, Front, front
from support.redelivery import (
    ELSEWHERE,
    NOWHERE,
    SECRET_URL,
    ended,
    get,
    keeps_secrets,
    parked,
    post,
    redeliver,
    submit,
    the,
    transcribed,
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


METADATA = (
    LiveMessages(
        ListenOptions(),
        StreamMetadata(
            "00000000-0000-4000-8000-00000000000a", 0.0, (ModelMetadata("uuid", "name", "1", "whisper"),)
        ),
    )
    .metadata("0" * 64, 0.0, 0)
    .decode()
)
"""What a stream leaves."""


async def test_a_parked_delivery_is_due_again_under_its_own_id(api: Front) -> None:
    request, delivery = await parked(api)
    answer = await redeliver(api, request)
    assert answer.status == 200
    assert answer.json()["deliveries"] == [{"id": delivery.id, "state": "queued"}]
    (lease,) = await api.ledger.claim(DELIVER, 1, 60)
    assert (lease.job.id, lease.job.tries) == (delivery.id, 0)
    again = await redeliver(api, request)
    assert (again.status, again.json()["category"]) == (409, "DELIVERY_NOT_ENDED")


async def test_the_latest_attempts_of_all_deliveries_are_shown(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, first = await parked(api)
    elsewhere = (await redeliver(api, request, {"url": "http://127.0.0.1:8443/other"})).json()["deliveries"][
        0
    ]["id"]
    await api.ledger.requeue(first.id)
    for number in range(6):
        for lease in await api.ledger.claim(DELIVER, 9, 60):
            attempt = Attempt(number, number, "server_error", 500)
            assert await api.ledger.settle(lease, Retry(0.0, 500, attempt))
    monkeypatch.setattr(history_routes, "ATTEMPTS_SHOWN", 8)
    deliveries = (await get(api, f"requests/{request.id}")).json()["request"]["ringback"]["deliveries"]
    assert [(each["id"], len(each["attempts"])) for each in deliveries] == [(first.id, 2), (elsewhere, 6)]
    assert [each["started"][17:19] for each in deliveries[0]["attempts"]] == ["04", "05"]


async def test_what_waits_behind_a_breaker_is_shown_so(api: Front) -> None:
    made = [await transcribed(api) for _ in range(6)]
    for _ in range(5):
        lease, *others = await api.ledger.claim(DELIVER, 64, 60)
        assert await api.ledger.settle(lease, Retry(30.0, 500, signal=Signal.BAD))
        for other in others:
            assert await api.ledger.settle(other, Interrupted())
    untried = [request for request, job in made if job and (await the(api, job)).tries == 0]
    listed = (await get(api, "deliveries?state=waiting")).json()["deliveries"]
    displayed = (await get(api, f"requests/{untried[0].id}")).json()["ringback"]["deliveries"]
    assert len(listed) == 6
    for delivery in (displayed[0], *[each for each in listed if each["tries"] == 0]):
        assert (delivery["state"], delivery["code"]) == ("queued", None)
        assert (delivery["waiting"]["reason"], delivery["waiting"]["failures"]) == ("breaker", 5)
        until = datetime.fromisoformat(delivery["waiting"]["until"]).timestamp()
        assert until > api.services.clock.now()
        assert delivery["next_attempt_at"] == delivery["waiting"]["until"]
    retried = [each["waiting"]["reason"] for each in listed if each["tries"] > 0]
    assert set(retried) == {"schedule"}


async def test_a_delivered_result_is_sent_again_as_the_same_webhook(api: Front) -> None:
    request, delivery = await ended(api, Done, 200)
    (sent,) = (await redeliver(api, request)).json()["deliveries"]
    (lease,) = await api.ledger.claim(DELIVER, 1, 60)
    assert lease.job.id == sent["id"] != delivery.id
    order = order_of(lease.job)
    assert (order.webhook_id, order.body, order.url) == (
        delivery.id,
        StoredDocument(inline=DOCUMENT.decode()),
        order_of(delivery).url,
    )
    assert (lease.job.lane, lease.job.tags) == (delivery.lane, ("a",))
    assert await api.ledger.settle(lease, Done(200))
    third = await redeliver(api, request)
    latest = await api.ledger.get(third.json()["deliveries"][0]["id"])
    assert latest is not None
    assert webhook_id_of(order_of(latest), latest) == delivery.id


async def test_an_owner_sends_it_elsewhere(api: Front) -> None:
    request, delivery = await parked(api)
    answer = await redeliver(api, request, {"url": ELSEWHERE, "method": "PUT"})
    (lease,) = await api.ledger.claim(DELIVER, 1, 60)
    order = order_of(lease.job)
    assert api.services.seal.open(order.url, callback_context(request.id)) == ELSEWHERE
    assert (order.destination, order.method, order.webhook_id) == (
        "http://127.0.0.1:9000",
        "PUT",
        delivery.id,
    )
    assert lease.job.lane == f"http://127.0.0.1:9000 {api.project}"
    assert keeps_secrets(answer)


async def test_a_request_without_a_callback_gets_one(api: Front) -> None:
    lease = await submit(api, None)
    await api.finish(lease)
    refused = await redeliver(api, lease.job)
    assert (refused.status, refused.json()["category"]) == (409, "NO_CALLBACK")
    assert (await redeliver(api, lease.job, {"url": ELSEWHERE})).status == 200
    (sent,) = await api.ledger.claim(DELIVER, 1, 60)
    order = order_of(sent.job)
    assert (order.status, order.webhook_id, order.method) == (200, None, "POST")
    assert order.body == StoredDocument(inline=DOCUMENT.decode())


async def test_a_url_is_admitted_as_at_submit(api: Front) -> None:
    request, _ = await parked(api)
    for url in ("http://10.0.0.1/", "ftp://127.0.0.1/", "nonsense"):
        assert (await redeliver(api, request, {"url": url})).status == 400


@pytest.mark.parametrize(
    ("body", "status", "category"),
    [
        ({"delivery_id": NOWHERE}, 404, "DELIVERY_NOT_FOUND"),
        ({"method": "PUT"}, 400, "PAYLOAD_ERROR"),
        ({"urll": ELSEWHERE}, 400, "PAYLOAD_ERROR"),
    ],
)
async def test_a_redelivery_that_makes_no_sense(api: Front, body: Any, status: int, category: str) -> None:
    request, _ = await parked(api)
    answer = await redeliver(api, request, body)
    assert (answer.status, answer.json()["category"]) == (status, category)


async def test_what_has_no_result_cannot_be_sent(api: Front) -> None:
    lease = await submit(api)
    assert (await redeliver(api, lease.job)).json()["category"] == "REQUEST_NOT_ENDED"
    assert (await redeliver(api, lease.job, {"url": ELSEWHERE})).json()["category"] == "REQUEST_NOT_ENDED"
    assert await api.ledger.cancel(lease.job.id)
    assert (await redeliver(api, lease.job)).json()["category"] == "REQUEST_CANCELLED"
    assert (await redeliver(api, lease.job, {"url": ELSEWHERE})).json()["category"] == "NO_RESULT"
    nobodys = await post(api, f"requests/{NOWHERE}/redeliver")
    assert (nobodys.status, nobodys.json()["category"]) == (404, "REQUEST_NOT_FOUND")


async def test_a_recording_that_was_given_up_is_tried_again(api: Front) -> None:
    lease = await submit(api)
    assert await api.ledger.settle(lease, GivenUp())
    assert (await redeliver(api, lease.job)).status == 200
    assert (await api.claim()).job.id == lease.job.id


async def test_rights(api: Front) -> None:
    request, _ = await parked(api)
    token = (await api.call("POST", "/v1/auth/grant")).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    member, reader = await api.add_key("member"), await api.add_key("keys:write")
    for path in ("result", "redeliver", "cancel"):
        method = "GET" if path == "result" else "POST"
        whole = f"/v1/projects/{api.project}/requests/{request.id}/{path}"
        assert (await api.call(method, whole, key=reader)).status == 403
        assert (await api.call(method, whole, headers=bearer)).status == 403
    assert (await get(api, f"requests/{request.id}/result", key=member)).status == 200
    assert (await redeliver(api, request, {"url": ELSEWHERE}, key=member)).status == 403
    assert (await redeliver(api, request, key=member)).status == 200
    admin = await api.add_key("admin")
    assert (await redeliver(api, request, {"url": ELSEWHERE}, key=admin)).status == 200


async def test_a_request_is_cancelled_wherever_it_is(api: Front) -> None:
    lease = await submit(api)
    answer = await post(api, f"requests/{lease.job.id}/cancel")
    assert answer.json() == {"request_id": lease.job.id, "cancelled": [lease.job.id]}
    request, delivery = await transcribed(api)
    assert delivery is not None
    answer = await post(api, f"requests/{request.id}/cancel")
    assert answer.json()["cancelled"] == [delivery.id]
    again = await post(api, f"requests/{request.id}/cancel")
    assert (again.status, again.json()["category"]) == (409, "REQUEST_ENDED")
    assert (await get(api, f"requests/{request.id}")).json()["request"]["ringback"]["deliveries"][0][
        "state"
    ] == "cancelled"


async def test_deliveries_are_listed_by_what_became_of_them(api: Front) -> None:
    _, given_up = await parked(api, tag="x")
    _, delivered = await ended(api, Done, 200)
    _, waiting = await transcribed(api, callback=ELSEWHERE)
    assert waiting is not None
    (lease,) = await api.ledger.claim(DELIVER, 1, 60)
    assert await api.ledger.settle(lease, Retry(60.0, 503))

    async def ids(query: str) -> list[str]:
        answer = await get(api, f"deliveries?{query}")
        assert answer.status == 200
        assert keeps_secrets(answer)
        return [record["id"] for record in answer.json()["deliveries"]]

    assert await ids("") == [waiting.id, delivered.id, given_up.id]
    assert await ids("state=parked") == [given_up.id]
    assert await ids("state=delivered&state=waiting") == [waiting.id, delivered.id]
    assert await ids("state=running") == await ids("state=cancelled") == []
    assert await ids("destination=http://127.0.0.1:9000") == [waiting.id]
    assert await ids("destination=http%3A%2F%2F127.0.0.1%3A8443%2Fany%3Fpath") == [delivered.id, given_up.id]
    assert await ids("code=500") == [given_up.id]
    assert await ids("tag=x") == [given_up.id]
    assert await ids("end=2001-01-01") == []
    first = (await get(api, "deliveries?limit=2")).json()
    rest = (await get(api, f"deliveries?limit=2&before={first['next']}")).json()
    assert [record["id"] for record in rest["deliveries"]] == [given_up.id]
    assert rest["next"] is None
    (displayed,) = rest["deliveries"]
    assert (displayed["state"], displayed["destination"], displayed["code"], displayed["tries"]) == (
        "parked",
        "http://127.0.0.1:8443",
        500,
        1,
    )
    assert (displayed["webhook_id"], displayed["kept"], displayed["tags"]) == (given_up.id, True, ["x"])


@pytest.mark.parametrize(
    "query",
    [
        "state=odd",
        "destination=nowhere",
        "code=7",
        "before=odd",
        f"before={'9' * 40}",
        "limit=0",
        "start=soon",
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(api: Front, query: str) -> None:
    answer = await get(api, f"deliveries?{query}")
    assert (answer.status, answer.json()["category"]) == (400, "INVALID_QUERY_PARAMETER")


async def test_many_are_sent_again_after_a_dry_run(api: Front) -> None:
    down = [(await parked(api))[1].id for _ in range(3)]
    other = (await parked(api, callback=ELSEWHERE))[1]
    _, delivered = await ended(api, Done, 200)
    where = {"destination": "http://127.0.0.1:8443"}
    dry = (await post(api, "deliveries/redeliver", {**where, "dry_run": True})).json()
    assert dry == {"dry_run": True, "matching": 3, "first": down[::-1], "next": None}
    done = (await post(api, "deliveries/redeliver", where)).json()
    assert done == {"redelivered": 3, "skipped": 0, "next": None}
    assert [lease.job.id for lease in await api.ledger.claim(DELIVER, 9, 60)] == down[::-1][::-1]
    assert (await the(api, other)).state == "parked"
    again = (await post(api, "deliveries/redeliver", {"state": "delivered"})).json()
    assert again["redelivered"] == 1
    (lease,) = await api.ledger.claim(DELIVER, 9, 60)
    assert order_of(lease.job).webhook_id == delivered.id


async def test_many_end_at_a_bound_and_go_on_from_there(api: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_command_routes, "DELIVERIES_PER_PAGE", 2)
    monkeypatch.setattr(request_command_routes, "MOST_DELIVERIES", 3)
    for _ in range(5):
        await parked(api)
    first = (await post(api, "deliveries/redeliver", {})).json()
    assert (first["redelivered"], first["next"] is None) == (3, False)
    rest = (await post(api, "deliveries/redeliver", {"before": first["next"]})).json()
    assert rest == {"redelivered": 2, "skipped": 0, "next": None}


@pytest.mark.parametrize(
    "body", [{"destinatoin": "x"}, {"state": "waiting"}, {"code": 7}, {"start": "soon"}, {"before": "odd"}]
)
async def test_a_misspelt_filter_sends_nothing(api: Front, body: Any) -> None:
    _, delivery = await parked(api)
    assert (await post(api, "deliveries/redeliver", body)).status == 400
    assert (await the(api, delivery)).state == "parked"


async def test_many_without_a_body_sends_nothing(api: Front) -> None:
    """Its filter, or its `dry_run`, may have been lost on the way."""
    _, delivery = await parked(api)
    answer = await api.call("POST", f"/v1/projects/{api.project}/deliveries/redeliver")
    assert (answer.status, answer.json()["category"]) == (400, "INVALID_JSON")
    assert (await the(api, delivery)).state == "parked"


@pytest.mark.parametrize("many", [False, True])
async def test_a_streams_responses_come_back_in_their_order(
    api: Front, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    monkeypatch.setattr(request_command_routes, "DELIVERIES_PER_PAGE", 2)
    stream = JobId("00000000-0000-4000-8000-00000000000a")
    record = record_job(RequestOrder(ListenOptions(), "tiny.en"), stream, project=api.project, accessor="k")
    lease = await api.ledger.begin(record, 60)
    sealed = api.services.seal.seal(SECRET_URL, callback_context(stream))
    responses = []
    for number in range(5):
        order = DeliveryOrder(
            stream,
            sealed,
            "POST",
            200,
            "k",
            StoredDocument(inline=str(number)),
            destination="http://127.0.0.1:8443",
        )
        job = replace(delivery_job(order, project=api.project, accessor="k"), sequence=stream)
        await api.ledger.add([job])
        responses.append(job.id)
    assert await api.ledger.settle(
        lease, Done(200, msgspec.json.encode(StreamResult(StoredDocument(inline=METADATA))))
    )
    (first,) = await api.ledger.claim(DELIVER, 9, 60)
    assert await api.ledger.settle(first, GivenUp(500))

    if many:
        answer = await post(api, "deliveries/redeliver", {})
        assert answer.json()["redelivered"] == 5
    else:
        answer = await post(api, f"requests/{stream}/redeliver")
        assert [delivery["id"] for delivery in answer.json()["deliveries"]] == responses
    for expected in responses:
        (lease,) = await api.ledger.claim(DELIVER, 9, 60)
        assert lease.job.id == expected
        assert await api.ledger.settle(lease, Done(200))
    assert (await get(api, f"requests/{stream}/result")).body == METADATA.encode()
    assert (await get(api, f"requests/{stream}")).json()["request"]["callback"]["code"] == 200


async def test_a_stream_is_cancelled_with_its_responses(api: Front) -> None:
    stream = JobId("00000000-0000-4000-8000-00000000000a")
    record = record_job(RequestOrder(ListenOptions(), "tiny.en"), stream, project=api.project, accessor="k")
    await api.ledger.begin(record, 60)
    sealed = api.services.seal.seal(SECRET_URL, callback_context(stream))
    order = DeliveryOrder(
        stream, sealed, "POST", 200, "k", StoredDocument(inline="x"), destination="http://127.0.0.1:8443"
    )
    jobs = [
        replace(delivery_job(order, project=api.project, accessor="k"), sequence=stream) for _ in range(3)
    ]
    await api.ledger.add(jobs)
    answer = await post(api, f"requests/{stream}/cancel")
    assert answer.json()["cancelled"] == [stream, *(job.id for job in jobs)]
