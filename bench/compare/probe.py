"""One measurement of the tree whose `bench` and `ringback` are on the path: `python probe.py NAME`; JSON.

It runs on both commits, so it uses of their `bench` only what both have.
"""

import asyncio
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

CLIP = "tests/audio/phone_en_auth_incorrect.flac"
CONNECTIONS = 16
SECONDS = 5.0
DELIVERIES = 3_000
RECORDINGS, AT_ONCE = 48, 4
CYCLES_AT_ONCE, WARM_UP = 64, 0.5


def accepts() -> dict[str, float]:
    """Submits of 100 KB with a callback; what was accepted is held back from being decoded."""
    from bench.accept import decoding_stopped
    from bench.harness.child import Child
    from bench.harness.costs import cpu_seconds
    from bench.harness.server import HEADERS, RunningServer

    target = "/v1/listen?" + urlencode({"callback": "http://127.0.0.1:9/callback"})
    with Child("bench.load.submit") as load, RunningServer() as server, decoding_stopped(server.pid):
        options = {"port": server.port, "target": target, "headers": HEADERS, "connections": CONNECTIONS}
        load.ask(**options, seconds=1.0, warm_up=0.0)
        before = cpu_seconds(server.pid)
        figures = load.ask(**options, seconds=SECONDS, warm_up=0.0)
        spent = cpu_seconds(server.pid) - before
    return {
        "cpu_us": 1e6 * spent / figures["answered"],
        "per_second": figures["per_second"],
        "p99_ms": figures["p99_ms"],
    }


def deliveries() -> dict[str, float]:
    """Callbacks of 2 KB that lie in the ledger and are due together."""
    from bench.delivery.load import ready
    from bench.delivery.ours import Ours
    from bench.harness.child import Child

    with Child("bench.load.receiver", "--ports", "64") as receiver:
        phase = ready("ready", DELIVERIES, receiver.facts["ports"], 0.0)
        with Ours(receiver, [phase]) as ours:
            seen = ours.play(phase)
    if seen.distinct != DELIVERIES:
        raise RuntimeError(f"{seen.distinct} of {DELIVERIES} deliveries came")
    return {"cpu_us": 1e6 * seen.cpu / seen.count, "per_second": seen.count / seen.seconds}


def recordings() -> dict[str, float]:
    """A 3-second clip, whose callers wait for it, so many at a time."""
    from bench.harness.costs import cpu_seconds
    from bench.harness.server import RunningServer

    with RunningServer() as server, ThreadPoolExecutor(AT_ONCE) as threads:
        transcribe = _caller(server.port)
        list(threads.map(transcribe, range(2 * AT_ONCE)))
        before, began = cpu_seconds(server.pid), time.monotonic()
        list(threads.map(transcribe, range(RECORDINGS)))
        took, spent = time.monotonic() - began, cpu_seconds(server.pid) - before
    return {"cpu_us": 1e6 * spent / RECORDINGS, "per_second": RECORDINGS / took}


def _caller(port: int) -> Callable[[int], None]:
    from bench.harness.server import HEADERS

    clip = Path(CLIP).read_bytes()

    def transcribe(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        connection.request("POST", "/v1/listen", clip, HEADERS | {"content-type": "audio/flac"})
        answer = connection.getresponse()
        if answer.status != 200 or b"transcript" not in answer.read():
            raise RuntimeError(f"a recording ended with {answer.status}")
        connection.close()

    return transcribe


def cycles() -> dict[str, float]:
    """Whole requests on SQLite: a recording added, claimed and settled with a delivery; the delivery too."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        return _cycled(f"{folder}/ledger.db")


def cycles_on_postgres() -> dict[str, float]:
    """The same on a PostgreSQL with one node; the processor time is the node's alone."""
    sys.path.insert(0, str(Path("tests").resolve()))
    from ringback.storage.postgres import schema
    from support.postgres import PostgresServer, servers

    with PostgresServer(next(iter(servers().values())), durable=True) as server:
        asyncio.run(schema.migrate(server.url()))
        return _cycled(server.url())


def _cycled(place: str) -> dict[str, float]:
    from bench.harness.child import Child
    from bench.load.cycles import LANES

    with Child("bench.load.ledger_cycle", place, str(LANES)) as node:
        start = time.monotonic() + 0.1
        count_from = start + WARM_UP
        figures = node.ask(
            do="cycle", start=start, count_from=count_from, until=count_from + SECONDS, at_once=CYCLES_AT_ONCE
        )
    count = figures["count"]
    return {"cpu_us": 1e6 * figures["cpu"] / count, "per_second": count / figures["seconds"]}


def be_patient() -> None:
    """A busy machine may take minutes for a start, which is not what is measured."""
    from bench.delivery import ours
    from bench.harness.server import RunningServer

    RunningServer._wait_until_ready.__defaults__ = (600.0,)
    ours.START_SECONDS = (15.0, 60.0, 300.0)


PROBES: dict[str, Callable[[], dict[str, float]]] = {
    "accepts": accepts,
    "deliveries": deliveries,
    "recordings": recordings,
    "cycles": cycles,
    "cycles_on_postgres": cycles_on_postgres,
}

if __name__ == "__main__":
    be_patient()
    print(json.dumps(PROBES[sys.argv[1]]()))
