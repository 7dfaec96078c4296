"""Submits of one body over kept-alive connections, each sending the next when the last was answered.

Command: `port`, `target`, `headers`, `connections`, `seconds`, `warm_up` (seconds before counting).
"""

import asyncio
import time
from collections import Counter
from typing import cast

import uvloop

from bench.harness.audio import wav_of_noise
from bench.harness.child import Facts, obey_async, say

BODY_BYTES = 100_000


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes, count_from: float, until: float) -> None:
        self._request = request
        self._count_from = count_from
        self._until = until
        self._buffer = bytearray()
        self.answered = 0
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        size = self._answer_size()
        if size is None:
            return
        now = time.monotonic()
        self.answered += 1
        if self._sent >= self._count_from and now <= self._until:
            self.latencies.append(now - self._sent)
            self.statuses[bytes(self._buffer[9:12]).decode()] += 1
        del self._buffer[:size]
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(error)

    def _send(self) -> None:
        self._sent = time.monotonic()
        self._transport.write(self._request)

    def _answer_size(self) -> int | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            raise ValueError("an answer without content-length")
        size = end + 4 + int(head[at + 17 :].split(b"\r\n", 1)[0])
        return size if len(self._buffer) >= size else None


async def submit(command: Facts, body: bytes) -> Facts:
    head = f"POST {command['target']} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: audio/wav\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in command["headers"].items())
    request = head.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body
    count_from = time.monotonic() + command["warm_up"]
    until = count_from + command["seconds"]
    loop = asyncio.get_running_loop()
    clients = [
        (
            await loop.create_connection(
                lambda: Client(request, count_from, until), "127.0.0.1", command["port"]
            )
        )[1]
        for _ in range(command["connections"])
    ]
    lost = [error for client in clients if (error := await client.done) is not None]
    latencies = sorted(latency for client in clients for latency in client.latencies)
    statuses: Counter[str] = sum((client.statuses for client in clients), Counter())
    return {
        "statuses": dict(statuses),
        "answered": sum(client.answered for client in clients),
        "lost": len(lost),
        "per_second": statuses["200"] / command["seconds"],
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
    }


async def main() -> None:
    body = wav_of_noise(BODY_BYTES)

    async def carry_out(command: Facts) -> Facts:
        return await submit(command, body)

    say({})
    await obey_async(carry_out)


if __name__ == "__main__":
    uvloop.run(main())
