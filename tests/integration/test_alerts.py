"""The alert rules, carried out by Prometheus' own promtool: on made-up series, and on scraped ones."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import yaml  # type: ignore[import-untyped] # huggingface-hub brings it; it has no types
from prometheus_client.parser import text_string_to_metric_families

from ringback.blobs import StoredDocument
from ringback.blobs.folder import FolderBlobStore
from ringback.blobs.free_space import disk_space
from ringback.callbacks.delivery import KIND, DeliveryOrder, order_job
from ringback.callbacks.delivery_handler import Deliverer
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits
from ringback.jobs.lane import FAILURES_TO_OPEN
from ringback.jobs.worker import Worker
from ringback.retry_schedule import RetrySchedule
from ringback.server.drain import Drain
from ringback.server.protocol import HttpServer
from ringback.server.routes import ProbeSources, metrics
from ringback.storage.sqlite import SqliteLedger
from support.deliveries import nothing_recorded, sign
from support.ports import free_port
from support.sealing import SEAL
from support.waiting import PATIENCE

ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")

FIRING = 'count by (alertname) (ALERTS{alertname=~"Ringback(Callbacks|Destinations).*", alertstate="firing"})'
"""Of the rules about callbacks: gauges of this process may be other tests'."""

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's `prometheus`)")


def promtool(*arguments: str, folder: Path) -> None:
    assert PROMTOOL is not None
    ran = subprocess.run(
        [PROMTOOL, *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_rule_fires_in_its_case_and_none_on_a_server_that_does_well() -> None:
    promtool("check", "rules", "alerts.yml", folder=ALERTS)
    promtool("test", "rules", "alerts_test.yml", folder=ALERTS)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    async with await SqliteLedger.open(tmp_path / "ringback.db", SystemClock(), serving=True) as opened:
        yield opened


async def test_a_receiver_that_is_down_is_seen_in_what_is_scraped(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    """Five callbacks to a closed port: given up, their destination's breaker open."""
    probed = ProbeSources(ledger, ["deliver"], None, lambda: 0, Drain(), disk=partial(disk_space, tmp_path))
    server, stopping = HttpServer(metrics(probed), "127.0.0.1", 0), asyncio.Event()
    url = f"http://127.0.0.1:{server.bind()}/metrics"
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run(stopping))
        before = await scraped(session, url)
        await give_up_callbacks(ledger, FolderBlobStore(tmp_path / "blobs", SystemClock()), FAILURES_TO_OPEN)
        after = await scraped(session, url)
        stopping.set()
    (tmp_path / "scraped.yml").write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(ALERTS / "alerts.yml")],
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": [
                            # Five minutes before the fault, and half an hour as it stood after it.
                            {"series": name, "values": f"{before.get(name, 0.0)}x5 {value}x30"}
                            for name, value in after.items()
                        ],
                        "promql_expr_test": [
                            {
                                "expr": FIRING,
                                "eval_time": minutes,
                                "exp_samples": [
                                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in names
                                ],
                            }
                            for minutes, names in (
                                ("5m", []),
                                ("15m", ["RingbackCallbacksParked"]),
                                ("30m", ["RingbackDestinationsOpen"]),
                            )
                        ],
                    }
                ],
            }
        )
    )
    promtool("test", "rules", "scraped.yml", folder=tmp_path)


async def scraped(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """Series in Prometheus' writing → value."""
    async with session.get(url) as answer:
        text = await answer.text()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels, "instance": "a", "job": "ringback"}
            displayed = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            found[f"{sample.name}{{{displayed}}}"] = sample.value
    return found


async def give_up_callbacks(ledger: SqliteLedger, blobs: FolderBlobStore, many: int) -> None:
    """Deliver to a dead port, without retries, until all are parked."""
    clock, policy, stopping = SystemClock(), Policy(("127.0.0.1",), ()), asyncio.Event()
    project, target = (await ledger.projects())[0].id, f"http://127.0.0.1:{free_port()}/hook"
    async with EgressClient(policy, clock) as egress:
        deliverer = Deliverer(
            egress,
            policy,
            blobs,
            Limits(1, 5),
            RetrySchedule(()),
            seal=SEAL,
            sign=sign,
            clock=clock,
            read_attempts=nothing_recorded,
        )
        jobs = [
            order_job(
                DeliveryOrder(f"request {number}", target, "POST", 200, None, StoredDocument(inline="{}")),
                project=project,
                accessor=None,
            )
            for number in range(many)
        ]
        await ledger.add(jobs)
        worker = Worker(KIND, ledger, deliverer, concurrency=1, lease_seconds=30, clock=clock)
        running = asyncio.create_task(worker.run(stopping))
        for job in jobs:
            await ledger.wait_for_end(job.id)
        stopping.set()
        await running
