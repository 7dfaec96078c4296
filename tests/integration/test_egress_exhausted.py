"""A machine that has run out of descriptors: its own trouble, held against no receiver."""

import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from ringback.blobs import FolderBlobStore, StoredDocument
from ringback.bootstrap.values import attempt_limits, server_schedule
from ringback.callbacks.delivery import DeliveryOrder, order_job
from ringback.callbacks.delivery_handler import Deliverer
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import FetchLimits, Limits, NoResponse, NoResponseReason
from ringback.egress.target import parse_target
from ringback.jobs.job import Interrupted, Job, Lease, State
from ringback.settings import CallbackSettings
from support.deliveries import nothing_recorded, sign
from support.logs import capture_logs
from support.raw_receiver import answering, receiving
from support.sealing import SEAL

POLICY = Policy(["127.0.0.1", "localhost"])


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing can be opened; what is open stays so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(POLICY, SystemClock()) as opened:
        yield opened


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "nowhere.invalid"])
async def test_no_socket_is_no_silence_of_the_receivers(egress: EgressClient, host: str) -> None:
    async with receiving(answering()) as receiver:
        target = parse_target(receiver.url(host=host), POLICY, ports=False)
        with no_descriptors():
            answer = await egress.send_request(target, "POST", {}, b"{}", Limits(1.0, 5.0))
    assert isinstance(answer, NoResponse)
    assert (answer.reason, answer.detail) == (
        NoResponseReason.OURS,
        "not tried: too many open files on this machine",
    )


async def test_a_fetch_fails_as_our_fault_and_not_as_the_urls(egress: EgressClient) -> None:
    async with receiving(answering()) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
            async with egress.fetch(target, FetchLimits(1.0, 2.0, 5.0)):
                pytest.fail("it was fetched")


async def test_a_delivery_that_could_not_be_tried_burns_no_try(egress: EgressClient, tmp_path: Path) -> None:
    deliverer = Deliverer(
        egress,
        POLICY,
        FolderBlobStore(tmp_path, SystemClock()),
        attempt_limits(CallbackSettings(ports=())),
        server_schedule(CallbackSettings(ports=())),
        seal=SEAL,
        sign=sign,
        clock=SystemClock(),
        read_attempts=nothing_recorded,
    )
    request = str(uuid4())
    async with receiving(answering()) as receiver:
        order = DeliveryOrder(request, receiver.url("/hush"), "POST", 200, None, StoredDocument(inline="{}"))
        claimed = _leased(order)
        with capture_logs() as events, no_descriptors():
            outcome = await deliverer(claimed)
    assert isinstance(outcome, Interrupted)
    assert outcome.delay > 0
    assert receiver.connections == 0
    [reported] = events
    assert (reported["event"], reported["log_level"], reported["request_id"]) == (
        "delivery.not_tried",
        "warning",
        request,
    )
    assert "hush" not in str(events)


def _leased(order: DeliveryOrder) -> Lease:
    new = order_job(order, project="project-1", accessor=None)
    job = Job(
        id=new.id,
        kind=new.kind,
        lane=new.lane,
        project=new.project,
        payload=new.payload,
        parent=new.parent,
        accessor=new.accessor,
        method=new.method,
        tags=new.tags,
        state=State.LEASED,
        tries=0,
        losses=0,
        created_at=time.time(),
        due_at=time.time(),
        finished_at=None,
        code=None,
        result=None,
    )
    return Lease(job, token=1)
