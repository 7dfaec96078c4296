"""Three nodes of each role, and whatever can happen to them: nothing accepted is lost, each ends once.

The short form meets each kind of fault once. The long one (`CHAOS_ROUNDS`) goes on at random, with
the object store away for half a minute.
"""

import asyncio
import json
import os
import random
import threading
import time
import urllib.error
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import asyncpg
import pytest

from support.cluster import ROLES, Cluster, Node, cluster, scripted
from support.fault_proxy import Direction
from support.receiver import Received, Receiver
from support.waiting import real_pause_sync, wait_until

CLIP = Path(__file__).parent.parent / "audio" / "phone_en_auth_incorrect.flac"
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "0"))
Role = Literal["api", "transcribe", "deliver"]
SAYS = "nothing is lost"
STORE_AWAY = 30.0 if ROUNDS else 4.0
LEASE = 30.0
"""Seconds; of a transcription, and of a delivery with the settings below."""


class Caller:
    """A caller as one should be: asks any node, and asks again, with the same key, until it is answered."""

    def __init__(self, nodes: Cluster, callback: str, seed: int) -> None:
        self.accepted: set[str] = set()
        self.asked_again = 0
        self._nodes = nodes
        self._callback = callback
        self._random = random.Random(seed)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        audio = CLIP.read_bytes()
        while not self._ending.wait(self._random.uniform(0.2, 0.8)):
            word = uuid.uuid4().hex
            while not self._ending.is_set() and not self._ask(audio, word):
                self.asked_again += 1
                self._ending.wait(0.2)

    def _ask(self, audio: bytes, word: str) -> bool:
        headers = {"content-type": "audio/flac", "idempotency-key": word}
        try:
            path = f"/v1/listen?callback={self._callback}"
            reply = self._nodes.api.call("POST", path, audio, headers, timeout=10)
        except (OSError, urllib.error.URLError, ValueError):
            return False
        if reply.status == 200:
            self.accepted.add(reply.json()["request_id"])
        return reply.status == 200


class Faults:
    """What is done to the cluster. Each is over when it returns; but a frozen node thaws later, and one that
    was killed comes back meanwhile."""

    def __init__(self, nodes: Cluster, seed: int) -> None:
        self.nodes = nodes
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._frozen: list[tuple[float, Node]] = []
        self._restarts: dict[Role, Future[None]] = {}
        self._starters = ThreadPoolExecutor(len(ROLES))

    def all(self) -> list[Callable[[], None]]:
        return [
            self.kill_an_api,
            self.kill_a_transcriber,
            self.kill_a_deliverer,
            self.crash_the_database,
            self.restart_without_the_database,
            self.cut_the_connections,
            self.take_the_store_away,
            self.silence_one_half,
            self.silence_both_halves,
        ]

    def kill_an_api(self) -> None:
        self._kill("api")

    def kill_a_transcriber(self) -> None:
        self._kill("transcribe")

    def kill_a_deliverer(self) -> None:
        self._kill("deliver")

    def freeze_past_the_lease(self) -> None:
        """A node that holds work stops; it comes back when its leases have run out and been given away."""
        node = self.nodes.of("transcribe")[0]
        node.wait_until(lambda: self._frozen_with_work(node), 60, "it never has anything in work")
        self._frozen.append((time.monotonic() + LEASE + 10.0, node))
        self.done["frozen past the lease"] += 1

    def thaw(self) -> None:
        """Wait for the last of those that are frozen."""
        for until, node in self._frozen:
            real_pause_sync(until - time.monotonic(), "real time is what this fault is about")
            node.thaw()
        self._frozen.clear()

    def crash_the_database(self) -> None:
        self.nodes.postgres.kill()
        real_pause_sync(self.random.uniform(0.5, 2.0), "an outage lasts")
        self.nodes.postgres.start()
        self.done["database crashed"] += 1

    def restart_without_the_database(self) -> None:
        """A node that finds no database waits for it, for `limits.start_seconds`."""
        node = self._a_running_node("deliver")
        self.nodes.postgres.kill()
        node.kill()
        waited = node.log.count('"event":"start.waiting"')
        self._restarts["deliver"] = self._starters.submit(node.start)
        node.wait_until(
            lambda: node.log.count('"event":"start.waiting"') > waited,
            60,
            "it does not wait for the database",
        )
        self.nodes.postgres.start()
        self.done["restarted without the database"] += 1

    def cut_the_connections(self) -> None:
        ask(
            self.nodes, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        )
        self.done["connections cut"] += 1

    def take_the_store_away(self) -> None:
        self.nodes.s3.kill()
        real_pause_sync(STORE_AWAY, "an outage lasts")
        self.nodes.s3.start()
        self.done["object store away"] += 1

    def silence_one_half(self) -> None:
        self._silence(self.random.choice(list(Direction)))

    def silence_both_halves(self) -> None:
        self._silence(*Direction)

    def _silence(self, *directions: Direction) -> None:
        node = self.random.choice([node for node in self.nodes.nodes if node.way is not None])
        assert node.way is not None
        node.way.silence(*directions)
        real_pause_sync(4.0, "the network is down for a while")
        node.way.restore()
        self.done[f"silenced {'both ways' if len(directions) == 2 else 'one way'}"] += 1

    def _kill(self, role: Role) -> None:
        node = self._a_running_node(role)
        node.kill()
        self._restarts[role] = self._starters.submit(node.start)
        self.done[f"{role} killed"] += 1

    def _a_running_node(self, role: Role) -> Node:
        """None that is frozen, or has not come back: of each role one restarts at a time."""
        self._wait_for_restart(role)
        frozen = {id(node) for _, node in self._frozen}
        return self.random.choice([each for each in self.nodes.of(role) if id(each) not in frozen])

    def _wait_for_restart(self, role: Role) -> None:
        """Fails where the node did not come back."""
        if role in self._restarts:
            self._restarts.pop(role).result()

    def end(self) -> None:
        """Wait until every node is back."""
        self.thaw()
        for role in list(self._restarts):
            self._wait_for_restart(role)
        self._starters.shutdown()

    def _frozen_with_work(self, node: Node) -> bool:
        """Stops the node, unless it ends its work in that very moment."""
        if not self._holds(node):
            return False
        node.freeze()
        if self._holds(node):
            return True
        node.thaw()
        return False

    def _holds(self, node: Node) -> bool:
        return bool(
            ask(
                self.nodes,
                "select count(*) from live_job join node on node.number = live_job.holder "
                f"where node.id = '{node.id}' and live_job.state = 'leased'",
            )
        )


def ask(nodes: Cluster, statement: str) -> int:
    """The first value that a statement finds, asked on a connection of the test's own."""

    async def requested() -> int:
        connection = await asyncpg.connect(nodes.postgres.url(), statement_cache_size=0)
        try:
            return int(await connection.fetchval(statement) or 0)
        finally:
            await connection.close()

    return asyncio.run(requested())


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    settings = {
        "RINGBACK_MODEL": scripted(folder, SAYS, delay=0.4),
        "RINGBACK_CALLBACK_RETRY_DELAY": "0.5",
        "RINGBACK_CALLBACK_RETRIES": "100",
    }
    with cluster(folder, settings=settings, durable=True, ways=("api", "transcribe", "deliver")) as running:
        running.wait_until_ready()
        yield running


@pytest.mark.chaos
@pytest.mark.timeout(400 + 60 * ROUNDS)
def test_nothing_accepted_is_lost_whatever_happens_to_nodes(nodes: Cluster) -> None:
    moments = random.Random(20261122)

    def sometimes_failing(_: Received) -> int:
        return moments.choice([200, 200, 200, 200, 500])

    faults = Faults(nodes, seed=5)
    with Receiver(sometimes_failing) as receiver:
        callers = [Caller(nodes, receiver.url, seed) for seed in (1, 2)]
        for caller in callers:
            caller.start()
        faults.freeze_past_the_lease()
        rounds = faults.all()
        moments.shuffle(rounds)
        for fault in rounds + [moments.choice(faults.all()) for _ in range(ROUNDS)]:
            fault()
            real_pause_sync(moments.uniform(0.3, 1.5), "a random moment is what this test is about")
        faults.end()
        for caller in callers:
            caller.end()
        accepted = set().union(*(caller.accepted for caller in callers))
        arrived = receiver.wait_for(lambda got: accepted <= delivered(got), seconds=180)
        wait_until_idle(nodes)
        arrived = list(receiver.received)
    check(nodes, arrived, accepted)
    figures = {
        **faults.done,
        "accepted": len(accepted),
        "lost": len(accepted - delivered(arrived)),
        "asked again": sum(caller.asked_again for caller in callers),
        "arrivals": len(arrived),
        "attempts sent twice": sent_twice(arrived),
        "late writes refused": fenced(nodes),
    }
    print(json.dumps(figures))
    assert fenced(nodes) >= 1
    assert len(accepted) > 20


def delivered(arrivals: list[Received]) -> set[str]:
    return {arrival.headers["dg-request-id"] for arrival in arrivals}


def wait_until_idle(nodes: Cluster) -> None:
    """Until every job, accepted and acknowledged or not, has come to its end."""
    wait_until(lambda: not ask(nodes, "select count(*) from live_job"), 120, "jobs are left")


def check(nodes: Cluster, arrivals: list[Received], accepted: set[str]) -> None:
    by_request: defaultdict[str, list[Received]] = defaultdict(list)
    for arrival in arrivals:
        by_request[arrival.headers["dg-request-id"]].append(arrival)
    for same in by_request.values():
        assert {arrival.headers["webhook-id"] for arrival in same} == {same[0].headers["webhook-id"]}
        assert len({arrival.body for arrival in same}) == 1
        assert SAYS in same[0].body.decode()
    # Each request, accepted or not heard of, has one end and one delivery with one end.
    assert not ask(nodes, "select count(*) from job where number not in (select number from ended_job)")
    assert not ask(nodes, "select count(*) from ended_job where state <> 'done' and kind = 'transcribe'")
    assert not ask(
        nodes,
        "select count(*) from (select parent from job where kind = 'deliver' group by parent "
        "having count(*) > 1) as twice",
    )
    api = nodes.api
    for request_id in accepted:
        record = api.request(request_id)
        assert (record["code"], record["callback"]["code"]) == (200, 200), record


def sent_twice(arrivals: list[Received]) -> int:
    seen = Counter(
        (arrival.headers["webhook-id"], arrival.headers["ringback-attempt"]) for arrival in arrivals
    )
    return sum(count - 1 for count in seen.values())


def fenced(nodes: Cluster) -> int:
    """What came too late: refused at the write, or given up when the lease was found to be lost."""
    return nodes.count_events("jobs.lease_lost") + int(
        nodes.metric('ringback_late_writes_total{kind="transcribe"}')
        + nodes.metric('ringback_late_writes_total{kind="deliver"}')
    )
