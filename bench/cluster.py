"""The shared ledger with several nodes, beside Procrastinate and PgQueuer on the same PostgreSQL.

Accepts, claims and whole requests per second against the number of node processes, what a request costs
in processor time of the nodes and of PostgreSQL, and whether a million rows of history make it dearer.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.harness.child import Child, Facts
from bench.harness.clips import REPOSITORY
from bench.harness.costs import cpu_seconds
from bench.harness.history import give_past
from bench.harness.report import Report
from bench.load.cycles import BATCH, LANES
from ringback.storage.postgres import schema

sys.path.insert(0, str(REPOSITORY / "tests"))
from support.postgres import PostgresServer, servers

PYTHON = REPOSITORY / ".venvs" / "rivals" / "bin" / "python"
NODES = (1, 2, 4)
AT_ONCE = 64
"""Requests in work at a time at each node."""
ROWS, MANY_ROWS = 10_000, 1_000_000
SIZES_NODES = 2
TO_CLAIM = 1_600
WARM_UP, ACCEPT_SECONDS, CYCLE_SECONDS = 0.3, 0.6, 2.0
REPEATS, ROUNDS_SECONDS = 3, 210.0
"""At most so many rounds, and none that would begin later."""


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    whose: str
    module: str
    arguments: tuple[str, ...] = ()
    python: Path | None = None


OURS = Subject("ringback", "ringback", "bench.load.ledger_cycle", (str(LANES),))
ONE_LANE = Subject("ringback, one lane", "ringback", "bench.load.ledger_cycle", ("1",))
PROCRASTINATE = Subject("procrastinate", "procrastinate", "bench.peers.procrastinate_cycle", python=PYTHON)
PGQUEUER = Subject("pgqueuer", "pgqueuer", "bench.peers.pgqueuer_cycle", python=PYTHON)
SQLITE = Subject("ringback on SQLite", "", "bench.load.ledger_cycle", (str(LANES),))
SHARED = (OURS, PROCRASTINATE, PGQUEUER)


def run(repeats: int, rows: int = MANY_ROWS) -> Report:
    repeats = min(repeats, REPEATS)
    with ExitStack() as stack:
        binaries = next(iter(servers().values()))
        server = stack.enter_context(PostgresServer(binaries, durable=True))
        report = Report(
            "cluster",
            "accepts, claims and whole requests per second against the number of nodes, and the cost of one",
            {
                "postgresql": subprocess.run(
                    [server.binaries / "postgres", "--version"], capture_output=True, text=True, check=True
                ).stdout.strip(),
                "server": "fsync and synchronous_commit on, shared_buffers 128MB, the rest as it comes",
                "cycle": "a recording added, claimed, settled with a delivery; the delivery claimed, settled",
                "accept": f"one job per call, {AT_ONCE} callers at each node",
                "claim": f"of {TO_CLAIM} jobs that lie there, {BATCH} at a time where the queue can",
                "at_once": AT_ONCE,
                "lanes": LANES,
                "rows": [ROWS, rows],
                "client_cpu_s": "processor seconds of all nodes per 1,000 cycles (or accepts)",
                "postgres_cpu_s": "the same of PostgreSQL, its background processes included",
                "order": "subjects in turn, the order reversed from repeat to repeat",
            },
        )
        measuring = _Measuring(server, report)
        asyncio.run(measuring.prepare(rows))
        deadline = time.monotonic() + ROUNDS_SECONDS
        for repeat in range(repeats):
            if time.monotonic() < deadline:
                measuring.round(repeat, rows)
    _compare(report, rows)
    return report


class _Measuring:
    def __init__(self, server: PostgresServer, report: Report) -> None:
        self._server = server
        self._report = report

    async def prepare(self, many: int) -> None:
        """A small and a large database for each, all with their histories."""

        async def made(subject: Subject, rows: int) -> None:
            began = time.monotonic()
            name = _database(subject, rows)
            connection = await asyncpg.connect(self._server.url())
            await connection.execute(f"create database {name}")
            await connection.close()
            await self._install(subject, self._server.url(name))
            await give_past(self._server.url(name), subject.whose, rows)
            print(f"  {name} made in {time.monotonic() - began:.0f} s", flush=True)

        for subject in SHARED:
            await made(subject, ROWS)
        await asyncio.gather(*(made(subject, many) for subject in SHARED))
        connection = await asyncpg.connect(self._server.url())
        await connection.execute("checkpoint")
        await connection.close()

    async def _install(self, subject: Subject, url: str) -> None:
        if subject.python is None:
            await schema.migrate(url)
        else:
            command = [str(subject.python), "-m", subject.module, "install", url]
            await asyncio.to_thread(lambda: subprocess.run(command, check=True))

    def round(self, repeat: int, rows: int) -> None:
        turn = 1 if repeat % 2 == 0 else -1
        for subject in SHARED[::turn]:
            for size in (ROWS, rows)[::turn]:
                self.size(subject, size, repeat)
        for count in NODES:
            for subject in (*SHARED, ONE_LANE)[::turn]:
                self.scale(subject, count, repeat)
        self.alone(repeat)

    def scale(self, subject: Subject, count: int, repeat: int) -> None:
        with self._nodes(subject, count, self._server.url(_database(subject, ROWS))) as nodes:
            if subject is ONE_LANE:
                self._report.add(_named(subject, count), repeat, **_prefixed("cycles", self._cycles(nodes)))
            else:
                self._all(_named(subject, count), nodes, repeat)

    def alone(self, repeat: int) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder,
            self._nodes(SQLITE, 1, f"{folder}/ledger.db") as nodes,
        ):
            self._all(SQLITE.name, nodes, repeat)

    def size(self, subject: Subject, rows: int, repeat: int) -> None:
        with self._nodes(subject, SIZES_NODES, self._server.url(_database(subject, rows))) as nodes:
            load = os.getloadavg()[0]
            self._report.add(
                f"{subject.name}, {rows:,} rows", repeat, **self._cycles(nodes), load_average=load
            )

    def _all(self, name: str, nodes: Sequence[Child], repeat: int) -> None:
        load = os.getloadavg()[0]
        figures = _prefixed("accepts", self._accepts(nodes))
        _ask_all(nodes, do="empty")
        figures["claims_per_second"] = self._claims(nodes)
        figures |= _prefixed("cycles", self._cycles(nodes))
        self._report.add(name, repeat, **figures, load_average=load)

    def _accepts(self, nodes: Sequence[Child]) -> dict[str, float]:
        return self._watched(nodes, "add", ACCEPT_SECONDS)

    def _cycles(self, nodes: Sequence[Child]) -> dict[str, float]:
        return self._watched(nodes, "cycle", CYCLE_SECONDS)

    def _claims(self, nodes: Sequence[Child]) -> float:
        nodes[0].ask(do="fill", count=TO_CLAIM)
        start = time.monotonic() + 0.1
        answers = _ask_all(nodes, do="claim", start=start)
        return float(sum(one["count"] for one in answers) / (max(one["last"] for one in answers) - start))

    def _watched(self, nodes: Sequence[Child], do: str, seconds: float) -> dict[str, float]:
        start = time.monotonic() + 0.1
        count_from = start + WARM_UP
        until = count_from + seconds
        for node in nodes:
            node.tell(do=do, start=start, count_from=count_from, until=until, at_once=AT_ONCE)
        _sleep_until(count_from)
        before = self._postgres_cpu()
        _sleep_until(until)
        postgres = self._postgres_cpu() - before
        answers = [node.answer() for node in nodes]
        thousands = sum(one["count"] for one in answers) / 1_000 or float("nan")
        return {
            "per_second": sum(one["count"] / one["seconds"] for one in answers),
            "client_cpu_s": sum(one["cpu"] for one in answers) / thousands,
            "postgres_cpu_s": postgres / thousands,
        }

    def _postgres_cpu(self) -> float:
        assert self._server.process is not None
        return cpu_seconds(self._server.process.pid)

    @contextmanager
    def _nodes(self, subject: Subject, count: int, place: str) -> Iterator[Sequence[Child]]:
        with ExitStack() as stack:
            nodes = [
                stack.enter_context(Child(subject.module, place, *subject.arguments, python=subject.python))
                for _ in range(count)
            ]
            self._report.method.setdefault("queues", {})[subject.name] = nodes[0].facts["version"]
            yield nodes


def _compare(report: Report, rows: int) -> None:
    for peer in (PROCRASTINATE, PGQUEUER):
        for count in NODES:
            ours, theirs = _named(OURS, count), _named(peer, count)
            for figure in ("accepts_per_second", "claims_per_second", "cycles_per_second"):
                report.compare(f"{figure} beside {theirs}", figure, ours, theirs)
    for count in NODES[1:]:
        for subject in SHARED:
            report.compare(
                f"cycles per second of {_named(subject, count)}, beside 1",
                "cycles_per_second", _named(subject, count), _named(subject, 1),
            )  # fmt: skip
    for subject in SHARED:
        large, small = (f"{subject.name}, {size:,} rows" for size in (rows, ROWS))
        for figure in ("per_second", "client_cpu_s", "postgres_cpu_s"):
            report.compare(f"{figure} of {large}, beside {ROWS:,}", figure, large, small)


def _named(subject: Subject, count: int) -> str:
    return f"{subject.name}, {count} node{'s' * (count > 1)}"


def _database(subject: Subject, rows: int) -> str:
    return f"{subject.whose}_{rows}"


def _prefixed(word: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{word}_{name}": value for name, value in figures.items()}


def _ask_all(nodes: Sequence[Child], **command: float | str) -> list[Facts]:
    for node in nodes:
        node.tell(**command)
    return [node.answer() for node in nodes]


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
