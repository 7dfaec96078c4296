"""Strangers without a key, on raw sockets: bounded, answered, and no reason for a stop to fail."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support import short_grace
from support.program import KEY, Program
from support.stuck import GET, STUCK

CLIP = Path(__file__).parent.parent / "audio" / "phone_en_auth_incorrect.flac"
ADDRESS_LIMIT = 300
MORE = 30
"""Connections above it."""
PIPELINING = 40
"""Connections."""
GRACE = 1.0
"""Seconds; the ten that it is otherwise are only waited for."""

MOST_GROWTH = 150 << 20
"""Bytes: a hundredth of what as many pipelined requests took when all of them were parsed at once."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Of both tests: a start takes longer than either. The last one stops it."""
    tmp_path = tmp_path_factory.mktemp("connections")
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"steps": [{"words": "hello there", "delay": 300}]}))
    settings = {
        "RINGBACK_MODEL": f"scripted:{script}",
        "RINGBACK_LIMITS_CONNECTIONS_PER_ADDRESS": str(ADDRESS_LIMIT),
    }
    command = (sys.executable, short_grace.__file__, str(GRACE))
    with Program(tmp_path / "data", settings, command=command) as running:
        running.wait_until_ready()
        yield running


async def say(program: Program, data: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a client that reads no answer
    writer.write(data)
    return writer


@pytest.mark.chaos
async def test_pipelined_requests_cost_their_bytes_and_no_more(program: Program) -> None:
    assert program.process is not None
    server = psutil.Process(program.process.pid)
    before = server.memory_info().rss
    writers = [await say(program, GET * (20 << 10)) for _ in range(PIPELINING)]  # some 500 KiB each
    for _ in range(5):
        assert (await asyncio.to_thread(program.get, "/v1/status")).status == 200
    growth = server.memory_info().rss - before
    for writer in writers:
        writer.transport.abort()
    print(f"{len(writers)} connections with 20,480 requests each: memory +{growth / 2**20:.0f} MiB")
    assert growth < MOST_GROWTH


@pytest.mark.chaos
async def test_connections_that_say_no_more_leave_places_to_others_and_the_stop_alone(
    program: Program,
) -> None:
    """The caller is still waiting when the server's grace ends."""
    waiting = asyncio.create_task(asyncio.to_thread(program.listen, CLIP.read_bytes(), "", "audio/flac"))
    at_work = lambda: bool(program.get("/v1/status").json()["active_batch_requests"])  # noqa: E731
    await asyncio.to_thread(program.wait_until, at_work, 30, "the recording is not taken up")
    writers = [await say(program, STUCK[n % len(STUCK)]) for n in range(ADDRESS_LIMIT + MORE)]
    for _ in range(3):
        assert (await asyncio.to_thread(program.get, "/v1/status")).status == 200
        assert (await asyncio.to_thread(program.get, "/v1/projects", KEY)).status == 200
    assert await asyncio.to_thread(program.stop, 60) == 0
    answer = await waiting
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["error_code"] == "Service Unavailable"
    assert "server.stopped" in program.log
    assert "Traceback" not in program.log
    for writer in writers:
        with contextlib.suppress(ConnectionError):
            writer.transport.abort()
