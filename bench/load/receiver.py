"""A callback receiver that is never the bottleneck: it answers 200, and notes what came when.

It listens on so many ports of every loopback address. Below `/slow/SECONDS/` it answers that much later.
Commands: `expect` (forget all, and wait for so many `under` a path), `wait` (answer when they are there, or
after seconds; with `tell`, also when each path came first, in Unix seconds).
"""

import argparse
import asyncio
import resource
import time
from contextlib import suppress
from typing import cast

import uvloop

from bench.harness.child import Facts, obey_async, say

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Counter:
    def __init__(self) -> None:
        self.restart(0, "")

    def restart(self, expected: int, under: str) -> None:
        self.expected = expected
        self.under = under.encode()
        self.count = 0
        self.first = self.last = 0.0
        self.came_at: dict[bytes, float] = {}
        self.all_there = asyncio.Event()

    def take(self, path: bytes) -> None:
        if not path.startswith(self.under):
            return
        self.last = time.time()
        if not self.count:
            self.first = self.last
        self.count += 1
        self.came_at.setdefault(path, self.last)
        if len(self.came_at) == self.expected:
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
            path = bytes(self._buffer[: self._buffer.index(b"\r\n")]).split()[1]
            del self._buffer[:taken]
            self._counter.take(path)
            if path.startswith(b"/slow/"):
                asyncio.get_running_loop().call_later(float(path.split(b"/")[2]), self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
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
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    counter = Counter()
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: Connection(counter), "0.0.0.0", 0, backlog=2048)
        for _ in range(ports)
    ]

    async def carry_out(command: Facts) -> Facts:
        if "expect" in command:
            counter.restart(command["expect"], command.get("under", "/"))
            return {}
        with suppress(TimeoutError):
            await asyncio.wait_for(counter.all_there.wait(), command["wait"])
        seen: Facts = {
            "count": counter.count,
            "distinct": len(counter.came_at),
            "seconds": counter.last - counter.first,
        }
        if command.get("tell"):
            seen["came_at"] = {path.decode(): at for path, at in counter.came_at.items()}
        return seen

    say({"ports": [server.sockets[0].getsockname()[1] for server in servers]})
    await obey_async(carry_out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", type=int, default=1)
    uvloop.run(main(parser.parse_args().ports))
