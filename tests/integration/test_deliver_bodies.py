"""The body of a delivery: large, refused for its size, or not to be read."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from ringback.blobs import INLINE_LIMIT, BlobKey, FolderBlobStore, StoredDocument, store_document
from ringback.callbacks import delivery_handler
from ringback.callbacks.delivery import order_of
from ringback.callbacks.delivery_handler import Deliverer
from ringback.egress.client import EgressClient
from ringback.jobs.job import Attempt, Done, Interrupted, JobId
from ringback.jobs.store import LedgerUnavailable
from support.attempts import DOCUMENT, REQUEST, SETTINGS, attempt_of, deliverer_with, lease
from support.deliveries import nothing_recorded
from support.raw_receiver import Conversation, answering, receiving
from support.waiting import PATIENCE, turns


async def test_a_large_result_comes_from_its_blob(deliverer: Deliverer, blobs: FolderBlobStore) -> None:
    document = json.dumps({"words": ["said"] * 400_000}).encode()
    stored = await store_document(blobs, BlobKey("results/1"), document)
    assert stored.key is not None
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), stored))
    assert isinstance(outcome, Done)
    [received] = receiver.received
    assert received.body == document
    assert received.headers["content-length"] == str(len(document))


async def test_large_results_for_receivers_that_hang_hold_up_no_others(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    stored = await store_document(blobs, BlobKey("results/1"), bytes(INLINE_LIMIT + 1))
    deliverer = deliverer_with(
        egress, blobs, nothing_recorded, msgspec.structs.replace(SETTINGS, timeout=60.0)
    )
    all_there = asyncio.Event()

    async def hang(talk: Conversation) -> None:
        await talk.request()
        if len(talk.receiver.received) == 40:
            all_there.set()
        await asyncio.Event().wait()

    async with receiving(hang) as hanging, receiving(answering()) as healthy:
        attempts = [asyncio.create_task(deliverer(lease(hanging.url(), stored))) for _ in range(40)]
        async with asyncio.timeout(PATIENCE):
            await all_there.wait()
            assert isinstance(await deliverer(lease(healthy.url(), stored)), Done)
        assert not any(attempt.done() for attempt in attempts)
    await asyncio.gather(*attempts)


async def test_large_results_in_flight_are_bounded_in_bytes(
    egress: EgressClient, blobs: FolderBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_handler, "LARGE_BYTES", 3 * INLINE_LIMIT)
    stored = await store_document(blobs, BlobKey("results/1"), bytes(INLINE_LIMIT + 1))
    enormous = await store_document(blobs, BlobKey("results/2"), bytes(4 * INLINE_LIMIT))
    deliverer = deliverer_with(
        egress, blobs, nothing_recorded, msgspec.structs.replace(SETTINGS, timeout=60.0)
    )
    open_now, most = 0, 0

    async def count(talk: Conversation) -> None:
        nonlocal open_now, most
        while True:
            await talk.request()
            open_now += 1
            most = max(most, open_now)
            await turns()
            open_now -= 1
            await talk.answer()

    async with receiving(count) as receiver, asyncio.timeout(PATIENCE):
        bodies = [stored] * 6 + [enormous] + [stored] * 6
        outcomes = await asyncio.gather(*(deliverer(lease(receiver.url(), body)) for body in bodies))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert most <= 2


async def test_after_a_413_only_a_link_is_sent(egress: EgressClient, blobs: FolderBlobStore) -> None:
    read_attempts: list[Attempt] = []

    async def so_far(_: JobId, most: int) -> list[Attempt]:
        return read_attempts[-most:]

    deliverer = deliverer_with(egress, blobs, so_far)
    statuses = iter([500, 413, 500, 200, 500])

    async def picky(talk: Conversation) -> None:
        while True:
            await talk.request()
            await talk.answer(next(statuses))

    async with receiving(picky) as receiver:
        for tries in (0, 1, 2, 3):
            outcome = await deliverer(lease(receiver.url(), tries=tries))
            assert not isinstance(outcome, Interrupted)
            read_attempts.append(attempt_of(outcome))
        # Sent again by hand, its tries count from 0: the receiver may have raised its limit.
        await deliverer(lease(receiver.url(), tries=0))
    whole, thin = DOCUMENT.encode(), receiver.received[2].body
    assert [received.body for received in receiver.received] == [whole, whole, thin, thin, whole]
    assert json.loads(thin) == {
        "request_id": REQUEST,
        "status": 200,
        "result_url": f"https://speech.example/v1/projects/project-1/requests/{REQUEST}/result",
        "bytes": len(whole),
    }
    assert [attempt.outcome for attempt in read_attempts] == [
        "server_error",
        "client_error",
        "server_error",
        "delivered",
    ]
    assert [json.loads(attempt.detail).get("thin", False) for attempt in read_attempts] == [
        False,
        False,
        True,
        True,
    ]


async def test_a_413_from_before_a_redelivery_is_forgotten(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    async def refused_long_ago(_: JobId, most: int) -> list[Attempt]:
        return [Attempt(0.0, 0.0, "client_error", 413), Attempt(0.0, 0.0, "server_error", 500)][-most:]

    deliverer = deliverer_with(egress, blobs, refused_long_ago)
    async with receiving(answering()) as receiver:
        for tries in (1, 2):
            await deliverer(lease(receiver.url(), tries=tries))
    whole, thin = receiver.received
    assert whole.body == DOCUMENT.encode()
    assert "result_url" in json.loads(thin.body)


async def test_what_a_live_stream_said_is_never_thin(egress: EgressClient, blobs: FolderBlobStore) -> None:
    async def refused_once(_: JobId, __: int) -> list[Attempt]:
        return [Attempt(0.0, 0.0, "client_error", 413)]

    deliverer = deliverer_with(egress, blobs, refused_once)
    async with receiving(answering()) as receiver:
        claimed = lease(receiver.url(), tries=1)
        order = msgspec.structs.replace(order_of(claimed.job), number=7)
        await deliverer(replace(claimed, job=replace(claimed.job, payload=msgspec.json.encode(order))))
    [received] = receiver.received
    assert received.body == DOCUMENT.encode()


async def test_a_ledger_that_is_away_burns_no_try(egress: EgressClient, blobs: FolderBlobStore) -> None:
    async def away(_: JobId, __: int) -> list[Attempt]:
        raise LedgerUnavailable("locked")

    deliverer = deliverer_with(egress, blobs, away)
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), tries=1))
    assert isinstance(outcome, Interrupted)
    assert receiver.connections == 0


async def test_a_body_that_cannot_be_read_now_burns_no_try(deliverer: Deliverer, tmp_path: Path) -> None:
    blob = tmp_path / "result" / "1"
    blob.mkdir(parents=True)  # where a file should be: reading it fails
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), StoredDocument(key=BlobKey("result/1")), tries=1))
    assert isinstance(outcome, Interrupted)
    assert receiver.connections == 0
