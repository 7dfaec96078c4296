"""What gives a delivery up before anything is sent: a lost result, an address, a secret, a URL."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from ringback.blobs import BlobKey, FolderBlobStore, StoredDocument
from ringback.bootstrap.values import attempt_limits, server_schedule
from ringback.callbacks.delivery import callback_context, order_of
from ringback.callbacks.delivery_handler import Deliverer
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.jobs.job import Done, GivenUp, Interrupted, Retry
from ringback.jobs.store import LedgerUnavailable
from ringback.sealing import UnsealFailed
from support.attempts import POLICY, SETTINGS, attempt_of, deliverer_with, lease
from support.deliveries import nothing_recorded
from support.logs import capture_logs
from support.raw_receiver import answering, receiving
from support.sealing import SEAL


async def test_a_lost_result_is_given_up_plainly(deliverer: Deliverer) -> None:
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), StoredDocument(key=BlobKey("results/gone"))))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "body_lost"
    assert json.loads(attempt_of(outcome).detail) == {"reason": "the result is no longer kept"}
    assert receiver.connections == 0


async def test_an_address_that_is_no_longer_allowed_parks_the_delivery(
    blobs: FolderBlobStore,
) -> None:
    policy = Policy()
    async with EgressClient(policy, SystemClock()) as egress, receiving(answering()) as receiver:
        deliverer = deliverer_with(egress, blobs, nothing_recorded, policy=policy)
        outcome = await deliverer(lease(receiver.url()))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "blocked"
    assert "RINGBACK_CALLBACK_ALLOW" in json.loads(attempt_of(outcome).detail)["reason"]
    assert receiver.connections == 0


def unable_to_sign(egress: EgressClient, blobs: FolderBlobStore, error: Exception) -> Deliverer:
    async def cannot_sign(_key_id: str | None, _webhook_id: str, _body: bytes) -> dict[str, str]:
        raise error

    return Deliverer(
        egress,
        POLICY,
        blobs,
        attempt_limits(SETTINGS),
        server_schedule(SETTINGS),
        seal=SEAL,
        sign=cannot_sign,
        clock=SystemClock(),
        read_attempts=nothing_recorded,
    )


async def test_nothing_goes_out_unsigned(
    egress: EgressClient, blobs: FolderBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringback.callbacks.delivery_handler.LOCAL_FAULT_PAUSE", 0.0)
    error = LedgerUnavailable("locked")
    deliverer = unable_to_sign(egress, blobs, error)
    async with receiving(answering()) as receiver:
        with capture_logs() as events:
            outcome = await deliverer(lease(receiver.url()))
    assert isinstance(outcome, Interrupted)
    assert receiver.connections == 0
    [reported] = events
    assert (reported["event"], reported["reason"]) == ("delivery.not_tried", f"it cannot be signed: {error}")


async def test_a_secret_that_cannot_be_opened_parks_the_delivery_in_time(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    deliverer = unable_to_sign(egress, blobs, UnsealFailed("lost"))
    async with receiving(answering()) as receiver:
        claimed = lease(receiver.url())
        outcomes: list[Done | Retry | GivenUp | Interrupted] = []
        while not outcomes or isinstance(outcomes[-1], Retry):
            job = replace(claimed.job, tries=len(outcomes))
            outcomes.append(await deliverer(replace(claimed, job=job)))
    assert receiver.connections == 0
    *retries, last = outcomes
    assert isinstance(last, GivenUp)
    assert [each.delay for each in retries if isinstance(each, Retry)] == [5.0] * SETTINGS.retries
    for outcome in outcomes:
        assert isinstance(outcome, Retry | GivenUp)
        tried = attempt_of(outcome)
        assert (tried.outcome, tried.code) == ("unsigned", None)
        assert json.loads(tried.detail)["reason"] == "it cannot be signed: lost"


async def test_a_url_that_cannot_be_opened_parks_the_delivery(deliverer: Deliverer) -> None:
    claimed = lease("http://127.0.0.1:8080/")
    sealed_elsewhere = SEAL.seal("http://127.0.0.1:8080/", callback_context("another request"))
    order = msgspec.structs.replace(order_of(claimed.job), url=sealed_elsewhere)
    job = replace(claimed.job, payload=msgspec.json.encode(order))
    outcome = await deliverer(replace(claimed, job=job))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "blocked"
    assert "cannot be opened" in json.loads(attempt_of(outcome).detail)["reason"]


async def test_a_url_of_an_older_ledger_lies_there_in_clear(deliverer: Deliverer) -> None:
    async with receiving(answering()) as receiver:
        claimed = lease(receiver.url())
        order = msgspec.structs.replace(order_of(claimed.job), url=receiver.url(), destination=None)
        job = replace(claimed.job, payload=msgspec.json.encode(order))
        assert isinstance(await deliverer(replace(claimed, job=job)), Done)


async def test_a_port_that_is_no_longer_allowed_parks_the_delivery(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    policy = Policy(["127.0.0.1"], [443])
    deliverer = deliverer_with(egress, blobs, nothing_recorded, policy=policy)
    outcome = await deliverer(lease("http://127.0.0.1:8080/"))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "blocked"
