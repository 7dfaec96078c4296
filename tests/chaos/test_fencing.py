"""A server that stands still for longer than its lease lasts, and then goes on as if nothing had been."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ringback.clock import SystemClock
from ringback.storage.sqlite import SqliteLedger
from support.program import Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE

CLIP = Path(__file__).parent.parent / "audio" / "phone_en_auth_incorrect.flac"


@pytest.mark.chaos
async def test_what_it_writes_too_late_is_refused_and_counted(tmp_path: Path) -> None:
    """Another process returns its job to the queue meanwhile; the job has one end, by its second lease."""
    may_answer = threading.Event()

    def hold_the_first(arrival: Received) -> int:
        if arrival is receiver.received[0]:
            may_answer.wait(60)
        return 200

    program = Program(tmp_path / "data", {"RINGBACK_CALLBACK_TIMEOUT": "60"})
    with Receiver(hold_the_first) as receiver, program:
        request_id = program.listen(CLIP.read_bytes(), f"callback={receiver.url}").json()["request_id"]
        receiver.wait_for(lambda arrived: len(arrived) == 1)
        await stop_between_writes(program)
        assert await return_leased_jobs(program.data_dir / "ringback.db") == 1
        may_answer.set()
        assert program.process is not None
        program.process.resume()
        receiver.wait_for(lambda arrived: len(arrived) == 2)
        program.wait_until(
            lambda: program.request(request_id)["callback"]["completed"] is not None, PATIENCE, "no end"
        )
        first, second = receiver.received
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        # The first sending may be found out after the second one has ended.
        program.wait_until(lambda: late_writes(program) + lost_leases(program) > 0, PATIENCE, "none was late")
        late, lost = late_writes(program), lost_leases(program)
        print(f"late writes refused: {late:.0f}, leases found lost before that: {lost}")
        assert late + lost == 1
        [delivery] = program.request(request_id)["ringback"]["deliveries"]
        assert [attempt["code"] for attempt in delivery["attempts"]] == [200]


def late_writes(program: Program) -> float:
    """Refused, because the lease was another's by then."""
    return program.metric('ringback_late_writes_total{kind="deliver"}')


def lost_leases(program: Program) -> int:
    """Found out before a write was tried."""
    return program.log.count("jobs.lease_lost")


async def stop_between_writes(program: Program) -> None:
    """SIGSTOP; again, where it struck in the middle of a write, whose lock would then be held for ever."""
    assert program.process is not None
    while True:
        program.process.suspend()
        with closing(sqlite3.connect(program.data_dir / "ringback.db", timeout=0)) as connection:
            try:
                connection.execute("begin immediate")
                return
            except sqlite3.OperationalError:
                program.process.resume()


async def return_leased_jobs(path: Path) -> int:
    """Do what time and the sweep of another process would have done; how many jobs were returned."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update live_job set lease_until = 1 where state = 'leased'")
    async with await SqliteLedger.open(path, SystemClock()) as ledger:
        return await ledger.rescue()
