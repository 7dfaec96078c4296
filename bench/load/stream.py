"""Live streams at the pace of speech: 100 ms of samples when the last of them would have been spoken.

Command: `url`, `headers`, `streams`, each `audio` (a file of linear16 at 16 kHz), `starts` (seconds after the
others) and `finalize` (the byte behind which a Finalize is sent, or null). CloseStream follows the last byte.
Times in the answer are seconds after the moment at which the stream's first sample was spoken.
"""

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import uvloop

from bench.harness.child import Facts, obey_async, say

FRAME = 0.1
BYTES_PER_SECOND = 32_000
FRAME_BYTES = int(FRAME * BYTES_PER_SECOND)
PATIENCE = 60.0
"""Seconds after CloseStream until a stream is given up."""


class Stream:
    """One socket: a speaker, and a reader that notes when what came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, order: Facts) -> None:
        self._socket = socket
        self._audio = Path(order["audio"]).read_bytes()
        self._finalize: int | None = order["finalize"]
        self._results: list[Facts] = []
        self._facts: Facts = {"results": self._results}
        self._late: list[float] = []

    async def run(self) -> Facts:
        self._began = time.monotonic()
        reading = asyncio.create_task(self._read())
        # A server may hang up in the middle: what it said until then is the answer.
        with suppress(ConnectionError):
            await self._speak()
        try:
            async with asyncio.timeout(PATIENCE):
                await reading
        except TimeoutError:
            self._facts["given_up"] = True
        self._facts |= {"closed_at": self._now(), "code": self._socket.close_code, "late": max(self._late)}
        await self._socket.close()
        return self._facts

    async def _speak(self) -> None:
        at = 0
        while at < len(self._audio):
            last = min(at + FRAME_BYTES, len(self._audio))
            if self._finalize is not None and at < self._finalize < last:
                last = self._finalize
            await asyncio.sleep(last / BYTES_PER_SECOND - self._now())
            await self._socket.send_bytes(self._audio[at:last])
            self._late.append(self._now() - last / BYTES_PER_SECOND)
            at = last
            if at == self._finalize:
                self._facts["finalize_at"] = self._now()
                await self._socket.send_str('{"type":"Finalize"}')
        self._facts["close_at"] = self._now()
        await self._socket.send_str('{"type":"CloseStream"}')

    async def _read(self) -> None:
        async for message in self._socket:
            at = self._now()
            received = json.loads(message.data)
            if received["type"] == "Results":
                self._results.append(
                    {
                        "at": at,
                        "final": received["is_final"],
                        "finalized": bool(received.get("from_finalize")),
                        "text": received["channel"]["alternatives"][0]["transcript"],
                    }
                )
            elif received["type"] == "Error":
                self._facts["error"] = received

    def _now(self) -> float:
        return time.monotonic() - self._began


async def carry_out(command: Facts) -> Facts:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def stream(order: Facts) -> Facts:
            await asyncio.sleep(order["starts"])
            async with session.ws_connect(
                command["url"], headers=command["headers"], max_msg_size=0, autoping=True
            ) as socket:
                return await Stream(socket, order).run()

        return {"streams": await asyncio.gather(*(stream(order) for order in command["streams"]))}


async def main() -> None:
    say({})
    await obey_async(carry_out)


if __name__ == "__main__":
    uvloop.run(main())
