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
from urllib.parse import urlencode

import psutil

from bench.harness.child import Child
from bench.harness.costs import cpu_seconds
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.load.submit import BODY_BYTES

CONNECTIONS = (16, 64)
SECONDS = 4.0
WARM_UP = 1.0
PEERS = {
    "bare": ("--commit", "group"),
    "bare, renamed and folder synced": ("--commit", "group", "--durable-name"),
    "bare, a commit per row": ("--commit", "each"),
}
OURS = "ringback"


def run(repeats: int) -> Report:
    report = Report(
        "accept",
        "POST /v1/listen with 100 KB of WAV and a callback, beside bare handlers that keep the same bytes",
        {
            "body_bytes": BODY_BYTES,
            "seconds": SECONDS,
            "warm_up_seconds": WARM_UP,
            "connections": CONNECTIONS,
            "order": "every subject in turn, the order reversed from repeat to repeat",
            "transcription": "held back: the server's decoding processes are stopped while it accepts",
            "cpu_us": "processor time of the subject's whole process tree per accepted submit",
        },
    )
    subjects = [OURS, *PEERS]
    with Child("bench.load.submit") as load:
        for repeat in range(repeats):
            for subject in subjects if repeat % 2 == 0 else reversed(subjects):
                measure(subject, repeat, load, report)
    for connections in CONNECTIONS:
        name = f"{{}}, {connections} connections".format
        aim = f"accepts per second beside the bare handler, {connections} connections"
        report.aim_ratio(aim, "per_second", name(OURS), name("bare"), 1.0)
        aim = f"the same beside a bare handler whose files' names are as durable, {connections} connections"
        report.aim_ratio(aim, "per_second", name(OURS), name("bare, renamed and folder synced"), 0.7)
        what = f"processor time per submit beside the bare handler, {connections} connections"
        report.compare(what, "cpu_us", name(OURS), name("bare"))
    return report


def measure(subject: str, repeat: int, load: Child, report: Report) -> None:
    """One subject, fresh, under each number of connections."""
    with ExitStack() as stack:
        if subject == OURS:
            server = stack.enter_context(RunningServer())
            stack.enter_context(decoding_stopped(server.pid))
            pid, port = server.pid, server.port
        else:
            peer = stack.enter_context(Child("bench.peers.bare_handler", *PEERS[subject]))
            pid, port = peer.pid, peer.facts["port"]
        target = "/v1/listen?" + urlencode({"callback": "http://127.0.0.1:9/callback"})
        for connections in CONNECTIONS:
            before = cpu_seconds(pid)
            figures = load.ask(
                port=port,
                target=target,
                headers=HEADERS,
                connections=connections,
                seconds=SECONDS,
                warm_up=WARM_UP,
            )
            spent = cpu_seconds(pid) - before
            if set(figures["statuses"]) != {"200"} or figures["lost"]:
                raise RuntimeError(f"{subject}: {figures}")
            report.add(
                f"{subject}, {connections} connections",
                repeat,
                per_second=figures["per_second"],
                p50_ms=figures["p50_ms"],
                p99_ms=figures["p99_ms"],
                cpu_us=1e6 * spent / figures["answered"],
            )


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
