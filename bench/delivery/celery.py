"""What a user would write instead: a Celery task with `requests`, and Redis as its broker."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from bench.delivery.load import Phase, Seen
from bench.harness.child import Child
from bench.harness.clips import REPOSITORY
from bench.harness.costs import cpu_seconds
from bench.harness.server import free_port

PYTHON = REPOSITORY / ".venvs" / "rivals" / "bin" / "python"
READY_SECONDS = 300
"""For the worker's processes to start: seconds on an idle machine, minutes on a busy one."""
WARM_UP = 400
"""Deliveries before anything is measured: every process or thread has its connection then."""


class Celery:
    """A context: entering it starts Redis and the worker. `pool` is Celery's: prefork or threads."""

    pids: tuple[int, ...]

    def __init__(
        self,
        receiver: Child,
        phases: Sequence[Phase],
        *,
        pool: str,
        at_once: int,
        fsync: str,
        backlog: tuple[str, int] = ("", 0),
    ) -> None:
        """`fsync`: Redis' `appendfsync`. `backlog`: a URL, and how many deliveries wait for it."""
        self._receiver = receiver
        self._phases = phases
        self._pool = (pool, at_once)
        self._fsync = fsync
        self._backlog = backlog

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
            port = free_port()
            os.environ["BROKER_URL"] = f"redis://127.0.0.1:{port}/0"
            store = self._start_redis(folder, port)
            undo.callback(_end, store)
            self._producer = undo.enter_context(Child("bench.peers.celery_producer", python=PYTHON))
            self._put_what_is_ready()
            worker = self._start_worker(folder)
            undo.callback(_end, worker)
            self.pids = (worker.pid, store.pid)
            self._producer.ask(ready=READY_SECONDS)
            if not self._backlog[1]:
                self._warm_up()
            self._stack = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def play(self, phase: Phase) -> Seen:
        self._receiver.ask(expect=len(phase.deliveries), under=phase.prefix)
        before, start = cpu_seconds(*self.pids), time.time()
        due = [start] * len(phase.deliveries)
        if phase.timed:
            self._put(phase, start=start + 0.1)
            # The producer is busy until the last one is put; the receiver counts meanwhile.
            due = self._producer.answer()["put_at"]
        else:
            self._producer.ask(consume=phase.name)
        seen = self._receiver.ask(wait=max(0.0, start + phase.patience - time.time()), tell=True)
        cpu = cpu_seconds(*self.pids) - before
        came = seen["came_at"]
        lags = [
            came[each.path] - moment if each.path in came else None
            for each, moment in zip(phase.deliveries, due, strict=True)
        ]
        return Seen(seen["count"], seen["distinct"], seen["seconds"], lags, cpu)

    def _put_what_is_ready(self) -> None:
        url, count = self._backlog
        if count:
            self._producer.ask(repeat=count, url=url, queue="live", body_bytes=2_048)
        for phase in self._phases:
            if not phase.timed:
                self._put(phase)
                self._producer.answer()

    def _put(self, phase: Phase, start: float | None = None) -> None:
        self._producer.tell(
            queue="live" if phase.timed else phase.name,
            deliveries=[[each.url, each.at] for each in phase.deliveries],
            body_bytes=phase.body_bytes,
            start=start,
        )

    def _warm_up(self) -> None:
        port = self._receiver.facts["ports"][0]
        self._receiver.ask(expect=WARM_UP, under="/warm/")
        self._producer.ask(
            queue="live",
            deliveries=[[f"http://127.0.0.1:{port}/warm/{number}", 0.0] for number in range(WARM_UP)],
            body_bytes=2_048,
        )
        if self._receiver.ask(wait=60)["distinct"] != WARM_UP:
            raise RuntimeError("Celery does not deliver")

    def _start_redis(self, folder: Path, port: int) -> "subprocess.Popen[bytes]":
        program = shutil.which("redis-server")
        assert program is not None, "bench.delivery.missing has found it"
        command = [
            program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", self._fsync, "--daemonize", "no",
        ]  # fmt: skip
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def _start_worker(self, folder: Path) -> "subprocess.Popen[bytes]":
        pool, at_once = self._pool
        command = [
            str(PYTHON), "-m", "celery", "--app", "bench.peers.celery_task", "worker", "--queues", "live",
            "--pool", pool, "--concurrency", str(at_once), "--loglevel", "warning", "--without-gossip",
            "--without-mingle",
        ]  # fmt: skip
        with (folder / "worker.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"C_FORCE_ROOT": "1"})


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM lets a Celery worker finish; what waits at a dead host would take it hours."""
    import psutil

    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()
    psutil.wait_procs(children, 5)
