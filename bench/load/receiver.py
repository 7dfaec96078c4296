"""A callback receiver that is never the bottleneck: it answers 200, and counts.

Commands: `expect` (count from zero up to so many), `wait` (answer when they are there, or after seconds).
"""

import argparse
import asyncio
import time
from contextlib import suppress
from typing import cast

import uvloop

from bench.harness.child import Facts, obey_async, say

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Counter:
    def __init__(self) -> None:
        self.restart(0)

    def restart(self, expected: int) -> None:
        self.expected = expected
        self.count = 0
        self.first = self.last = 0.0
        self.targets: set[bytes] = set()
        self.all_there = asyncio.Event()

    def take(self, target: bytes) -> None:
        self.last = time.monotonic()
        if not self.count:
            self.first = self.last
        self.count += 1
        self.targets.add(target)
        if len(self.targets) == self.expected:
            self.all_there.set()


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as a client that sends `content-length` needs it."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (taken := self._request_size()) is not None:
            target = bytes(self._buffer[: self._buffer.index(b"\r\n")]).split()[1]
            del self._buffer[:taken]
            self._counter.take(target)
            self._transport.write(ANSWER)

    def _request_size(self) -> int | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"\r\ncontent-length:")
        size = end + 4 + (int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
        return size if len(self._buffer) >= size else None


async def main(ports: int) -> None:
    counter = Counter()
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: Connection(counter), "127.0.0.1", 0, backlog=1024)
        for _ in range(ports)
    ]

    async def carry_out(command: Facts) -> Facts:
        if "expect" in command:
            counter.restart(command["expect"])
            return {}
        with suppress(TimeoutError):
            await asyncio.wait_for(counter.all_there.wait(), command["wait"])
        return {
            "count": counter.count,
            "distinct": len(counter.targets),
            "seconds": counter.last - counter.first,
        }

    say({"ports": [server.sockets[0].getsockname()[1] for server in servers]})
    await obey_async(carry_out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", type=int, default=1)
    uvloop.run(main(parser.parse_args().ports))
