"""Clients from hell, all at once, beside one that behaves: bounded, closed with the right code, harmless."""

import asyncio
import json
import random
import socket
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from support.live_client import (
    BYTES_PER_SECOND,
    CLOSE_STREAM,
    FINALIZE,
    KEEP_ALIVE,
    LiveClient,
    stream,
)
from support.program import KEY, Program
from support.receiver import Receiver
from support.waiting import PATIENCE, real_pause

SPOKEN = Path(__file__).parent.parent / "audio" / "librivox_0920.flac"
FLOOD_SECONDS = 180
ONE_BYTE_FRAMES = 3_000
MOST_GROWTH = 200 << 20
"""Bytes that the server may grow by: the machine's other work moves this figure, a leak moves it far more."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("hostile")
    script = folder / "script.json"
    script.write_text(json.dumps({"steps": [{"words": "hello there"}]}))
    settings = {"RINGBACK_MODEL": f"scripted:{script}", "RINGBACK_LIMITS_STREAMS": "50"}
    with Program(folder / "data", settings) as running:
        running.wait_until_ready()
        yield running


async def half_open(program: Program) -> str:
    """The other end is gone and has not said so: no word, no pong."""
    async with stream(program.port, key=KEY, reading=False, ping_interval=None) as client:
        await client.send(bytes(3_200))
        client.connection.transport.pause_reading()
        await until_ended(program, client)
        client.connection.transport.abort()
        return client.request_id


async def flood(program: Program) -> str:
    """Three minutes of audio, as fast as the network takes them."""
    async with stream(program.port, key=KEY, ping_interval=None) as client:
        began = time.monotonic()
        await client.speak(bytes(FLOOD_SECONDS * BYTES_PER_SECOND), frame=1.0, pace=0)
        await client.send(CLOSE_STREAM)
        assert await client.closed() == 1000
        print(f"{FLOOD_SECONDS} s of audio pushed and heard in {time.monotonic() - began:.1f} s")
        assert client.of("Metadata")[0]["duration"] == FLOOD_SECONDS
        return client.request_id


async def one_byte_frames(program: Program) -> str:
    """Every frame a single byte."""
    async with stream(program.port, key=KEY, ping_interval=None) as client:
        for _ in range(ONE_BYTE_FRAMES):
            await client.send(b"\0")
        await client.send(CLOSE_STREAM)
        assert await client.closed() == 1000
        assert client.of("Metadata")[0]["duration"] == pytest.approx(
            ONE_BYTE_FRAMES / BYTES_PER_SECOND, abs=1e-3
        )
        return client.request_id


async def ten_megabytes(program: Program) -> str:
    """One frame that is larger than any may be."""
    async with stream(program.port, key=KEY, ping_interval=None) as client:
        with suppress(ConnectionClosed):
            await client.send(bytes(10_000_000))
        assert await client.closed(60) == 1009
        return client.request_id


async def never_read(program: Program) -> str:
    """Asks for many answers, and reads none."""
    small = socket.create_connection(("127.0.0.1", program.port))
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    small.setblocking(False)
    async with stream(program.port, key=KEY, reading=False, ping_interval=None, sock=small) as client:
        client.connection.transport.pause_reading()
        writing = asyncio.create_task(ask_for_errors(client))
        await until_ended(program, client)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        client.connection.transport.abort()
        return client.request_id


async def ask_for_errors(client: LiveClient) -> None:
    while True:
        await client.send("?" * 4_000)


async def until_ended(program: Program, client: LiveClient) -> None:
    """Until the server has settled the stream's record."""
    await asyncio.to_thread(settled, program, client.request_id)


def settled(program: Program, request_id: str) -> int:
    """The code of a stream's record, which is there just after the close."""
    program.wait_until(lambda: program.request(request_id)["code"] is not None, 90, "the stream does not end")
    code: int = program.request(request_id)["code"]
    return code


async def behaving(program: Program, over: asyncio.Event) -> list[float]:
    """Seconds from each Finalize to its answer."""
    lags: list[float] = []
    async with stream(program.port, key=KEY) as client:
        while not over.is_set():
            await client.send(bytes(BYTES_PER_SECOND // 5))
            requested = time.monotonic()
            await client.send(FINALIZE)
            await client.wait_for("Results", len(lags) + 1, 60)
            lags.append(time.monotonic() - requested)
            await client.send(KEEP_ALIVE)
            await real_pause(0.2, "the audio that was sent lasts so long")
        await client.send(CLOSE_STREAM)
        assert await client.closed(PATIENCE) == 1000
    return lags


CLIENTS: dict[Callable[[Program], Awaitable[str]], int] = {
    half_open: 408,
    flood: 200,
    one_byte_frames: 200,
    ten_megabytes: 413,
    never_read: 408,
}
"""Each with the status that its record gets."""


@pytest.mark.chaos
async def test_hostile_clients_do_no_harm(program: Program) -> None:
    assert program.process is not None
    server = psutil.Process(program.process.pid)
    before = server.memory_info().rss
    over = asyncio.Event()
    good = asyncio.create_task(behaving(program, over))
    clients = [client for client in CLIENTS for _ in range(2)]
    ids = await asyncio.gather(*(client(program) for client in clients))
    over.set()
    lags = await good
    growth = server.memory_info().rss - before

    for client, request_id in zip(clients, ids, strict=True):
        code = await asyncio.to_thread(settled, program, request_id)
        assert code == CLIENTS[client], client.__name__
    await asyncio.to_thread(
        program.wait_until,
        lambda: program.get("/v1/status").json()["active_stream_requests"] == 0,
        PATIENCE,
        "a stream stays open",
    )
    print(
        f"beside {len(clients)} hostile clients: Finalize answered after "
        f"{statistics.median(lags) * 1000:.0f} ms (p95 {sorted(lags)[int(len(lags) * 0.95)] * 1000:.0f} ms, "
        f"{len(lags)} asked), memory +{growth / 2**20:.0f} MiB"
    )
    assert growth < MOST_GROWTH
    assert statistics.median(lags) < 2


async def test_junk_in_bare_packets_is_no_fault_of_ours(program: Program) -> None:
    """The decoder gives up while the client still sends, at any moment of its sending."""
    chance = random.Random(1)
    for size in (5, 40, 400, 4_000):
        query = "encoding=speex&sample_rate=16000"
        async with stream(program.port, query, key=KEY, ping_interval=None) as client:
            with suppress(ConnectionClosed):
                for _ in range(1_000):
                    await client.send(chance.randbytes(size))
            assert await client.closed(60) == 1008
            assert client.reason == "DATA-0000"
            assert await asyncio.to_thread(settled, program, client.request_id) == 400


@pytest.mark.parametrize("to_callback", [False, True])
async def test_what_was_heard_is_reported_before_an_undecodable_end(
    program: Program, to_callback: bool
) -> None:
    with Receiver() as receiver:
        query = f"inspect_response=true&callback={quote(receiver.url, safe='')}" if to_callback else "tag=a"
        async with stream(program.port, query, key=KEY, ping_interval=None) as client:
            await client.send(SPOKEN.read_bytes())
            with suppress(ConnectionClosed):
                for _ in range(250):
                    await client.send(bytes(range(200)) * 20)
            assert await client.closed(60) == 1008
            assert client.reason == "DATA-0000"
            assert "hello there" in client.transcript
            assert client.of("Metadata")[0]["duration"] == pytest.approx(6.0, abs=0.5)
            if to_callback:
                said = len(client.messages)
                received = receiver.wait_for(lambda got: len(got) >= said, 30)
                assert [each.json() for each in received] == client.messages


async def test_the_server_goes_on(program: Program) -> None:
    async with stream(program.port, key=KEY) as client:
        await client.send(bytes(BYTES_PER_SECOND))
        await client.send(CLOSE_STREAM)
        assert await client.closed() == 1000
    folder = Path(program.data_dir)
    assert "stream.failed" not in (folder / "server.log").read_text()
