"""kill -9 of a process that adds, claims and settles as fast as it can: what was acknowledged is there."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringback.clock import SystemClock
from ringback.jobs.job import Done, GivenUp, IdempotencyKey, JobId, Lane, Lease, NewJob, Outcome, State
from ringback.jobs.usage import UsageAmount, UsageKey, Used
from ringback.jobs.worker import Worker
from ringback.storage.sqlite import SqliteLedger
from support.waiting import PATIENCE, real_pause, real_pause_sync, wait_until

KILLS = 4
PRODUCERS = 32
SLOTS = 16
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


PROMISES = {
    "one job of a sequence is not held": (
        "select sequence from live_job where sequence is not null"
        " group by sequence having sum(state <> 'held') <> 1"
    ),
    "nothing overtook in a sequence": (
        "select job.id from job join live_job using (number) where exists (select 1 from job as later"
        " join ended_job on ended_job.number = later.number and ended_job.state = 'done'"
        " where later.sequence = job.sequence and later.number > job.number)"
    ),
    "the counters are right": (
        "select accessor, kind from usage left join (select accessor, kind, count(live_job.number) as live,"
        " total(live_job.weight) as heavy, count(*) as all_jobs from job left join live_job using (number)"
        " group by accessor, kind) using (accessor, kind)"
        " where jobs <> live or usage.weight <> heavy or kept <> all_jobs"
    ),
    "usage has counted what is done, once": (
        "select counted from (select total(requests) as counted, total(seconds) as seconds from usage_hour)"
        " where counted <> (select count(*) from ended_job where state = 'done') or seconds <> 2 * counted"
    ),
    "every word has its job": (
        "select key from idempotency_key as kept left join job on job.number = kept.job where job.id is null"
    ),
}
"""Questions to a ledger that was left behind, whose answer is nothing."""


def new_job(sequence: str | None = None) -> NewJob:
    number = random.randrange(20)
    return NewJob(
        JobId(str(uuid.uuid4())), "deliver", Lane(f"host {number}"), "p", bytes(500),
        accessor=f"key {number % 3}", sequence=sequence, weight=number,
        idempotency=IdempotencyKey(str(uuid.uuid4()), b"fingerprint"),
    )  # fmt: skip


def follow_up() -> NewJob:
    return replace(new_job(), idempotency=None)


def counted() -> Used:
    """By one of a few keys, in one of a few hours."""
    hour, accessor = random.randrange(3), f"key {random.randrange(3)}"
    key = UsageKey("p", hour, accessor, "listen", "sync", "m", "uuid", "en", (), (), (), succeeded=True)
    return Used(key, UsageAmount(1, 2.0, 2.0))


async def serve_until_killed(path: Path) -> None:
    """Says `a ID` for each job added and `s ID` for each settled one, once that is acknowledged.

    Half of the jobs stand in sequences; some are begun rather than added; one outcome in ten gives up.
    """
    async with await SqliteLedger.open(path, SystemClock(), serving=True) as ledger:
        print("open", flush=True)

        async def produce(number: int) -> None:
            while True:
                job = new_job(f"sequence {number % 8}" if number % 2 else None)
                await ledger.add([job])
                print("a", job.id, flush=True)

        async def stream() -> None:
            while True:
                lease = await ledger.begin(replace(new_job(), kind="stream"), 60.0)
                print("a", lease.job.id, flush=True)
                await real_pause(0.01, "a stream lasts for a moment")
                await settle(lease)

        def outcome() -> Outcome:
            if random.random() < 0.1:
                return GivenUp(410)
            return Done(200, follow_ups=(follow_up(),), used=counted())

        async def settle(lease: Lease) -> None:
            if await ledger.settle(lease, outcome()):
                print("s", lease.job.id, flush=True)

        async def work() -> None:
            while True:
                leases = await ledger.claim("deliver", SLOTS, 60.0)
                await asyncio.gather(*(settle(lease) for lease in leases))

        await asyncio.gather(work(), stream(), *(produce(number) for number in range(PRODUCERS)))


def run_and_kill(path: Path, output: Path, seconds: float) -> Counter[str]:
    """The words it said before it died: whole lines only."""
    with output.open("wb") as file:
        child = subprocess.Popen([sys.executable, __file__, str(path)], env=ENVIRONMENT, stdout=file)
        # A slow machine may need longer for the first ones than a quick one has until it is killed.
        wait_until(
            lambda: child.poll() is not None or b"\ns " in output.read_bytes(), message="it does nothing"
        )
        assert child.poll() is None
        real_pause_sync(seconds, "a random moment is what this test is about")
        child.send_signal(signal.SIGKILL)
        child.wait()
    whole, _, _torn = output.read_bytes().rpartition(b"\n")
    return Counter(line for line in whole.decode().splitlines() if line != "open")


@pytest.mark.chaos
def test_no_acknowledged_write_is_lost_to_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    said: Counter[str] = Counter()
    for kill in range(KILLS):
        said += run_and_kill(path, tmp_path / f"said {kill}", random.uniform(0.3, 1.0))
    assert max(said.values()) == 1, "no job is settled twice"
    added = {line[2:] for line in said if line.startswith("a")}
    settled = {line[2:] for line in said if line.startswith("s")}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        ids = {row[0] for row in connection.execute("select id from job")}
        done = {
            row[0]
            for row in connection.execute(
                "select id from job join ended_job using (number) where ended_job.state in ('done', 'parked')"
            )
        }
        (homeless,) = connection.execute(
            "select count(*) from job where (select count(*) from live_job where number = job.number)"
            " + (select count(*) from ended_job where number = job.number) <> 1"
        ).fetchone()
        broken = {promise: connection.execute(question).fetchall() for promise, question in PROMISES.items()}
    print(f"{KILLS} kills: {len(added)} adds and {len(settled)} settles acknowledged, ", end="")
    print(f"{len(added - ids)} and {len(settled - done)} lost")
    assert added <= ids
    assert settled <= done
    assert homeless == 0, "every job stands in one place"
    assert broken == {promise: [] for promise in PROMISES}
    assert added
    assert settled


@pytest.mark.chaos
def test_after_a_kill_every_job_reaches_one_end(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    said = run_and_kill(path, tmp_path / "said", 0.2)
    added = {JobId(line[2:]) for line in said if line.startswith("a")}

    async def finish(lease: Lease) -> Outcome:
        return Done(200) if lease.token % 2 else GivenUp(500)

    async def finish_all() -> Counter[State]:
        async with (
            await SqliteLedger.open(path, SystemClock(), serving=True) as ledger,
            asyncio.timeout(PATIENCE),
            asyncio.TaskGroup() as tasks,
        ):
            stopping = asyncio.Event()
            for kind in ("deliver", "stream"):
                worker = Worker(kind, ledger, finish, concurrency=64, lease_seconds=30, clock=SystemClock())
                tasks.create_task(worker.run(stopping))
            ends = Counter([(await ledger.wait_for_end(job)).state for job in added])
            stopping.set()
        return ends

    ends = asyncio.run(finish_all())
    print(f"after a kill: {dict(ends)}")
    assert ends.total() == len(added) > 0


if __name__ == "__main__":
    asyncio.run(serve_until_killed(Path(sys.argv[1])))
