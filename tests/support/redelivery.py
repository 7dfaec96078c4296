"""Requests with deliveries in every state, over a real server and ledger, and the routes that act on them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import msgspec

from ringback.blobs import INLINE_LIMIT, StoredDocument
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.jobs.job import Attempt, Done, GivenUp, Job, Lease
from ringback.transcription.request import TranscriptionResult, document_key
from ringback.transcription.request import order_of as ordered
from support.front import DOCUMENT, Answered, Front

SECRET_URL = "http://user:secret@127.0.0.1:8443/private?token=1"
ELSEWHERE = "http://127.0.0.1:9000/other?token=2"
NOWHERE = "00000000-0000-4000-8000-000000000000"


async def submit(api: Front, callback: str | None = SECRET_URL, tag: str = "a") -> Lease:
    query = f"tag={tag}" + ("" if callback is None else f"&callback={quote(callback, safe='')}")
    sent = asyncio.create_task(api.call("POST", f"/v1/listen?{query}", data=b"RIFF"))
    lease = await api.claim()
    if callback is not None:
        assert (await sent).status == 200
    return lease


async def transcribed(
    api: Front, callback: str | None = SECRET_URL, tag: str = "a", document: bytes = DOCUMENT
) -> tuple[Job, Job | None]:
    """A request whose transcription is done, and its delivery, which is queued."""
    lease = await submit(api, callback, tag)
    stored = StoredDocument(inline=document.decode())
    if len(document) > INLINE_LIMIT:
        stored = StoredDocument(key=document_key(lease.job.id))

        async def whole() -> AsyncIterator[bytes]:
            yield document

        await api.blobs.put(document_key(lease.job.id), whole())
    order = ordered(lease.job.payload)
    follow_ups = []
    if order.callback is not None:
        delivery = DeliveryOrder(
            lease.job.id,
            order.callback,
            "POST",
            200,
            lease.job.accessor,
            stored,
            destination=order.callback_destination,
        )
        follow_ups.append(
            delivery_job(delivery, project=api.project, accessor=lease.job.accessor, tags=lease.job.tags)
        )
    ending = msgspec.json.encode(TranscriptionResult(stored, 7.5, 1, None))
    assert await api.ledger.settle(lease, Done(200, ending, tuple(follow_ups)))
    job = await api.ledger.get(lease.job.id)
    assert job is not None
    return job, (await api.ledger.get(follow_ups[0].id)) if follow_ups else None


async def ended(api: Front, outcome: type[Done] | type[GivenUp], code: int, **named: Any) -> tuple[Job, Job]:
    """A request whose delivery ended so."""
    request, delivery = await transcribed(api, **named)
    assert delivery is not None
    (lease,) = await api.ledger.claim(DELIVER, 1, 60)
    now = api.services.clock.now()
    attempt = Attempt(now, now, "delivered" if code < 300 else "server_error", code)
    assert await api.ledger.settle(lease, outcome(code, attempt=attempt))
    return request, await the(api, delivery)


async def parked(api: Front, **named: Any) -> tuple[Job, Job]:
    return await ended(api, GivenUp, 500, **named)


async def the(api: Front, job: Job) -> Job:
    found = await api.ledger.get(job.id)
    assert found is not None
    return found


async def post(api: Front, path: str, json: Any = None, **named: Any) -> Answered:
    return await api.call("POST", f"/v1/projects/{api.project}/{path}", json=json, **named)


async def get(api: Front, path: str, **named: Any) -> Answered:
    return await api.call("GET", f"/v1/projects/{api.project}/{path}", **named)


async def redeliver(api: Front, request: Job, json: Any = None, **named: Any) -> Answered:
    return await post(api, f"requests/{request.id}/redeliver", json, **named)


def keeps_secrets(answer: Answered) -> bool:
    return not any(word in answer.body for word in (b"private", b"token=", b"user", b"secret"))
