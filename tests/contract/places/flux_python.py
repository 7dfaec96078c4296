"""A call of ten turns through an official Python SDK's `listen.v2`; prints as JSON what came back.

Run by `test_flux_clients.py`; it must not import anything of ours. Arguments: a JSON object with url, key and
raw (a file of 16 kHz linear16 samples).
"""

import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v2.types import ListenV2Configure, ListenV2ConfigureThresholds

PIECE = 2_560
"""Bytes of 80 ms."""


async def main(given: dict[str, str], sound: bytes) -> None:
    ws = given["url"].replace("http", "ws", 1)
    every = {"base": given["url"], "production": ws, "agent": ws, "agent_rest": given["url"]}
    known = inspect.signature(DeepgramClientEnvironment).parameters
    environment = DeepgramClientEnvironment(**{name: url for name, url in every.items() if name in known})
    client = AsyncDeepgramClient(api_key=given["key"], environment=environment)
    messages: list[dict[str, Any]] = []
    errors: list[str] = []
    async with client.listen.v2.connect(
        model="flux-general-en",
        encoding="linear16",
        sample_rate=16000,
        eager_eot_threshold=0.4,
        keyterm=["conference", "amiable"],
        tag="ten",
    ) as connection:
        connection.on(EventType.MESSAGE, lambda message: messages.append(json.loads(message.json())))
        connection.on(EventType.ERROR, lambda error: errors.append(str(error)))
        listening = asyncio.create_task(connection.start_listening())
        thresholds = ListenV2ConfigureThresholds(eot_threshold=0.6)
        await connection.send_configure(ListenV2Configure(thresholds=thresholds))
        for start in range(0, len(sound), PIECE):
            await connection.send_media(sound[start : start + PIECE])
            await asyncio.sleep(0.01)
        await connection.send_force_end_turn()
        await connection.send_close_stream()
        await asyncio.wait_for(listening, 120)
    print(json.dumps({"messages": messages, "errors": errors}))


arguments = json.loads(sys.argv[1])
asyncio.run(main(arguments, Path(arguments["raw"]).read_bytes()))
