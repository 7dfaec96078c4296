"""Operational webhooks: every event as docs/webhooks.md shows it, once each, and signed on its way."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringback.blobs.folder import FolderBlobStore
from ringback.blobs.free_space import DiskSpace
from ringback.callbacks.delivery import KIND, order_of
from ringback.callbacks.delivery_handler import Deliverer
from ringback.callbacks.operational import EventType, OperatorReceiver, parked_jobs
from ringback.callbacks.operational_watch import OperationalWatch, SilentNode, WatchLimits
from ringback.callbacks.signers import OPERATOR, Signers
from ringback.callbacks.signing import Verifier
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits
from ringback.jobs.job import Done, GivenUp, Job, JobFilter, NewJob, Signal, State
from ringback.jobs.round_turns import OwnTurns
from ringback.jobs.worker import Worker
from ringback.keys import ApiKey, secret_hash
from ringback.retry_schedule import RetrySchedule
from ringback.storage.sqlite import SqliteLedger
from support.clock import ManualClock
from support.deliveries import delivery, nothing_recorded
from support.operational import receiver
from support.ports import free_port
from support.raw_receiver import answering, receiving
from support.sealing import SEAL

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
EXAMPLES: dict[str, dict[str, Any]] = {
    name: json.loads(example)
    for name, example in re.findall(
        r"^## `([a-z.]+)`$.*?^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
}
LIMITS = WatchLimits(failing_after=(2, 4), stalled_seconds=60, disk_bytes=1_000, expiring_seconds=3_600)


@pytest.fixture
async def ledger(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[SqliteLedger]:
    async with await SqliteLedger.open(tmp_path / "ringback.db", manual_clock, serving=True) as opened:
        yield opened


class Watched:
    """A ledger that is watched, and what stands around it."""

    def __init__(self, ledger: SqliteLedger, clock: ManualClock, project: str) -> None:
        self.ledger = ledger
        self.clock = clock
        self.free = 10_000
        self.nodes: list[SilentNode] = []
        self.receiver = receiver(project=project)

    def watch(self) -> OperationalWatch:
        """A new one knows only what the ledger holds."""
        return OperationalWatch(
            self.ledger,
            self.receiver,
            LIMITS,
            turns=OwnTurns(self.clock),
            disk=lambda: DiskSpace(100_000, self.free),
            nodes=self._nodes,
            clock=self.clock,
        )

    async def _nodes(self) -> list[SilentNode]:
        return self.nodes

    async def sent_events(self) -> list[dict[str, Any]]:
        """What a round of a new watch adds, and that another one adds nothing."""
        before = {job.id for job in await self._events()}
        await self.watch().round()
        assert await self.watch().round() == 0
        new = [job for job in await self._events() if job.id not in before]
        return [json.loads(order_of(job).body.inline or "") for job in new]

    async def _events(self) -> tuple[Any, ...]:
        where = JobFilter(self.receiver.project, KIND, lane=self.receiver.lane)
        return (await self.ledger.page(where, 100)).jobs

    async def attempt(self, signal: Signal, times: int = 1, to: str = "https://hooks.example:443") -> None:
        """A delivery to one destination, and how it went."""
        for _ in range(times):
            await self.ledger.add([delivery(to, "a-tenant")])
            self.clock.advance(60)  # past an open breaker
            leases = await self.ledger.claim(KIND, 10, 30)
            (lease,) = [each for each in leases if each.job.project == "a-tenant"]
            good = signal is Signal.GOOD
            assert await self.ledger.settle(
                lease, Done(200, signal=signal) if good else GivenUp(503, signal=signal)
            )


@pytest.fixture
async def watched(ledger: SqliteLedger, manual_clock: ManualClock) -> Watched:
    return Watched(ledger, manual_clock, (await ledger.projects())[0].id)


def assert_as_documented(sent_events: list[dict[str, Any]], *types: EventType) -> None:
    assert [event["type"] for event in sent_events] == list(types)
    for event in sent_events:
        example = EXAMPLES[event["type"]]
        assert event.keys() == example.keys()
        assert event["data"].keys() == example["data"].keys()
        for name, value in event["data"].items():
            assert value is None or isinstance(value, type(example["data"][name])), name


def test_every_event_has_its_example_and_its_setting() -> None:
    assert set(EXAMPLES) == set(EventType)
    for name, example in EXAMPLES.items():
        assert example["type"] == name


async def test_a_destination_fails_more_and_more_and_recovers(watched: Watched) -> None:
    await watched.attempt(Signal.BAD)
    assert await watched.sent_events() == []
    await watched.attempt(Signal.BAD)
    sent_events = await watched.sent_events()
    assert_as_documented(sent_events, EventType.DESTINATION_FAILING)
    assert sent_events[0]["data"]["failures"] == 2
    assert sent_events[0]["data"]["destination"] == "https://hooks.example:443"
    await watched.attempt(Signal.BAD)
    assert await watched.sent_events() == []
    await watched.attempt(Signal.BAD)
    assert_as_documented(await watched.sent_events(), EventType.DESTINATION_FAILING)
    await watched.attempt(Signal.GOOD)
    assert_as_documented(await watched.sent_events(), EventType.DESTINATION_RECOVERED)
    await watched.attempt(Signal.BAD, times=2)
    assert_as_documented(await watched.sent_events(), EventType.DESTINATION_FAILING)


async def test_nobody_is_told_of_the_catcher(watched: Watched) -> None:
    """Who tries `/503` wants it to fail."""
    await watched.attempt(Signal.BAD, 5, "https://catcher.ringback.invalid:443")
    assert await watched.sent_events() == []
    (report,) = await watched.ledger.lane_reports(KIND, 10, least_failures=1)
    assert report.failures == 5


async def test_a_delivery_to_the_catcher_is_parked_without_an_event(ledger: SqliteLedger) -> None:
    project = (await ledger.projects())[0].id
    await ledger.add([delivery("https://catcher.ringback.invalid:443", project)])
    (lease,) = await ledger.claim(KIND, 1, 30)
    assert parked_jobs(lease.job, lease.token, GivenUp(503), receiver(project=project), "t") == ()


async def test_a_queue_that_nobody_takes_from(watched: Watched) -> None:
    await watched.ledger.add([delivery("https://hooks.example:443", "a-tenant")])
    watched.clock.advance(61)
    sent_events = await watched.sent_events()
    # The event itself is not delivered, either: it is the same queue.
    assert_as_documented(sent_events, EventType.QUEUE_STALLED)
    assert sent_events[0]["data"]["kind"] == "deliver"
    for lease in await watched.ledger.claim(KIND, 10, 30):
        await watched.ledger.settle(lease, Done(200, signal=Signal.GOOD))
    assert_as_documented(await watched.sent_events(), EventType.QUEUE_RECOVERED)


async def test_a_disk_that_fills_and_is_emptied(watched: Watched) -> None:
    watched.free = 999
    assert_as_documented(await watched.sent_events(), EventType.DISK_LOW)
    watched.free = 1_050
    assert await watched.sent_events() == [], "around the limit nothing is said"
    watched.free = 1_100
    assert_as_documented(await watched.sent_events(), EventType.DISK_RECOVERED)


async def test_a_key_that_ends_and_a_node_that_is_gone_are_reported_once(watched: Watched) -> None:
    now, project = watched.clock.now(), watched.receiver.project
    for expires in (now + 1_800, now + 7_200, now - 1):
        key = ApiKey(str(uuid.uuid4()), project, "call centre", ("member",), (), now - 9, expires)
        await watched.ledger.add_key(key, secret_hash(key.id))
    watched.nodes = [SilentNode("n1", "speech-1", 91.0), SilentNode("n2", "speech-2", 14.0)]
    sent_events = await watched.sent_events()
    assert_as_documented(sent_events, EventType.KEY_EXPIRING, EventType.NODE_LOST)
    assert sent_events[1]["data"]["node_id"] == "n1"


async def test_a_type_that_is_not_configured_is_not_sent(watched: Watched) -> None:
    watched.receiver = receiver(project=watched.receiver.project, types=("node.lost",))
    watched.free = 0
    assert await watched.sent_events() == []


async def test_parking_and_its_event_are_one(ledger: SqliteLedger, tmp_path: Path) -> None:
    """A callback to a dead port is given up; the event comes by the same queue, signed."""
    clock, project = SystemClock(), (await ledger.projects())[0].id
    signers = Signers(ledger, SEAL, clock)
    async with (
        receiving(answering(204)) as operator,
        EgressClient(Policy(("127.0.0.1",), ()), clock) as callers,
        EgressClient(Policy(("127.0.0.1",), ()), clock) as own,
    ):
        ours = receiver(operator.url("/alerts?token=x"), project, own)
        job = delivery(f"http://127.0.0.1:{free_port()}", project)
        await ledger.add([job])
        await deliver_both(ledger, deliverer(callers, tmp_path, signers, ours), ours, job)
        secrets = [each.text for each in await signers.open_secrets(OPERATOR)]
    (event,) = operator.received
    assert event.line == "POST /alerts?token=x HTTP/1.1"
    assert not [name for name in event.headers if name.startswith("dg-")]
    assert Verifier.of(secrets, []).fault(event.headers, event.body, time.time()) is None
    sent_events = json.loads(event.body)
    assert_as_documented([sent_events], EventType.DELIVERY_PARKED)
    assert (sent_events["data"]["delivery_id"], sent_events["data"]["outcome"]) == (job.id, "unreachable")


async def test_an_event_that_cannot_be_delivered_makes_no_further_event(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    clock, project = SystemClock(), (await ledger.projects())[0].id
    async with EgressClient(Policy(("127.0.0.1",), ()), clock) as egress:
        ours = receiver(f"http://127.0.0.1:{free_port()}/alerts", project, egress)
        job = delivery(f"http://127.0.0.1:{free_port()}", project)
        await ledger.add([job])
        handler = deliverer(egress, tmp_path, Signers(ledger, SEAL, clock), ours)
        ended = await deliver_both(ledger, handler, ours, job)
        assert [each.state for each in ended] == [State.PARKED, State.PARKED]
        assert len((await ledger.page(JobFilter(project, KIND), 10)).jobs) == 2


async def test_without_a_url_what_waits_is_parked(ledger: SqliteLedger, tmp_path: Path) -> None:
    clock, project = SystemClock(), (await ledger.projects())[0].id
    async with EgressClient(Policy((), ()), clock) as egress:
        await ledger.add([delivery("https://hooks.example:443", project)])
        (lease,) = await ledger.claim(KIND, 1, 30)
        events = parked_jobs(lease.job, lease.token, GivenUp(503), receiver(project=project), "t")
        assert await ledger.settle(lease, GivenUp(503, follow_ups=events))
        (lease,) = await ledger.claim(KIND, 1, 30)
        handler = deliverer(egress, tmp_path, Signers(ledger, SEAL, clock), None)
        outcome = await handler(lease)
    assert isinstance(outcome, GivenUp)
    assert outcome.attempt is not None
    assert b"webhooks.url is not set" in outcome.attempt.detail


def deliverer(
    egress: EgressClient, folder: Path, signers: Signers, operator: OperatorReceiver | None
) -> Deliverer:
    clock = SystemClock()
    return Deliverer(
        egress,
        Policy(("127.0.0.1",), ()),
        FolderBlobStore(folder / "blobs", clock),
        Limits(1, 5),
        RetrySchedule(()),
        seal=SEAL,
        sign=signers.sign,
        clock=clock,
        read_attempts=nothing_recorded,
        operator=operator,
    )


async def deliver_both(
    ledger: SqliteLedger, handler: Deliverer, operator: OperatorReceiver, job: NewJob
) -> list[Job]:
    """Run a worker as `bootstrap` makes it until the callback and its event have ended."""
    stopping = asyncio.Event()
    worker = Worker(
        KIND,
        ledger,
        handler,
        concurrency=1,
        lease_seconds=30,
        clock=SystemClock(),
        follow_parked=lambda lease, outcome: parked_jobs(lease.job, lease.token, outcome, operator, "t"),
    )
    running = asyncio.create_task(worker.run(stopping))
    callback = await ledger.wait_for_end(job.id)
    # Added in the same transaction: it is there.
    (event,) = (await ledger.page(JobFilter(operator.project, KIND, lane=operator.lane), 10)).jobs
    ended = await ledger.wait_for_end(event.id)
    stopping.set()
    await running
    return [callback, ended]
