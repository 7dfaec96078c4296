"""The machine's clock is set an hour forward, or back, while callbacks wait for their next attempt."""

import itertools
import struct
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from support import set_clock
from support.program import Program
from support.receiver import Received, Receiver

CLIP = Path(__file__).parent.parent / "audio" / "phone_en_auth_incorrect.flac"
DELIVERIES = 20
PAUSE = 2.0
HOUR = 3600.0


@pytest.mark.chaos
@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_retries_neither_burst_nor_stall(jump: float, tmp_path: Path) -> None:
    """Every retry keeps its distance from the attempt before, and comes, whatever the wall clock says."""
    off_by = tmp_path / "off_by"
    off_by.write_bytes(struct.pack("d", 0.0))
    program = Program(
        tmp_path / "data",
        {"RINGBACK_CALLBACK_RETRY_DELAY": str(PAUSE)},
        command=(sys.executable, set_clock.__file__, str(off_by)),
    )
    tries: defaultdict[str, list[float]] = defaultdict(list)

    def busy_twice(arrival: Received) -> int:
        seen = tries[arrival.headers["webhook-id"]]
        seen.append(arrival.at)
        # A 4xx is not held against the receiver's lane: its pauses are those of the schedule alone.
        return 200 if len(seen) == 3 else 429

    with Receiver(busy_twice) as receiver, program:
        for _ in range(DELIVERIES):
            assert program.listen(CLIP.read_bytes(), f"callback={receiver.url}").status == 200
        receiver.wait_for(lambda arrived: len({a.headers["webhook-id"] for a in arrived}) == DELIVERIES)
        with off_by.open("r+b") as file:
            file.write(struct.pack("d", jump))
        receiver.wait_for(lambda arrived: len(arrived) == 3 * DELIVERIES)
        # A request that comes after the jump is served like any other.
        assert program.listen(CLIP.read_bytes()).status == 200

    pauses = [later - earlier for seen in tries.values() for earlier, later in itertools.pairwise(seen)]
    print(f"{len(pauses)} retries, {min(pauses):.2f} to {max(pauses):.2f} s after the attempt before")
    assert len(pauses) == 2 * DELIVERIES
    assert min(pauses) > PAUSE - 0.5
    assert max(pauses) < PAUSE + 20
