"""kill -9 of the whole process tree at random moments: nothing accepted is lost, nothing else changes.

The everyday form has a scripted recogniser, which takes its time as a real one does and no processor; the
long form (`CHAOS_ROUNDS`) a real one.
"""

import http.client
import json
import os
import random
import threading
import urllib.error
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from support.cluster import scripted
from support.program import Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE, real_pause_sync, wait_until

CLIPS = Path(__file__).parent.parent / "audio"
LONG = "CHAOS_ROUNDS" in os.environ
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "15"))
IN_FLIGHT_AT_A_KILL = 512
"""The default of RINGBACK_CALLBACK_CONCURRENCY: only what was being sent can be sent twice."""


class Caller:
    """Hands in recordings one after the other, over all of the server's lives."""

    def __init__(self, program: Program, callback: str, seed: int) -> None:
        self.accepted: set[str] = set()
        self.unanswered = 0
        self._program = program
        self._query = f"callback={callback}&tag=chaos"
        self._random = random.Random(seed)
        self._clips = [path.read_bytes() for path in sorted(CLIPS.glob("*.flac"))]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._random.uniform(0.05, 1.0)):
            try:
                reply = self._program.listen(self._random.choice(self._clips), self._query, timeout=10)
            except (OSError, urllib.error.URLError, http.client.HTTPException):
                self.unanswered += 1
                continue
            if reply.status == 200:
                self.accepted.add(reply.json()["request_id"])


@pytest.mark.chaos
@pytest.mark.timeout(600 + 30 * ROUNDS)
def test_nothing_accepted_is_lost_over_kills(tmp_path: Path) -> None:
    moments = random.Random(20261122)

    def sometimes_failing(_: Received) -> int:
        return moments.choice([200, 200, 200, 200, 500])

    model = {} if LONG else {"RINGBACK_MODEL": scripted(tmp_path, "what was said", delay=0.1)}
    program = Program(tmp_path / "data", {"RINGBACK_CALLBACK_RETRY_DELAY": "0.3", **model})
    with Receiver(sometimes_failing) as receiver:
        callers = [Caller(program, receiver.url, seed) for seed in (1, 2)]
        with program:
            for caller in callers:
                caller.start()
            for _ in range(ROUNDS):
                real_pause_sync(moments.uniform(0.2, 2.5), "a random moment is what this test is about")
                program.kill()
                program.start()
            for caller in callers:
                caller.end()
            accepted = set().union(*(caller.accepted for caller in callers))
            receiver.wait_for(lambda arrived: accepted <= delivered(arrived), seconds=300)
            wait_until_idle(program)
            check(program, receiver.received, accepted, callers)
            assert program.stop() == 0


def delivered(arrivals: list[Received]) -> set[str]:
    return {arrival.headers["dg-request-id"] for arrival in arrivals}


def wait_until_idle(program: Program) -> None:
    """Until every job, accepted and acknowledged or not, has come to its end."""
    wait_until(lambda: not live_jobs(program), PATIENCE, lambda: "\n".join(metrics(program)))


def live_jobs(program: Program) -> list[str]:
    return [
        line for line in metrics(program) if line.startswith("ringback_jobs{") and not line.endswith(" 0.0")
    ]


def metrics(program: Program) -> list[str]:
    return program.get("/metrics").body.decode().splitlines()


def check(program: Program, arrivals: list[Received], accepted: set[str], callers: list[Caller]) -> None:
    by_request: defaultdict[str, list[Received]] = defaultdict(list)
    for arrival in arrivals:
        by_request[arrival.headers["dg-request-id"]].append(arrival)

    # Every arrival of one request is the same delivery, with the same words (only the attempt differs).
    for request_id, same in by_request.items():
        assert {arrival.headers["webhook-id"] for arrival in same} == {same[0].headers["webhook-id"]}
        assert len({arrival.body for arrival in same}) == 1
        assert same[0].json()["metadata"]["request_id"] == request_id
        assert same[0].json()["results"]["channels"][0]["alternatives"][0]["words"]

    # Each accepted request has exactly one end, and the receiver's last word is in it.
    states: Counter[str] = Counter()
    for request_id in accepted:
        record = program.request(request_id)
        assert record["code"] == 200, record
        assert record["callback"]["code"] == 200, record
        assert record["callback"]["completed"] is not None, record
        states[record["ringback"]["state"]] += 1
    assert states == {"done": len(accepted)}

    # Usage has counted each request once, accepted and unanswered ones too, as the history shows them.
    here = f"/v1/projects/{program.project}"
    recorded = program.get(f"{here}/requests?limit=1000").json()["requests"]
    details = [record["response"]["details"] for record in recorded]
    usage = program.get(f"{here}/usage").json()["results"]
    assert sum(day["requests"] for day in usage) == len(recorded) >= len(accepted)
    assert sum(day["hours"] for day in usage) == pytest.approx(
        sum(each["duration"] for each in details) / 3600
    )

    attempts = {
        key: Counter(arrival.headers["ringback-attempt"] for arrival in same)
        for key, same in by_request.items()
    }
    duplicates = sum(sum(count - 1 for count in counted.values()) for counted in attempts.values())
    print(
        json.dumps(
            {
                "kills": ROUNDS,
                "accepted": len(accepted),
                "lost": len(accepted - set(by_request)),
                "arrivals": len(arrivals),
                "attempts sent twice": duplicates,
                "submits cut off": sum(caller.unanswered for caller in callers),
            }
        )
    )
    assert len(accepted) > ROUNDS
    assert duplicates <= ROUNDS * IN_FLIGHT_AT_A_KILL
