"""Ringback on many nodes: real processes by role, on one PostgreSQL and one S3 server."""

import json
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.fault_proxy import FaultProxy
from support.postgres import PostgresServer, servers
from support.program import Program
from support.s3 import CREDENTIALS, S3

ROLES = ("api", "transcribe", "deliver")
SECRET_KEY = "the same long and random text on every node"


@dataclass
class Node(Program):
    """One process. Its way to the database may be a `FaultProxy`."""

    role: str = "all"
    way: FaultProxy | None = None

    @property
    def id(self) -> str:
        """What the process that runs now is called in the table of nodes."""
        starts = [line for line in self.log.splitlines() if '"event":"server.listening"' in line]
        return str(json.loads(starts[-1])["node"])

    def is_ready(self) -> bool:
        return self.get("/v1/status/engine").status == 200

    def freeze(self) -> None:
        """SIGSTOP of the whole tree."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for member in self.tree():
            if member.is_running():
                member.send_signal(number)


@dataclass
class Cluster:
    postgres: PostgresServer
    s3: S3
    nodes: list[Node] = field(default_factory=list)

    def of(self, role: str) -> list[Node]:
        return [node for node in self.nodes if node.role == role]

    @property
    def api(self) -> Node:
        """Any of those that answer callers."""
        return random.choice(self.of("api"))

    def wait_until_ready(self) -> None:
        for node in self.nodes:
            node.wait_until(node.is_ready, 120, "no engine")

    def metric(self, name: str) -> float:
        """One sample, added up over the nodes."""
        return sum(node.metric(name) for node in self.nodes)

    def count_events(self, event: str) -> int:
        """How often an event is in the logs of all nodes."""
        return sum(node.log.count(f'"event":"{event}"') for node in self.nodes)


@contextmanager
def cluster(
    folder: Path,
    each: int = 3,
    settings: dict[str, str] | None = None,
    *,
    durable: bool = False,
    ways: Sequence[str] = (),
) -> Iterator[Cluster]:
    """So many nodes of each role. The first node of each role in `ways` goes to the database through a proxy
    of its own."""
    (folder / "s3").mkdir(parents=True)
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(next(iter(servers().values())), durable=durable))
        s3 = stack.enter_context(S3(folder / "s3"))
        found = Cluster(postgres, s3)
        for role in ROLES:
            for number in range(each):
                way = None
                if role in ways and number == 0:
                    way = stack.enter_context(FaultProxy(postgres.port))
                found.nodes.append(_node(folder / f"{role}-{number}", role, found, way, settings or {}))
        stack.callback(at_once, Node.kill, found.nodes)
        at_once(Node.start, found.nodes)
        yield found


def at_once(what: Callable[[Node], None], nodes: Sequence[Node]) -> None:
    """A start is mostly imports, and waiting for the others' turn."""
    with ThreadPoolExecutor(max(1, len(nodes))) as threads:
        list(threads.map(what, nodes))


def scripted(folder: Path, words: str, delay: float = 0.0) -> str:
    """A model that always hears these words, and takes so many seconds for each piece of speech."""
    script = folder / "script.json"
    script.write_text(json.dumps({"steps": [{"words": words, "delay": delay}]}))
    return f"scripted:{script}"


def _node(folder: Path, role: str, found: Cluster, way: FaultProxy | None, settings: dict[str, str]) -> Node:
    database = found.postgres.url()
    if way is not None:
        database = database.replace(f":{found.postgres.port}/", f":{way.port}/")
    return Node(
        folder,
        CREDENTIALS
        | {
            "RINGBACK_DATABASE_URL": database,
            "RINGBACK_BLOBS_URL": found.s3.blobs_url("ringback"),
            "RINGBACK_SECRET_KEY": SECRET_KEY,
            "RINGBACK_ROLE": role,
            "RINGBACK_ENGINE_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        | settings,
        start_seconds=120,
        role=role,
        way=way,
    )
