"""How many ready results are delivered per second to a quick receiver, each delivery durable.

The deliveries are put into the ledger through its own port before the server starts, due some seconds
later, when the server is up and idle. Time runs from the first to the last delivery, seen by the receiver.
"""

import asyncio
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

from bench.harness.child import Child
from bench.harness.costs import cpu_seconds
from bench.harness.report import Report
from bench.harness.server import RunningServer
from ringback.blobs import Kept
from ringback.callbacks.delivery import DeliveryOrder, order_job
from ringback.clock import SystemClock
from ringback.jobs.job import NewJob
from ringback.storage.sqlite import SqliteLedger

COUNT = 5_000
BODY_BYTES = 2_048
RECEIVERS = (1, 16)
DUE_IN = 15.0
"""Seconds: the server is ready by then."""
BARE_AT_ONCE = 32
"""What the bare loop is quickest with here; also the most that Ringback sends one receiver at once."""


def run(repeats: int) -> Report:
    report = Report(
        "deliveries",
        f"{COUNT} ready deliveries of {BODY_BYTES} bytes, beside a bare aiohttp loop that posts the same",
        {
            "count": COUNT,
            "body_bytes": BODY_BYTES,
            "receivers": RECEIVERS,
            "bare_at_once": BARE_AT_ONCE,
            "per_second": "by the receiver's clock, first to last",
            "cpu_us": "processor time of the subject's process tree per delivery",
            "order": "ours and bare in turn, the order reversed from repeat to repeat",
        },
    )
    with Child("bench.load.receiver", "--ports", str(max(RECEIVERS))) as receiver:
        for repeat in range(repeats):
            for receivers in RECEIVERS:
                ports = receiver.facts["ports"][:receivers]
                steps = [measure_ours, measure_bare]
                for step in steps if repeat % 2 == 0 else reversed(steps):
                    step(ports, receiver, repeat, report)
    for receivers in RECEIVERS:
        name = f"{{}}, {receivers} receiver{'s' if receivers > 1 else ''}".format
        aim = (
            f"deliveries per second beside the bare loop, {receivers} receiver{'s' if receivers > 1 else ''}"
        )
        report.aim_ratio(aim, "per_second", name("ringback"), name("bare aiohttp"), 0.5)
        what = f"processor time per delivery beside the bare loop, {receivers} receivers"
        report.compare(what, "cpu_us", name("ringback"), name("bare aiohttp"))
    return report


def measure_ours(ports: list[int], receiver: Child, repeat: int, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        data_dir = Path(folder)
        due_at = time.monotonic() + DUE_IN
        asyncio.run(fill(data_dir, ports, due_at))
        receiver.ask(expect=COUNT)
        with RunningServer(data_dir) as server:
            if time.monotonic() > due_at - 1:
                raise RuntimeError("the server was not ready before the deliveries were due")
            before = cpu_seconds(server.pid)
            seen = receiver.ask(wait=DUE_IN + 120)
            spent = cpu_seconds(server.pid) - before
        asyncio.run(check_settled(data_dir))
    note(f"ringback, {len(ports)} receiver{'s' if len(ports) > 1 else ''}", seen, spent, repeat, report)


def measure_bare(ports: list[int], receiver: Child, repeat: int, report: Report) -> None:
    with Child("bench.peers.bare_posts") as bare:
        # A first round opens the connections and warms the loop; the server has no such head start.
        bare.ask(ports=ports, count=200, body_bytes=BODY_BYTES, at_once=BARE_AT_ONCE)
        receiver.ask(expect=COUNT)
        before = cpu_seconds(bare.pid)
        bare.ask(ports=ports, count=COUNT, body_bytes=BODY_BYTES, at_once=BARE_AT_ONCE)
        seen = receiver.ask(wait=10)
        spent = cpu_seconds(bare.pid) - before
    note(f"bare aiohttp, {len(ports)} receiver{'s' if len(ports) > 1 else ''}", seen, spent, repeat, report)


def note(subject: str, seen: dict[str, float], spent: float, repeat: int, report: Report) -> None:
    if seen["distinct"] != COUNT:
        raise RuntimeError(f"{subject}: {seen['distinct']} of {COUNT} arrived")
    report.add(
        subject,
        repeat,
        per_second=(seen["count"] - 1) / seen["seconds"],
        cpu_us=1e6 * spent / COUNT,
        duplicates=seen["count"] - seen["distinct"],
    )


async def fill(data_dir: Path, ports: list[int], due_at: float) -> None:
    ledger = await SqliteLedger.open(data_dir / "ringback.db", SystemClock())
    async with ledger:
        project = (await ledger.projects())[0].id
        body = Kept(inline='{"results":"' + "x" * (BODY_BYTES - 14) + '"}')
        jobs = [
            delivery(number, ports[number % len(ports)], body, project, due_at) for number in range(COUNT)
        ]
        await ledger.add(jobs)


def delivery(number: int, port: int, body: Kept, project: str, due_at: float) -> NewJob:
    order = DeliveryOrder(
        request_id=str(uuid.uuid4()),
        url=f"http://127.0.0.1:{port}/{number}",
        method="POST",
        status=200,
        key_id=None,
        body=body,
    )
    job = order_job(order, project=project, accessor=None)
    return replace(job, parent=None, delay=due_at - time.monotonic())


async def check_settled(data_dir: Path) -> None:
    """Every delivery stands in the ledger as done."""
    ledger = await SqliteLedger.open(data_dir / "ringback.db", SystemClock())
    async with ledger:
        gauges = await ledger.gauges()
    live = sum(gauge.queued + gauge.leased for gauge in gauges.values())
    if live:
        raise RuntimeError(f"{live} deliveries arrived, but are not settled")
