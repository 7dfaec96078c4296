"""How soon a fresh server can recognise, what its idle processes hold, and how soon `--help` is there."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness.costs import memory_alone
from bench.harness.report import Report
from bench.harness.server import RunningServer

IDLE_SECONDS = 3.0
READY_SECONDS, HELP_SECONDS, IDLE_MIB = 1.5, 0.2, 191.0
"""The aims; 200 MB in MiB."""
PROGRAM = str(Path(sys.executable).parent / "ringback")


def run(repeats: int) -> Report:
    report = Report(
        "start",
        "A fresh server: seconds until it is ready, and the memory of its processes while idle",
        {
            "ready": "from the start of `ringback serve` on an empty folder until the engine answers",
            "idle": "MiB of each process, 3 s after that, as if nothing else ran: pages that several of them "
            "share count once, those that they share with other programs in full",
            "help": "seconds of `ringback --help`",
            "bytecode": "kept from an earlier start, as an installation has it",
        },
    )
    with bytecode_kept():
        with RunningServer():
            pass  # The first start compiles what lies in the tree.
        for repeat in range(repeats):
            report.add("help", repeat, seconds=help_seconds())
            started = time.monotonic()
            with RunningServer() as server:
                report.add("ready", repeat, seconds=time.monotonic() - started)
                time.sleep(IDLE_SECONDS)
                processes = {
                    name.removeprefix("ringback."): mib for name, mib in memory_alone(server.pid).items()
                }
                report.add("idle", repeat, all=sum(processes.values()), **processes)
    report.aim_at_most("seconds until ready", report.median("ready", "seconds"), READY_SECONDS)
    report.aim_at_most("seconds of --help", report.median("help", "seconds"), HELP_SECONDS)
    report.aim_at_most("MiB of an idle server's processes", report.median("idle", "all"), IDLE_MIB)
    return report


def help_seconds() -> float:
    started = time.monotonic()
    subprocess.run([PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


@contextmanager
def bytecode_kept() -> Iterator[None]:
    """Whatever this shell says: a machine for tests may forbid it."""
    forbidden = os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        yield
    finally:
        if forbidden is not None:
            os.environ["PYTHONDONTWRITEBYTECODE"] = forbidden
