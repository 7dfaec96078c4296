"""One receiver is dead, and very many callbacks are due there: the others must not feel it."""

import itertools
import os
import socket
import statistics
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import DeliveryOrder, order_job
from ringback.clock import SystemClock
from ringback.jobs.job import JobId, NewJob
from ringback.storage.sqlite import SqliteLedger
from support.program import Program
from support.receiver import Receiver

LONG = int(os.environ.get("CHAOS_ROUNDS", "50")) > 50
DEAD_ROWS = 200_000 if LONG else 20_000
HEALTHY_HOSTS = 1_000 if LONG else 250
SECONDS = 20.0 if LONG else 5.0
"""Over which the healthy hosts' callbacks come due, one each."""
LATEST = 0.5 if LONG else 3.0
"""Seconds, for 99 of a hundred. The long form has the machine to itself; the everyday one shares two cores
with the other half of the suite."""
AFTER_THE_START = 10.0
GROUP = 2_000


@pytest.mark.alone
@pytest.mark.chaos
async def test_a_dead_host_with_very_many_callbacks_delays_no_other(tmp_path: Path) -> None:
    program = Program(
        tmp_path / "data",
        {"RINGBACK_CALLBACK_ALLOW": "127.0.0.0/8", "RINGBACK_CALLBACK_TIMEOUT": "2"},
    )
    # Connections are taken in by the kernel until its queue is full; they are never read.
    with socket.create_server(("127.200.0.1", 0), backlog=4) as dead, Receiver(host="0.0.0.0") as receiver:
        path = program.data_dir / "ringback.db"
        healthy = await fill(path, f"http://127.200.0.1:{dead.getsockname()[1]}/", receiver.port)
        with program:
            started = time.time()
            arrived = receiver.wait_for(lambda arrivals: len(arrivals) == len(healthy), seconds=120)
            memory = program.tree()[0].memory_info().rss / 1e6
            waiting = program.metric('ringback_jobs{kind="deliver",state="queued"}')
    due = await due_times(path, healthy)
    wall = time.time() - time.monotonic()
    # A start that took longer than `AFTER_THE_START` is no delay of theirs.
    lags = sorted(arrival.at + wall - max(started, due[arrival.headers["webhook-id"]]) for arrival in arrived)
    p99 = lags[int(0.99 * len(lags))]
    print(
        f"{waiting:,.0f} callbacks due at a dead host; {len(lags)} healthy hosts, from due to received: "
        f"p50 {1000 * statistics.median(lags):.0f} ms, p99 {1000 * p99:.0f} ms; server {memory:.0f} MB"
    )
    assert waiting > DEAD_ROWS - 100
    assert p99 < LATEST


async def fill(path: Path, dead: str, port: int) -> list[JobId]:
    """Callbacks that are due, all at the dead host; and one for each healthy host, soon. Theirs."""
    async with await SqliteLedger.open(path, SystemClock()) as ledger:
        project = (await ledger.projects())[0].id
        jobs = (delivery(dead, project, 0.0) for _ in range(DEAD_ROWS))
        while group := list(itertools.islice(jobs, GROUP)):
            await ledger.add(group)
        healthy = [
            delivery(f"http://{host}:{port}/", project, AFTER_THE_START + SECONDS * number / HEALTHY_HOSTS)
            for number, host in enumerate(itertools.islice(hosts(), HEALTHY_HOSTS))
        ]
        await ledger.add(healthy)
    return [job.id for job in healthy]


async def due_times(path: Path, jobs: list[JobId]) -> dict[str, float]:
    """When each of them was due, by its delivery's id."""
    async with await SqliteLedger.open(path, SystemClock()) as ledger:
        found = [await ledger.get(job) for job in jobs]
    return {job.id: job.due_at for job in found if job is not None}


def delivery(url: str, project: str, delay: float) -> NewJob:
    order = DeliveryOrder(
        request_id=str(uuid.uuid4()),
        url=url,
        method="POST",
        status=200,
        key_id=None,
        body=StoredDocument(inline='{"results": {}}'),
    )
    job = order_job(order, project=project, accessor=None)
    return NewJob(job.id, job.kind, job.lane, project, job.payload, delay=delay)


def hosts() -> Iterator[str]:
    """Loopback has sixteen million addresses, each a destination of its own."""
    for third in range(1, 255):
        for fourth in range(1, 255):
            yield f"127.1.{third}.{fourth}"
