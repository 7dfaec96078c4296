"""kill -9 of a process that puts, deletes and commits as fast as it can: bodies that were acknowledged are
there, those that were deleted are not, and one whose job was not committed is swept."""

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from ringback.blobs import BlobKey, FolderBlobStore, delete_all, pack_writer, single_chunk
from ringback.clock import SystemClock
from ringback.jobs.job import JobId, Lane, NewJob
from ringback.storage.sqlite import SqliteLedger
from ringback.transcription.sweep import UNCLAIMED_AFTER, SweepService
from support.blobs import ClockAhead, bytes_below, keys_of
from support.waiting import real_pause_sync, wait_until

KILLS = int(os.environ.get("CHAOS_ROUNDS", "3"))
CALLERS = 16
LIMIT = 1 << 20
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


def body_of(name: str) -> bytes:
    """Up to some 200 KB that belong to the name."""
    seed = hashlib.sha256(name.encode()).digest()
    return seed * (1 + seed[0] * 25)


async def serve_until_killed(root: Path) -> None:
    """Says `p NAME` when a body is there, `j NAME` when its job is, `b NAME` when it begins to delete the
    body, and `d NAME` when that is deleted."""
    pack_writer.PACK_BYTES = 4 << 20  # many begin and end
    async with (
        FolderBlobStore(root / "blobs") as blobs,
        await SqliteLedger.open(root / "ringback.db", SystemClock(), serving=True) as ledger,
    ):

        async def call() -> None:
            while True:
                name = str(uuid.uuid4())
                key = BlobKey(f"audio/{name}")
                await blobs.put(key, single_chunk(body_of(name)), LIMIT)
                print("p", name, flush=True)
                await ledger.add([NewJob(JobId(name), "listen", Lane("key"), "p", b"{}")])
                print("j", name, flush=True)
                if random.random() < 0.5:
                    print("b", name, flush=True)
                    await blobs.delete(key)
                    print("d", name, flush=True)

        await asyncio.gather(*(call() for _ in range(CALLERS)))


def run_and_kill(root: Path, output: Path) -> dict[str, set[str]]:
    """The names it said before it died, by their letter."""
    with output.open("wb") as file:
        child = subprocess.Popen([sys.executable, __file__, str(root)], env=ENVIRONMENT, stdout=file)
        try:
            # A slow machine may need longer for the first ones than a quick one has until it is killed.
            wait_until(lambda: child.poll() is not None or b"\nd " in output.read_bytes())
            assert child.poll() is None
            real_pause_sync(random.uniform(0.1, 1.0), "a random moment is what this test is about")
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    whole, _, _torn = output.read_bytes().rpartition(b"\n")
    said: dict[str, set[str]] = {letter: set() for letter in "pjbd"}
    for line in whole.decode().splitlines():
        said[line[0]].add(line[2:])
    return said


@pytest.mark.chaos
async def test_no_body_that_was_acknowledged_is_lost_to_a_kill(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    said: dict[str, set[str]] = {letter: set() for letter in "pjbd"}
    for kill in range(KILLS):
        for letter, names in run_and_kill(root, tmp_path / f"said {kill}").items():
            said[letter] |= names
    assert said["d"], "no body was deleted before a kill"
    async with (
        FolderBlobStore(root / "blobs") as blobs,
        await SqliteLedger.open(root / "ringback.db", SystemClock(), serving=True) as ledger,
    ):
        there = {key.partition("/")[2] for key in await keys_of(blobs, "audio")}
        assert said["p"] - said["b"] <= there
        assert not there & said["d"]
        for name in said["p"] - said["b"]:
            assert await blobs.get(BlobKey(f"audio/{name}")) == body_of(name)
        jobs = await ledger.states([JobId(name) for name in said["j"]])
        assert set(jobs) == said["j"]
        # Of a body whose deletion a kill has cut short the header may be left: it is deleted again.
        await delete_all(blobs, [BlobKey(f"audio/{name}") for name in there & said["b"]])
        assert not {key.partition("/")[2] for key in await keys_of(blobs, "audio")} & said["b"]


@pytest.mark.chaos
async def test_a_body_whose_job_was_not_committed_is_swept(tmp_path: Path) -> None:
    """The process dies between the append and the ledger's write."""
    died = [sys.executable, __file__, str(tmp_path), "die"]
    child = await asyncio.to_thread(subprocess.run, died, env=ENVIRONMENT, check=False)
    assert child.returncode == -signal.SIGKILL
    clock = ClockAhead()
    async with (
        FolderBlobStore(tmp_path / "blobs", clock) as blobs,
        await SqliteLedger.open(tmp_path / "ringback.db", clock, serving=True) as ledger,
    ):
        (key,) = await keys_of(blobs, "audio")
        sweep = SweepService(blobs, ledger, clock)
        assert await sweep.round("audio", asyncio.Event()) == 0, "its caller may be about to commit"
        clock.ahead = UNCLAIMED_AFTER
        assert await sweep.round("audio", asyncio.Event()) == 1
        assert await keys_of(blobs, "audio") == []
        assert body_of(key)[:32] not in bytes_below(tmp_path)


async def die_before_the_commit(root: Path) -> None:
    async with (
        FolderBlobStore(root / "blobs") as blobs,
        await SqliteLedger.open(root / "ringback.db", SystemClock(), serving=True),
    ):
        key = BlobKey(f"audio/{uuid.uuid4()}")
        await blobs.put(key, single_chunk(body_of(key)), LIMIT)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    chosen = die_before_the_commit if sys.argv[2:] else serve_until_killed
    asyncio.run(chosen(Path(sys.argv[1])))
