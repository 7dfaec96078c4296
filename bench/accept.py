"""How many 100 KB submits with a callback are accepted per second, and how soon each is answered.

Accepted means durable: the file and its row survive a power cut before the answer is sent. The transcription
of what was accepted is held back, because it would compete for the processor with what is measured: the
decoding processes are stopped (SIGSTOP) as they appear, so that jobs are claimed, but none is carried out.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlencode

import psutil

from bench.harness.child import Child, Facts
from bench.harness.costs import cpu_seconds, main_thread_seconds
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.load.submit import BODY_BYTES

CONNECTIONS = (16, 64)
SLICE, WARM_UP = 1.7, 0.2
"""Seconds for which one subject is loaded before it is the next one's turn: the same disk is twice as fast
from one minute to the next."""
PEERS = {
    "bare": ("--commit", "group"),
    "bare, renamed and folder synced": ("--commit", "group", "--durable-name"),
    "bare, a commit per row": ("--commit", "each"),
}
OURS = "ringback"


class Loaded(NamedTuple):
    """A subject that runs, and waits for its turns."""

    name: str
    pid: int
    port: int


def run(repeats: int) -> Report:
    report = Report(
        "accept",
        "POST /v1/listen with 100 KB of WAV and a callback, beside bare handlers that keep the same bytes",
        {
            "body_bytes": BODY_BYTES,
            "seconds": SLICE,
            "warm_up_seconds": WARM_UP,
            "connections": CONNECTIONS,
            "order": "all run side by side and are loaded by turns, the order reversed from round to round",
            "transcription": "held back: the server's decoding processes are stopped while it accepts",
            "cpu_us": "processor time of the subject's whole process tree per accepted submit",
            "loop_us": "of it the thread of the event loop",
        },
    )
    with ExitStack() as stack:
        load = stack.enter_context(Child("bench.load.submit"))
        subjects = list(started(stack))
        for subject in subjects:
            loaded(load, subject, max(CONNECTIONS))  # warms up
        for number in range(repeats):
            for connections in CONNECTIONS:
                for subject in subjects if number % 2 == 0 else reversed(subjects):
                    measure(load, subject, connections, number, report)
    judge(report)
    return report


def judge(report: Report) -> None:
    for connections in CONNECTIONS:
        name = f"{{}}, {connections} connections".format
        aim = f"accepts per second beside the bare handler, {connections} connections"
        report.aim_ratio(aim, "per_second", name(OURS), name("bare"), 1.0)
        aim = f"the same beside a bare handler whose files' names are as durable, {connections} connections"
        report.aim_ratio(aim, "per_second", name(OURS), name("bare, renamed and folder synced"), 0.7)
        for figure, what in (("cpu_us", "processor time"), ("loop_us", "the event loop's")):
            report.compare(
                f"{what} per submit beside the bare handler, {connections} connections",
                figure,
                name(OURS),
                name("bare"),
            )


def started(stack: ExitStack) -> Iterator[Loaded]:
    """Every subject, until the stack is closed."""
    server = stack.enter_context(RunningServer())
    stack.enter_context(decoding_stopped(server.pid))
    yield Loaded(OURS, server.pid, server.port)
    for name, arguments in PEERS.items():
        peer = stack.enter_context(Child("bench.peers.bare_handler", *arguments))
        yield Loaded(name, peer.pid, peer.facts["port"])


def measure(load: Child, subject: Loaded, connections: int, number: int, report: Report) -> None:
    """One slice."""
    tree, loop = cpu_seconds(subject.pid), main_thread_seconds(subject.pid)
    figures = loaded(load, subject, connections)
    tree, loop = cpu_seconds(subject.pid) - tree, main_thread_seconds(subject.pid) - loop
    report.add(
        f"{subject.name}, {connections} connections",
        number,
        per_second=figures["per_second"],
        p50_ms=figures["p50_ms"],
        p99_ms=figures["p99_ms"],
        cpu_us=1e6 * tree / figures["answered"],
        loop_us=1e6 * loop / figures["answered"],
    )


def loaded(load: Child, subject: Loaded, connections: int) -> Facts:
    """What the callers saw of a slice."""
    figures = load.ask(
        port=subject.port,
        target="/v1/listen?" + urlencode({"callback": "http://127.0.0.1:9/callback"}),
        headers=HEADERS,
        connections=connections,
        seconds=SLICE,
        warm_up=WARM_UP,
    )
    if set(figures["statuses"]) != {"200"} or figures["lost"]:
        raise RuntimeError(f"{subject.name}: {figures}")
    return figures


@contextmanager
def decoding_stopped(server: int) -> Iterator[None]:
    """Stop each decoding process as it appears, for as long as the context lasts."""
    over = threading.Event()

    def watch() -> None:
        stopped: set[int] = set()
        while not over.wait(0.02):
            for process in psutil.Process(server).children():
                with suppress(psutil.Error, ProcessLookupError):
                    if process.pid not in stopped and "ringback.audio.child" in process.cmdline():
                        os.kill(process.pid, signal.SIGSTOP)
                        stopped.add(process.pid)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
