"""What docs/callbacks.md says is true: every outcome is in it, and its receivers receive."""

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

from ringback.blobs import FolderBlobStore, StoredDocument
from ringback.callbacks.delivery import DeliveryOrder, Verdict, order_job
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.jobs.job import Done, Lease, State
from ringback.settings import CallbackSettings
from support.attempts import deliverer_with, job_of
from support.deliveries import nothing_recorded
from support.ports import free_port
from support.waiting import PATIENCE, eventually

PAGE = (Path(__file__).parents[2] / "docs" / "callbacks.md").read_text()
DOCUMENT = '{"results":{"channels":[{"alternatives":[{"transcript":"Hello from the page."}]}]}}'


def test_every_outcome_is_described() -> None:
    described = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    assert {verdict.value for verdict in Verdict} <= set(described)


async def test_the_python_receiver_receives(tmp_path: Path) -> None:
    port = free_port()
    program = tmp_path / "receiver.py"
    program.write_text(_example("python"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        program,
        env={"PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        await _listening(port)
        assert await _delivered(f"http://127.0.0.1:{port}/hook", tmp_path)
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == b"Hello from the page.\n"
    finally:
        process.kill()
        await process.communicate()


async def test_the_javascript_receiver_is_javascript(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on this machine")
    program = tmp_path / "receiver.mjs"
    program.write_text(_example("javascript"))
    process = await asyncio.create_subprocess_exec(node, "--check", program)
    assert await process.wait() == 0


def _example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1)


async def _listening(port: int) -> None:
    async def accepts() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return False
        writer.close()
        return True

    await eventually(accepts, 20)


async def _delivered(url: str, folder: Path) -> bool:
    settings = CallbackSettings(allow=("127.0.0.1",), ports=())
    policy = Policy(settings.allow, settings.ports)
    order = DeliveryOrder(
        "6f1c0d0e-0000-4000-8000-000000000001", url, "POST", 200, None, StoredDocument(DOCUMENT)
    )
    new = order_job(order, project="p", accessor=None)
    async with EgressClient(policy, SystemClock()) as api:
        blobs = FolderBlobStore(folder / "blobs", SystemClock())
        deliverer = deliverer_with(api, blobs, nothing_recorded, settings, policy)
        return isinstance(await deliverer(Lease(job_of(new, State.LEASED), 1)), Done)
