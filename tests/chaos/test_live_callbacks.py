"""Many live streams that call back: receivers from hell beside healthy ones, and kill -9 in the middle."""

import asyncio
import json
import os
import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from support.live_client import BYTES_PER_SECOND, CLOSE_STREAM, FINALIZE, RAW, LiveClient, stream
from support.program import KEY, Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE, eventually, real_pause

ROUNDS = max(1, int(os.environ.get("CHAOS_ROUNDS", "0")) // 10)
STREAMS_TO_KILL = 50
BAD_STREAMS, GOOD_STREAMS = 100, 5
SECONDS = 8.0
"""Of each of the two measurements."""
MOST_GROWTH = 200 << 20


def scripted(folder: Path, **settings: str) -> Program:
    """The installed server, with a recogniser that needs no processor."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "script.json"
    script.write_text(json.dumps({"steps": [{"words": "hello there"}]}))
    return Program(
        folder / "data",
        {"RINGBACK_MODEL": f"scripted:{script}", "RINGBACK_LIMITS_STREAMS": "200", **settings},
    )


def query(receiver: Receiver, tag: str) -> str:
    return f"{RAW}&inspect_response=true&tag={tag}&callback={quote(receiver.url, safe='')}"


# Receivers from hell


async def talk(client: LiveClient, pause: float, over: asyncio.Event) -> list[float]:
    """A Finalize now and then; seconds until each answer."""
    lags: list[float] = []
    while not over.is_set():
        await client.send(bytes(BYTES_PER_SECOND // 10))
        requested = time.monotonic()
        await client.send(FINALIZE)
        await client.wait_for("Results", len(lags) + 1, 60)
        lags.append(time.monotonic() - requested)
        await real_pause(pause, "a caller pauses between two sentences")
    await client.send(CLOSE_STREAM)
    assert await client.closed(60) == 1000
    return lags


async def one(
    program: Program, receiver: Receiver, tag: str, pause: float, over: asyncio.Event
) -> list[float]:
    await real_pause(random.uniform(0, pause), "callers do not begin together")
    async with stream(program.port, query(receiver, tag), key=KEY, ping_interval=None) as client:
        return await talk(client, pause, over)


async def measured(
    program: Program, healthy: Receiver, bad: Sequence[Receiver]
) -> tuple[list[float], float, int]:
    """Of the healthy streams, beside the bad ones: the lags of their answers, and how long after the last one
    all was delivered; and how many responses the bad ones had."""
    over = asyncio.Event()
    first = len(healthy.received)
    good = [one(program, healthy, "good", 0.2, over) for _ in range(GOOD_STREAMS)]
    others = [
        asyncio.create_task(one(program, bad[n % len(bad)], "bad", 1.0, over))
        for n in range(BAD_STREAMS if bad else 0)
    ]
    asyncio.get_running_loop().call_later(SECONDS, over.set)
    recognised = [lag for lags in await asyncio.gather(*good) for lag in lags]
    ended = time.monotonic()
    said = len(recognised) + GOOD_STREAMS  # and as many Metadata
    arrived = await asyncio.to_thread(
        healthy.wait_for, lambda got: len({each.headers["webhook-id"] for each in got[first:]}) >= said, 60
    )
    behind = max(0.0, max(each.at for each in arrived) - ended)
    return recognised, behind, sum([len(lags) for lags in await asyncio.gather(*others)])


def displayed(lags: Sequence[float]) -> str:
    ordered = sorted(lags)
    p95 = ordered[int(len(ordered) * 0.95)]
    return f"p50 {statistics.median(ordered) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms"


@pytest.mark.chaos
async def test_bad_receivers_slow_nobody_else(tmp_path: Path) -> None:
    released = threading.Event()

    def slow(_: Received) -> int:
        released.wait(1)
        return 200

    def hang(_: Received) -> int:
        released.wait(30)
        return 200

    with ExitStack() as stack:
        healthy = stack.enter_context(Receiver())
        bad = [stack.enter_context(Receiver(temper)) for temper in (slow, lambda _: 500, hang)]
        program = stack.enter_context(
            scripted(tmp_path, RINGBACK_CALLBACK_TIMEOUT="2", RINGBACK_CALLBACK_RETRY_DELAY="1")
        )
        program.wait_until_ready()
        assert program.process is not None
        server = psutil.Process(program.process.pid)
        alone, alone_behind, _ = await measured(program, healthy, ())
        before = server.memory_info().rss
        beside, beside_behind, responses = await measured(program, healthy, bad)
        growth = server.memory_info().rss - before
        waiting = program.metric('ringback_jobs{kind="deliver",state="queued"}')
        released.set()
    print(
        f"Finalize answered, and durable for its callback: alone {displayed(alone)}, all delivered "
        f"{alone_behind * 1000:.0f} ms after the last; beside {BAD_STREAMS} streams whose receivers are "
        f"slow, fail or hang ({responses} responses) {displayed(beside)}, {beside_behind * 1000:.0f} ms; "
        f"memory +{growth / 2**20:.0f} MiB, {waiting:.0f} deliveries of theirs queued"
    )
    assert growth < MOST_GROWTH
    # A busy machine slows down both.
    assert statistics.median(beside) < 1 + 10 * statistics.median(alone)
    assert beside_behind < 10 + 10 * alone_behind


# kill -9


class Witness:
    """One stream and what its client saw of it."""

    def __init__(self) -> None:
        self.request_id = ""
        self.seen: list[bytes] = []

    async def run(self, program: Program, receiver: Receiver) -> None:
        """Speak until the server is gone."""
        with suppress(ConnectionClosed, OSError):
            async with stream(
                program.port, query(receiver, "kill"), key=KEY, reading=False, ping_interval=None
            ) as client:
                self.request_id = client.request_id
                reading = asyncio.create_task(self._read(client))
                try:
                    while True:
                        await client.send(bytes(BYTES_PER_SECOND // 10))
                        await client.send(FINALIZE)
                        await real_pause(random.uniform(0.05, 0.3), "finals come at random moments")
                finally:
                    await reading

    async def _read(self, client: LiveClient) -> None:
        with suppress(ConnectionClosed):
            async for message in client.connection:
                assert isinstance(message, str)
                self.seen.append(message.encode())


def all_received(witnesses: Sequence[Witness]) -> bool:
    """Whether each has received a message."""
    return all(witness.seen for witness in witnesses)


@pytest.mark.chaos
@pytest.mark.timeout(600 + 60 * ROUNDS)
async def test_nothing_that_was_said_is_lost_over_kills(tmp_path: Path) -> None:
    moments = random.Random(20261122)

    def sometimes_failing(_: Received) -> int:
        return moments.choice([200, 200, 200, 200, 500])

    program = scripted(tmp_path, RINGBACK_CALLBACK_RETRY_DELAY="0.2", RINGBACK_CALLBACK_RETRIES="50")
    witnesses: list[Witness] = []
    with Receiver(sometimes_failing) as receiver, program:
        for _ in range(ROUNDS):
            await asyncio.to_thread(program.wait_until_ready)
            now = [Witness() for _ in range(STREAMS_TO_KILL)]
            witnesses += now
            speaking = [asyncio.create_task(witness.run(program, receiver)) for witness in now]
            await eventually(partial(all_received, now), 60)
            await real_pause(moments.uniform(0.5, 3.0), "a random moment is what this test is about")
            await asyncio.to_thread(program.kill)
            await asyncio.gather(*speaking)
            await asyncio.to_thread(program.start)
        await asyncio.to_thread(until_idle, program)
        check(program, receiver.received, witnesses)
        assert await asyncio.to_thread(program.stop) == 0


def until_idle(program: Program) -> None:
    def idle() -> bool:
        # In one look: between two, a delivery may be settled and the next of its stream queued.
        lines = program.get("/metrics").body.decode().splitlines()
        return all(line.endswith(" 0.0") for line in lines if line.startswith('ringback_jobs{kind="deliver"'))

    program.wait_until(idle, PATIENCE, "deliveries do not come to their end")


def has_failed(program: Program, request_id: str) -> bool:
    """Whether the record of a stream whose server was killed has been ended."""
    return bool(program.request(request_id)["code"] == 500)


def check(program: Program, arrivals: Sequence[Received], witnesses: Sequence[Witness]) -> None:
    by_stream: defaultdict[str, list[tuple[int, bytes]]] = defaultdict(list)
    for arrival in arrivals:
        number = int(arrival.headers["ringback-sequence"])
        by_stream[arrival.headers["dg-request-id"]].append((number, arrival.body))

    delivered = 0
    for request_id, got in by_stream.items():
        numbers = [number for number, _ in got]
        # One at a time: a number comes again (a retry, or a kill before its record), but none is passed over.
        assert all(0 <= later - earlier <= 1 for earlier, later in pairwise(numbers)), numbers
        assert numbers[0] == 1
        assert len(set(got)) == numbers[-1], f"{request_id}: one number, two messages"
        delivered += numbers[-1]

    seen = 0
    for witness in witnesses:
        messages = list(dict(by_stream[witness.request_id]).values())
        assert witness.seen == messages[: len(witness.seen)], (
            "what the client saw, the callback has, in order"
        )
        seen += len(witness.seen)
        program.wait_until(partial(has_failed, program, witness.request_id), PATIENCE, "a record stays open")
    print(
        f"{ROUNDS} kills of {STREAMS_TO_KILL} streams: {seen} responses seen by clients, {delivered} "
        f"delivered, 0 lost, {len(arrivals) - delivered} arrivals more (retries, and sent again)"
    )
    assert seen <= delivered
