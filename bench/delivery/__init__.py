"""Delivering callbacks, each delivery durable, beside what a user would write instead: Celery and Redis.

Four questions: how many a second, how soon at a steady pace, what a thousand slow receivers do to the others,
and what a dead one does for which very many deliveries are due.
"""

import itertools
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from bench.delivery.celery import PYTHON, Celery
from bench.delivery.load import LARGE, SMALL, Delivery, Phase, Seen, addresses, ready, steady
from bench.delivery.ours import Late, Ours
from bench.harness.child import Child
from bench.harness.costs import MemoryWatch, cpu_seconds
from bench.harness.report import Report

PORTS = 64
AT_ONCE = 64
"""In flight over all receivers: Ringback's default, and as much concurrency for Celery."""
BARE_AT_ONCE = 32
"""What the bare loop is quickest with here; also the most that Ringback sends one receiver at once."""

OUR_COUNT, BARE_COUNT, THEIR_COUNT, SYNCED_COUNT = 5_000, 15_000, 1_000, 300
"""Of 2 KB, ready at once. Celery is slower, and slower still with an fsync for each command of Redis: fewer
make as long a measurement; the loop that keeps nothing is quicker."""
LARGE_COUNT = 400
PACE, PACE_SECONDS = 500.0, 5.0

MOST_REPEATS = 3

SLOW, SLOW_SECONDS = 1_000, 5
ENOUGH = 1_200
"""At once: more than there are slow ones."""
BESIDE_PACE, BESIDE_SECONDS = 20.0, 10.0
"""Of healthy deliveries beside the slow ones, in time for all of them to lie behind slow ones."""

DEAD = 200_000
HEALTHY_PACE, HEALTHY_SECONDS = 100.0, 10.0
"""Each to a host of its own."""
GIVEN_UP_AFTER = 20.0
"""Seconds: what has not come by then had to wait for the dead host."""


class Running(Protocol):
    pids: tuple[int, ...]

    def play(self, phase: Phase) -> Seen: ...


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    start: Callable[..., AbstractContextManager[Running]]
    """Takes the receiver, the phases and `backlog`."""
    count: int


OURS = Subject("ringback", Ours, OUR_COUNT)


def celery(pool: str, fsync: str, at_once: int = AT_ONCE) -> Subject:
    what = "processes" if pool == "prefork" else "threads"
    return Subject(
        f"celery, {at_once} {what}, appendfsync {fsync}",
        partial(Celery, pool=pool, at_once=at_once, fsync=fsync),
        SYNCED_COUNT if fsync == "always" else THEIR_COUNT,
    )


QUICK = [OURS, celery("prefork", "always"), celery("prefork", "everysec"), celery("threads", "everysec")]
SLOWED = [
    OURS,
    celery("prefork", "everysec"),
    Subject(f"ringback, {ENOUGH} at once", partial(Ours, callback_concurrency=str(ENOUGH)), OUR_COUNT),
    celery("threads", "everysec", ENOUGH),
]
DEADENED = [OURS, celery("prefork", "everysec")]


def missing() -> str | None:
    """What this benchmark needs and this machine lacks."""
    if shutil.which("redis-server") is None:
        return "redis-server is not on PATH, and Celery needs it: `apt-get install redis-server` (Debian)"
    return None


def run(repeats: int) -> Report:
    report = Report("delivery", "Deliveries beside Celery with requests and Redis", method())
    with (
        Child("bench.load.receiver", "--ports", str(PORTS)) as receiver,
        Child("bench.peers.bare_posts") as bare,
    ):
        for repeat in range(min(repeats, MOST_REPEATS)):
            for subject in QUICK if repeat % 2 == 0 else reversed(QUICK):
                beside = {"bare aiohttp": bare} if subject is OURS else {}
                measure_speed(subject, receiver, repeat, report, beside)
        for subject in DEADENED:
            for backlog in (0, DEAD):
                measure_beside_dead(subject, backlog, receiver, report)
        for subject in SLOWED:
            measure_beside_slow(subject, receiver, report)
    judge(report)
    return report


def judge(report: Report) -> None:
    for case in ("1 receiver", "64 receivers"):
        report.aim_ratio(
            f"deliveries per second beside the bare loop, {case}",
            "per_second",
            f"ringback: {case}",
            f"bare aiohttp: {case}",
            0.5,
        )
        for peer in QUICK[1:]:
            for figure in ("per_second", "cpu_us"):
                report.compare(
                    f"{figure} beside {peer.name}, {case}",
                    figure,
                    f"ringback: {case}",
                    f"{peer.name}: {case}",
                )
    dead = f"ringback: beside a dead host with {DEAD:,} due"
    report.aim_at_most("p99 in ms beside a dead host", report.median(dead, "p99_ms"), 500)


# --- how many, and how soon ----------------------------------------------------------------------


def measure_speed(
    subject: Subject, receiver: Child, repeat: int, report: Report, beside: Mapping[str, Child]
) -> None:
    """`beside`: loops that keep nothing, by name, each of which is measured right behind each of the cases of
    2 KB that lie ready, by turns with the subject."""
    for stretch in (1, 2, 4, 8):
        phases = speed_phases(subject, receiver.facts["ports"], stretch)
        measured: list[tuple[str, dict[str, float]]] = []
        try:
            with subject.start(receiver, phases) as running:
                for case, phase in zip(SPEED_CASES, phases, strict=True):
                    seen = running.play(phase)
                    measured.append((f"{subject.name}: {case}", speed_figures(phase, seen)))
                    for name, bare in beside.items() if case in READY_CASES else ():
                        measured.append((f"{name}: {case}", bare_figures(bare, receiver, READY_CASES[case])))
        except Late:
            continue
        for name, figures in measured:
            report.add(name, repeat, **figures)
        return
    raise RuntimeError("this machine is too busy to measure anything")


READY_CASES = {"1 receiver": 1, "64 receivers": PORTS}
"""Deliveries of 2 KB that lie ready, and to how many receivers."""
SPEED_CASES = (*READY_CASES, "100 KB, 16 receivers", f"steady {PACE:g}/s")


def speed_phases(subject: Subject, ports: Sequence[int], stretch: int) -> list[Phase]:
    hosts = itertools.cycle(f"127.0.0.1:{port}" for port in ports)
    large = min(LARGE_COUNT, subject.count)
    return [
        ready("one", subject.count, ports[:1], starts=0),
        ready("many", subject.count, ports, starts=6 * stretch),
        ready("large", large, ports[:16], starts=12 * stretch, body_bytes=LARGE),
        Phase("pace", steady("pace", hosts, PACE, PACE_SECONDS), starts=15 * stretch, patience=20),
    ]


def speed_figures(phase: Phase, seen: Seen) -> dict[str, float]:
    arrived = seen.distinct / len(phase.deliveries)
    if arrived < 1 and not phase.timed:
        raise RuntimeError(f"{phase.name}: {seen.distinct} arrived")
    figures = {
        "per_second": (seen.count - 1) / seen.seconds,
        "cpu_us": 1e6 * seen.cpu / seen.count,
        "duplicates": seen.count - seen.distinct,
    }
    if phase.timed:
        figures |= {"arrived": arrived, **lag_figures(seen.lags)}
    return figures


def bare_figures(bare: Child, receiver: Child, receivers: int) -> dict[str, float]:
    command = {
        "ports": receiver.facts["ports"][:receivers], "body_bytes": SMALL, "at_once": BARE_AT_ONCE,
    }  # fmt: skip
    # A first round opens the connections and warms the loop.
    bare.ask(**command, count=200)
    receiver.ask(expect=BARE_COUNT)
    before = cpu_seconds(bare.pid)
    bare.ask(**command, count=BARE_COUNT)
    seen = receiver.ask(wait=10)
    return {
        "per_second": (seen["count"] - 1) / seen["seconds"],
        "cpu_us": 1e6 * (cpu_seconds(bare.pid) - before) / BARE_COUNT,
    }


# --- who suffers for whom ------------------------------------------------------------------------


def measure_beside_dead(subject: Subject, backlog: int, receiver: Child, report: Report) -> None:
    hosts = addresses(1, receiver.facts["ports"][0])
    healthy = steady("healthy", hosts, HEALTHY_PACE, HEALTHY_SECONDS, head=0.1)
    phase = Phase("healthy", healthy, starts=2, patience=GIVEN_UP_AFTER)
    case = f"beside a dead host with {backlog:,} due" if backlog else "the same without the dead host"
    with dead_host() as url, subject.start(receiver, [phase], backlog=(url, backlog)) as running:
        with watched(running) as memory:
            seen = running.play(phase)
        report.add(
            f"{subject.name}: {case}",
            0,
            healthy_arrived=seen.distinct / len(healthy),
            **lag_figures(seen.lags),
            **memory,
        )


def measure_beside_slow(subject: Subject, receiver: Child, report: Report) -> None:
    port = receiver.facts["ports"][0]
    slow = [
        Delivery(f"/slow/{SLOW_SECONDS}/{number}", host)
        for number, host in enumerate(itertools.islice(addresses(2, port), SLOW))
    ]
    healthy = steady("slow/0", addresses(1, port), BESIDE_PACE, BESIDE_SECONDS, head=0.5)
    phase = Phase("slow", [*slow, *healthy], starts=2, patience=150)
    with subject.start(receiver, [phase]) as running:
        with watched(running) as memory:
            seen = running.play(phase)
            # The last ones have come in; they are answered so much later.
            time.sleep(SLOW_SECONDS + 0.5)
        report.add(
            f"{subject.name}: beside {SLOW:,} slow receivers",
            0,
            slow_done_seconds=max(lag for lag in seen.lags[:SLOW] if lag is not None) + SLOW_SECONDS,
            arrived=seen.distinct / len(phase.deliveries),
            **lag_figures(seen.lags[SLOW:]),
            cpu_us=1e6 * seen.cpu / max(1, seen.count),
            **memory,
        )


@contextmanager
def dead_host() -> Iterator[str]:
    """Its kernel takes a few connections; they are never read, and further ones are not answered."""
    with socket.create_server(("127.200.0.1", 0), backlog=4) as dead:
        yield f"http://127.200.0.1:{dead.getsockname()[1]}/"


@contextmanager
def watched(running: Running) -> Iterator[dict[str, float]]:
    """MiB of the subject's processes; filled in at the end."""
    figures: dict[str, float] = {}
    watch = MemoryWatch(*running.pids, every=0.5)
    yield figures
    peak = watch.end()
    figures |= {"peak_pss": peak.pss, "peak_resident": peak.high_water}


def lag_figures(lags: Sequence[float | None]) -> dict[str, float]:
    """Milliseconds from due to received. What never came waits for ever: beyond it there is no percentile."""
    ordered = sorted(lag for lag in lags if lag is not None)
    percentiles = {"p50_ms": 0.5, "p99_ms": 0.99}
    places = {name: int(share * len(lags)) for name, share in percentiles.items()}
    return {name: 1000 * ordered[place] for name, place in places.items() if place < len(ordered)}


def method() -> dict[str, Any]:
    return {
        "subjects": "Ringback: the installed server with its recogniser loaded. Celery: the task of "
        "bench/peers/celery_task.py (acks_late, max_retries=10, countdown=30, requests.Session kept, "
        "time-outs 1 and 10 s), Redis with appendonly. Bare: an aiohttp loop that keeps nothing",
        "versions_of_peers": peer_versions(),
        "counts": {
            "ringback": OUR_COUNT,
            "bare": BARE_COUNT,
            "celery": THEIR_COUNT,
            "celery, always": SYNCED_COUNT,
            "100 KB": LARGE_COUNT,
            "steady": PACE * PACE_SECONDS,
        },
        "per_second": "by the receiver's clock, first to last; ready in the ledger or queue before",
        "bare": "right behind each of Ringback's cases, while its server is idle",
        "lag": "from due (Ringback) or just before apply_async (Celery) to received, by one clock",
        "cpu_us": "processor time per delivery of all processes of the subject, Redis included, producer not",
        "memory": "MiB over all processes, Redis included: PSS sampled every 0.5 s, and the sum of the "
        "kernel's resident peaks; Ringback's includes the recogniser with its model",
        "repeats": "of the speeds; one run of each case beside slow and dead receivers",
        "dead": "accepts a few connections and never reads; the callback's time limits are the defaults",
    }


def peer_versions() -> dict[str, str]:
    names = ["celery", "kombu", "redis", "requests"]
    program = f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(n) for n in {names}}}))"
    said = subprocess.run([str(PYTHON), "-c", program], capture_output=True, check=True).stdout
    server = subprocess.run(["redis-server", "--version"], capture_output=True, check=True, text=True).stdout
    versions: dict[str, str] = json.loads(said)
    return versions | {"redis-server": server.split("v=", 1)[1].split()[0]}
