"""A live stream through LiveKit's Deepgram plug-in; prints as JSON the speech events that agents would get.

Run by `test_livekit.py` under the interpreter that has the plug-in; it must not import anything of ours.
Arguments: a JSON object with url, key and raw (a file of 16 kHz linear16 samples).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions, APIStatusError, stt
from livekit.plugins import deepgram

RATE = 16_000
FRAME = RATE // 50
"""Samples of 20 ms."""

MIDDLE = RATE * 2 * 2
"""The byte after 2 s, in the middle of speech: there the feeder waits for text that may still change."""

ONCE = APIConnectOptions(max_retry=0)


async def main(given: dict[str, str], sound: bytes) -> None:
    async with aiohttp.ClientSession() as http:
        answers = {
            "events": await events(plug_in(given, http, **TEXT_OPTIONS), sound),
            "recognized": event_of(await plug_in(given, http).recognize(frame(sound))),
            "stranger": await refused(plug_in({**given, "key": "f" * 40}, http)),
            "parrot": await refused(plug_in(given, http, model="parrot")),
        }
    print(json.dumps(answers))


TEXT_OPTIONS: dict[str, Any] = {
    "smart_format": True,
    "numerals": True,
    "redact": ["numbers", "email_address"],
    "keyterm": ["Metformin"],
    "profanity_filter": True,
    "no_delay": False,
}


def plug_in(
    given: dict[str, str], http: aiohttp.ClientSession, model: str = "nova-3", **options: Any
) -> deepgram.STT:
    return deepgram.STT(
        base_url=f"{given['url']}/v1/listen", api_key=given["key"], http_session=http, model=model, **options
    )


async def events(recogniser: deepgram.STT, sound: bytes) -> list[dict[str, Any]]:
    """All speech events of one stream, fed at twice the speed of speech."""
    answers: list[dict[str, Any]] = []
    changing = asyncio.Event()
    stream = recogniser.stream(conn_options=ONCE)

    async def read() -> None:
        async for event in stream:
            answers.append(event_of(event))
            if event.type is stt.SpeechEventType.INTERIM_TRANSCRIPT:
                changing.set()

    reading = asyncio.create_task(read())
    for start in range(0, len(sound), FRAME * 2):
        if start == MIDDLE:
            await asyncio.wait_for(changing.wait(), 60)
        stream.push_frame(frame(sound[start : start + FRAME * 2]))
        await asyncio.sleep(0.01)
    stream.end_input()
    # This comes up to 5 s after the server's end: the keep-alive must first notice the closed socket.
    await asyncio.wait_for(reading, 60)
    await stream.aclose()
    return answers


async def refused(recogniser: deepgram.STT) -> dict[str, Any]:
    stream = recogniser.stream(conn_options=ONCE)
    try:
        async for _ in stream:
            raise AssertionError("the stream was not refused")
    except APIStatusError as error:
        return {"status": error.status_code, "retryable": error.retryable}
    finally:
        await stream.aclose()
    raise AssertionError("the plug-in raised nothing")


def frame(samples: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(
        data=samples, sample_rate=RATE, num_channels=1, samples_per_channel=len(samples) // 2
    )


def event_of(event: stt.SpeechEvent) -> dict[str, Any]:
    return {
        "type": event.type.value,
        "request_id": event.request_id,
        "alternatives": [
            {
                "text": each.text,
                "language": str(each.language),
                "start": each.start_time,
                "end": each.end_time,
                "confidence": each.confidence,
                "words": [[str(word), word.start_time, word.end_time] for word in each.words or []],
            }
            for each in event.alternatives
        ],
    }


arguments = json.loads(sys.argv[1])
asyncio.run(main(arguments, Path(arguments["raw"]).read_bytes()))
