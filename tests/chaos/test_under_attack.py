"""The server under attack, beside a healthy tenant that sends a 3-second clip a second: served as ever.

The short form, which CI runs, makes all attacks at once for some seconds, a quarter of each, on each ledger:
it holds that nothing is lost, refused or let grow. The long form (`CHAOS_ROUNDS`) makes all of them, together
and each alone, and holds the times, too: it has the machine to itself.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from support.attacks import ATTACKS
from support.memory_cgroup import may_be_made, memory_cgroup
from support.postgres import PostgresServer, servers
from support.program import KEY, RINGBACK, Program
from support.receiver import Receiver
from support.waiting import real_pause_sync

CLIP = (Path(__file__).parents[1] / "audio" / "phone_en_conf_onlyperson.flac").read_bytes()
"""3.2 seconds of speech."""
LONG = int(os.environ.get("CHAOS_ROUNDS", "0")) > 0
CLIPS = 30 if LONG else 2
SHARE = 1.0 if LONG else 0.25
"""Of each attack's connections."""
SLOWEST_CLIP, SLOWEST_STATUS = 3.0, 1.0
"""Seconds."""
PATIENCE = 300.0
"""Seconds after which a clip counts as lost."""
MOST_GROWTH = 300 << 20
"""Bytes of the server, over what it has when idle."""
LEDGERS = ["sqlite", *(["postgres"] if servers() else [])]
EACH = [pytest.param([name], id=name, marks=pytest.mark.slow) for name in ATTACKS]


@pytest.fixture(scope="module", params=LEDGERS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("attacked")
    with ledger(request.param, folder) as settings, Program(folder / "data", settings) as running:
        running.wait_until_ready()
        assert running.listen(CLIP, "", "audio/flac").status == 200
        yield running


@contextmanager
def ledger(name: str, folder: Path) -> Iterator[dict[str, str]]:
    if name == "sqlite":
        yield {}
        return
    with PostgresServer(next(iter(servers().values()))) as postgres:
        yield {
            "RINGBACK_DATABASE_URL": postgres.url(),
            "RINGBACK_BLOBS_URL": f"file://{folder / 'blobs'}",
            "RINGBACK_SECRET_KEY": "a long and random text of the operator",
        }


@dataclass
class Tenant:
    """One clip a second, whether or not the last one is done; every second one is called back."""

    program: Program
    key: str
    receiver: Receiver
    took: list[float] = field(default_factory=list)
    called_back: list[str] = field(default_factory=list)

    def clips(self, count: int) -> None:
        with ThreadPoolExecutor(count) as threads:
            sent = []
            for number in range(count):
                sent.append(threads.submit(self._call_back if number % 2 else self._wait))
                real_pause_sync(1, "a clip is sent every second")
            for each in sent:
                each.result()

    def _wait(self) -> None:
        began = time.monotonic()
        reply = self.program.listen(CLIP, "", "audio/flac", PATIENCE, self.key)
        assert reply.status == 200, reply
        assert reply.json()["results"]["channels"][0]["alternatives"][0]["transcript"]
        self.took.append(time.monotonic() - began)

    def _call_back(self) -> None:
        began = time.monotonic()
        query = f"callback={quote(self.receiver.url, safe='')}"
        reply = self.program.listen(CLIP, query, "audio/flac", PATIENCE, self.key)
        assert reply.status == 200, reply
        request_id = reply.json()["request_id"]
        self.called_back.append(request_id)
        self.receiver.wait_for(
            lambda got: any(each.headers["dg-request-id"] == request_id for each in got), PATIENCE
        )
        self.took.append(time.monotonic() - began)


@dataclass
class Watch:
    """How long `/v1/status` takes, and how large the server's process becomes."""

    program: Program
    took: list[float] = field(default_factory=list)
    largest: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            began = time.monotonic()
            self.program.call("GET", "/v1/status", timeout=PATIENCE)
            self.took.append(time.monotonic() - began)
            self.largest = max(self.largest, resident(self.program))


def resident(program: Program) -> int:
    assert program.process is not None
    return int(psutil.Process(program.process.pid).memory_info().rss)


def new_key(program: Program, comment: str) -> str:
    reply = program.post(f"/v1/projects/{program.project}/keys", {"comment": comment, "scopes": ["member"]})
    assert reply.status == 200, reply
    return str(reply.json()["key"])


@contextmanager
def under_attack(program: Program, names: list[str], share: float = SHARE) -> Iterator[dict[str, int]]:
    """While the block runs; what is yielded is filled afterwards: how often each attack was tried.

    Attackers have machines of their own: what they do themselves is to take little of the server's.
    """
    target = [str(program.port), new_key(program, "hog"), str(share)]
    command = ["nice", "-n", "10", sys.executable, "-m", "support.attacks", *target, *names]
    tries: dict[str, int] = {}
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attackers:
        assert attackers.stdout is not None
        assert attackers.stdout.readline() == "on\n"
        try:
            yield tries
        finally:
            output, _ = attackers.communicate()
    tries.update(json.loads(output))


@pytest.mark.alone
@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("names", [pytest.param(list(ATTACKS), id="all at once"), *EACH])
def test_a_healthy_tenant_is_served_as_ever(program: Program, names: list[str]) -> None:
    idle = resident(program)
    with Receiver() as receiver:
        tenant = Tenant(program, new_key(program, "healthy"), receiver)
        tenant.clips(2)
        quiet, tenant.took = tenant.took, []
        with under_attack(program, names) as tries, Watch(program) as watch:
            tenant.clips(CLIPS)
        received = [each.headers["dg-request-id"] for each in receiver.received]
    print(
        f"{', '.join(names)}: 3-second clips {statistics.median(tenant.took):.2f} s at the median, "
        f"{max(tenant.took):.2f} s at most (when quiet: {max(quiet):.2f} s); /v1/status "
        f"{max(watch.took):.2f} s at most; memory +{(watch.largest - idle) / 2**20:.0f} MiB; "
        f"load {os.getloadavg()[0]:.1f}; tried: {tries}"
    )
    assert set(tries) == set(names)
    assert len(tenant.took) == CLIPS
    assert set(tenant.called_back) <= set(received)
    assert watch.largest - idle < MOST_GROWTH
    assert program.process is not None
    assert program.process.is_running()
    assert "Traceback" not in program.log
    assert program.get("/v1/projects", KEY).status == 200
    if LONG:
        assert max(tenant.took) < SLOWEST_CLIP
        assert max(watch.took) < SLOWEST_STATUS


@pytest.mark.alone
@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not may_be_made(), reason="no memory cgroup can be made here")
def test_twelve_bombs_at_once_fit_into_three_gigabytes(tmp_path: Path) -> None:
    with memory_cgroup(3 << 30) as limited:
        command = limited.command(str(RINGBACK))
        with Receiver() as receiver, Program(tmp_path / "data", command=command) as program:
            program.wait_until_ready()
            tenant = Tenant(program, new_key(program, "healthy"), receiver)
            tenant.clips(2)
            tenant.took.clear()
            with under_attack(program, ["memory bombs"], share=1.0) as tries:
                tenant.clips(10)
        print(
            f"12 bombs at a time, {tries['memory bombs']} in all: 3-second clips {max(tenant.took):.2f} s "
            f"at most; {limited.peak / 2**20:.0f} MiB at most, with the page cache; "
            f"load {os.getloadavg()[0]:.1f}"
        )
        assert not limited.killed
        if LONG:
            assert max(tenant.took) < SLOWEST_CLIP
