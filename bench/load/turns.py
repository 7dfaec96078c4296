"""Turn-based streams at the pace of speech: 80 ms of samples when the last of them would have been spoken.

Command: `url`, `headers`, `streams`, each `audio` (a file of linear16 at 16 kHz) and `starts` (seconds after
the others). CloseStream follows the last byte. Times in the answer are seconds after the moment at which the
stream's first sample was spoken.
"""

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import uvloop

from bench.harness.child import Facts, obey_async, say

BYTES_PER_SECOND = 32_000
FRAME_BYTES = int(0.08 * BYTES_PER_SECOND)
PATIENCE = 60.0
"""Seconds after CloseStream until a stream is given up."""


async def carry_out(command: Facts) -> Facts:
    sounds = _read(command["streams"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def stream(order: Facts) -> Facts:
            await asyncio.sleep(order["starts"])
            async with session.ws_connect(
                command["url"], headers=command["headers"], max_msg_size=0
            ) as socket:
                return await _speak(socket, sounds[order["audio"]])

        return {"streams": await asyncio.gather(*(stream(order) for order in command["streams"]))}


def _read(streams: list[Facts]) -> dict[str, bytes]:
    return {order["audio"]: Path(order["audio"]).read_bytes() for order in streams}


async def _speak(socket: aiohttp.ClientWebSocketResponse, audio: bytes) -> Facts:
    began = time.monotonic()
    events: list[Facts] = []

    async def read() -> None:
        async for message in socket:
            received = json.loads(message.data)
            if received["type"] == "TurnInfo" and received["event"] != "Update":
                events.append(
                    {
                        "at": time.monotonic() - began,
                        "event": received["event"],
                        "until": received["audio_window_end"],
                        "text": received["transcript"],
                    }
                )

    reading = asyncio.create_task(read())
    late = 0.0
    for at in range(0, len(audio), FRAME_BYTES):
        due = (at + FRAME_BYTES) / BYTES_PER_SECOND
        await asyncio.sleep(due - (time.monotonic() - began))
        await socket.send_bytes(audio[at : at + FRAME_BYTES])
        late = max(late, time.monotonic() - began - due)
    await socket.send_str('{"type":"CloseStream"}')
    async with asyncio.timeout(PATIENCE):
        await reading
    return {"events": events, "code": socket.close_code, "late": late}


async def main() -> None:
    say({})
    await obey_async(carry_out)


if __name__ == "__main__":
    uvloop.run(main())
