"""Bad receivers beside healthy ones: every attempt ends in time, in bounded memory, and delays no other.

`docs/callbacks.md` promises it. The bad ones live in a process of their own, the healthy ones in this one;
what is compared is the same load on the healthy ones, without and with the bad ones, in one run.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from support.program import Program
from support.receiver import Received, Receiver
from support.waiting import real_pause_sync

LIMIT = 2.0
"""Seconds for an attempt, in this test's server."""
TOLERANCE = 0.5
MACHINE = 1.5
"""Seconds more that a machine may take which runs much else: its processes may not get a turn for as long."""
MEMORY = 50_000_000
ROUNDS = 5 if int(os.environ.get("CHAOS_ROUNDS", "50")) > 50 else 1
HEALTHY = 160
"""Deliveries to healthy receivers in each half of the test."""
PER_SECOND = 20.0
OF_EACH = 2
"""Deliveries to each bad receiver, with up to two attempts each."""
NO_AUDIO = b"this is no recording: its callback carries the refusal, and costs no engine"

EXPECTED = {
    "slow headers": ("delivered", 1),
    "one byte a second": ("timeout", 2),
    "huge answer": ("delivered", 1),
    "endless chunks": ("delivered", 1),
    "gzip bomb": ("delivered", 1),
    "never reads": ("timeout", 2),
    "reset after headers": ("delivered", 1),
    "endless 1xx": ("protocol", 2),
    "truncated 200": ("delivered", 1),
    "redirect loop": ("redirected", 2),
    "huge header": ("delivered", 1),
    "many headers": ("delivered", 1),
    "accept then silence": ("timeout", 2),
    "hangs up": ("reset", 2),
    "idle keep-alive closed": ("delivered", 1),
    "good TLS": ("delivered", 1),
    "expired TLS": ("tls", 2),
    "wrong-host TLS": ("tls", 2),
}
"""Outcome and number of attempts; an idle connection that turns out to be dead costs none."""


@pytest.mark.alone
@pytest.mark.chaos
@pytest.mark.parametrize("number", range(ROUNDS))
def test_bad_receivers_harm_only_themselves(tmp_path: Path, number: int) -> None:
    with bad_receivers(tmp_path) as bad, ExitStack() as stack:
        healthy = [stack.enter_context(Receiver()) for _ in range(4)]
        settings = {
            "RINGBACK_CALLBACK_ALLOW": "127.0.0.1,localhost",
            "RINGBACK_CALLBACK_TIMEOUT": str(LIMIT),
            "RINGBACK_CALLBACK_SCHEDULE": "0.5s",
            "SSL_CERT_FILE": str(tmp_path / "authority.pem"),
        }
        with Program(tmp_path / "data", settings) as program:
            program.wait_until_ready()
            load(program, healthy, HEALTHY // 4)  # the first ones pay for whatever is made once
            alone = load(program, healthy, HEALTHY)
            with memory(program) as rise:
                submitted = {
                    name: [submit(program, url) for _ in range(OF_EACH)] for name, url in bad.items()
                }
                beside = load(program, healthy, HEALTHY)
                ended = {
                    name: [end_of(program, request_id) for request_id in ids]
                    for name, ids in submitted.items()
                }
    longest = max(seconds for each in ended.values() for delivery in each for seconds in durations(delivery))
    figures = {
        "round": number + 1,
        "bad receivers": len(ended),
        "attempts at them": sum(len(delivery) for each in ended.values() for delivery in each),
        "longest attempt, s": round(longest, 3),
        "limit, s": LIMIT,
        "memory rose by, MB": round(rise[0] / 1e6, 1),
        "healthy p50 alone, ms": milliseconds(alone, 0.50),
        "healthy p50 beside, ms": milliseconds(beside, 0.50),
        "healthy p99 alone, ms": milliseconds(alone, 0.99),
        "healthy p99 beside, ms": milliseconds(beside, 0.99),
    }
    print(json.dumps(figures))
    assert {name: outcomes(each) for name, each in ended.items()} == {
        name: {(outcome,) * attempts} for name, (outcome, attempts) in EXPECTED.items()
    }
    assert longest < LIMIT + TOLERANCE + MACHINE
    assert rise[0] < MEMORY
    # One delivery that waited for a bad receiver would wait for its whole limit.
    # A busy machine may hold up some of either half for as long.
    assert percentile(beside, 0.95) < percentile(alone, 0.99) + LIMIT / 2


@contextmanager
def bad_receivers(folder: Path) -> Iterator[dict[str, str]]:
    """Name → URL of each."""
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-m", "support.bad_receivers", str(folder)],
        cwd=tests,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        urls: dict[str, str] = json.loads(process.stdout.readline())
        try:
            yield urls
        finally:
            process.stdin.close()


@contextmanager
def memory(program: Program) -> Iterator[list[int]]:
    """The most that the server process (not its engine) grows by while this lasts, in bytes."""
    assert program.process is not None
    process, over = program.process, threading.Event()
    before = process.memory_info().rss
    rise = [0]

    def watch() -> None:
        while not over.wait(0.02):
            rise[0] = max(rise[0], process.memory_info().rss - before)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield rise
    finally:
        over.set()
        watching.join()


def load(program: Program, receivers: list[Receiver], count: int) -> list[float]:
    """Hand in so many requests at a steady pace; seconds from each one's acceptance to its callback."""
    accepted: list[dict[str, float]] = [{} for _ in receivers]
    began = time.monotonic()

    def hand_in(number: int) -> None:
        real_pause_sync(began + number / PER_SECOND - time.monotonic(), "deliveries come at this pace")
        place = number % len(receivers)
        request_id = submit(program, receivers[place].url)
        accepted[place][request_id] = time.monotonic()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(hand_in, range(count)))
    waited = []
    for receiver, mine in zip(receivers, accepted, strict=True):
        arrived = arrivals(receiver.wait_for(partial(all_arrived, mine.keys())))
        waited += [max(0.0, arrived[request_id] - at) for request_id, at in mine.items()]
    return waited


def all_arrived(expected: Collection[str], found: list[Received]) -> bool:
    return arrivals(found).keys() >= set(expected)


def arrivals(found: list[Received]) -> dict[str, float]:
    """When each request's callback came, on the clock of `time.monotonic`."""
    return {each.headers["dg-request-id"]: each.at for each in found}


def submit(program: Program, callback: str) -> str:
    reply = program.listen(NO_AUDIO, f"callback={quote(callback, safe='')}")
    assert reply.status == 200, reply.body
    return str(reply.json()["request_id"])


def end_of(program: Program, request_id: str) -> list[dict[str, Any]]:
    """The attempts at a request's delivery, once it has ended."""
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        deliveries = program.request(request_id)["ringback"]["deliveries"]
        found[:] = deliveries
        return bool(deliveries) and deliveries[0]["state"] in {"done", "parked"}

    program.wait_until(ended, 60, "a delivery to a bad receiver does not end")
    [delivery] = found
    attempts: list[dict[str, Any]] = delivery["attempts"]
    return attempts


def outcomes(deliveries: list[list[dict[str, Any]]]) -> set[tuple[str, ...]]:
    return {tuple(attempt["outcome"] for attempt in attempts) for attempts in deliveries}


def durations(attempts: list[dict[str, Any]]) -> list[float]:
    """Seconds by the server's own record."""
    return [attempt["detail"]["phases"]["total"] for attempt in attempts]


def percentile(seconds: list[float], part: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(part * len(seconds)))]


def milliseconds(seconds: list[float], part: float) -> float:
    return round(percentile(seconds, part) * 1000, 1)
