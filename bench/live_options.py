"""Live lag with options on and off, in one run on one server.

    python -m bench.live_options [diarize]

The streams and the client are those of `bench.live`: one stream, then four at once, without the text options
and with them (`diarize`: without speakers and with them), by turns, twice. Some six minutes. Printed are the
median and 95 of 100 of each lag, in seconds.
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.harness.child import Child
from bench.harness.clips import clips
from bench.harness.plans import phrase, plans
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.live import LONGEST_CLIP, PROBE_SECONDS, QUERY, SECONDS, SHORTEST_CLIP, Measuring, confined
from bench.peers.live_servers import LiveServer

AT_ONCE = (1, 4)
ROUNDS = 2
ON = {
    "smart_format": "true",
    "numerals": "true",
    "detect_entities": "true",
    "redact": "pci",
    "profanity_filter": "true",
    "keyterm": "Metformin",
    "search": "conference",
}
OPTIONS = {"options off": QUERY, "options on": QUERY | ON}
SPEAKERS = {"speakers off": QUERY, "speakers on": QUERY | {"diarize": "true"}}
LAGS = ("first_partial", "word_shown", "word_final", "endpoint_final", "closing", "finalizing")


def run(queries: Mapping[str, Mapping[str, object]]) -> Report:
    report = Report("live_options", "live lag with options on and off", {"queries": queries})
    with ExitStack() as stack:
        stack.enter_context(confined())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
        load = stack.enter_context(Child("bench.load.stream"))
        server = stack.enter_context(RunningServer())
        phrases = [phrase(clip, server.port) for clip in clips(SHORTEST_CLIP, LONGEST_CLIP)]
        spoken = plans(phrases, folder, max(AT_ONCE), SECONDS)
        probe = plans(phrases, folder, 1, PROBE_SECONDS)[0]
        for _ in range(ROUNDS):
            for name, query in queries.items():
                measured = LiveServer(name, f"ws://127.0.0.1:{server.port}", server.pid, HEADERS)
                Measuring(load, report, spoken, probe, query).measure(measured, AT_ONCE)
    return report


def show(report: Report, names: Iterable[str]) -> None:
    print(f"load average: {os.getloadavg()[0]:.1f}")
    print(f"{'':24}" + "".join(f"{lag:>16}" for lag in LAGS))
    for count in AT_ONCE:
        for name in names:
            subject = f"{name}, {count} at once"
            figures = [
                f"{report.median(subject, f'{lag}_p50'):.2f}, {report.median(subject, f'{lag}_p95'):.2f}"
                for lag in LAGS
            ]
            print(f"{subject:24}" + "".join(f"{each:>16}" for each in figures))
    for note in report.notes:
        print(note)


if __name__ == "__main__":
    options = SPEAKERS if "diarize" in sys.argv[1:] else OPTIONS
    show(run(options), options)
