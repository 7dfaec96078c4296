"""A call of ten turns through LiveKit's `STTv2`; prints as JSON the speech events that agents would get.

Run by `test_flux_clients.py` under the interpreter that has the plug-in; it must not import anything of ours.
Arguments: a JSON object with url, key and raw (a file of 16 kHz linear16 samples).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions
from livekit.plugins import deepgram

RATE = 16_000
PIECE = RATE // 50 * 2
"""Bytes of 20 ms, as a room has them."""


async def main(given: dict[str, str], sound: bytes) -> None:
    events: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as http:
        recogniser = deepgram.STTv2(
            base_url=f"{given['url']}/v2/listen",
            api_key=given["key"],
            http_session=http,
            eager_eot_threshold=0.4,
            eot_threshold=0.9,
            keyterm=["conference"],
            numerals=False,
            tags=["ten"],
        )
        stream = recogniser.stream(conn_options=APIConnectOptions(max_retry=0))

        async def read() -> None:
            async for event in stream:
                texts = [each.text for each in event.alternatives]
                events.append({"type": event.type.value, "texts": texts, "request_id": event.request_id})

        reading = asyncio.create_task(read())
        for number, start in enumerate(range(0, len(sound), PIECE)):
            if number == 10:  # connected, or soon: Configure, not another connection
                recogniser.update_options(eot_threshold=0.6, keyterm=["conference", "amiable"])
            piece = sound[start : start + PIECE]
            stream.push_frame(
                rtc.AudioFrame(
                    data=piece, sample_rate=RATE, num_channels=1, samples_per_channel=len(piece) // 2
                )
            )
            await asyncio.sleep(0.0025)
        stream.flush()
        stream.end_input()
        await asyncio.wait_for(reading, 120)
        await stream.aclose()
    print(json.dumps({"events": events}))


arguments = json.loads(sys.argv[1])
asyncio.run(main(arguments, Path(arguments["raw"]).read_bytes()))
