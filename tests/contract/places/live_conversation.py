"""Live streams through an official Python SDK, as its users write them; prints as JSON what came back.

Run by `test_live_sdks.py` under the interpreter that has the SDK version in question; it must not import
anything of ours. Arguments: a JSON object with url, key, first and second (files of 16 kHz linear16
samples), clip, http_callback and ws_callback.
"""

import asyncio
import inspect
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from websockets.exceptions import InvalidStatus

PIECE = 3_200
"""Bytes of 100 ms."""

RAW = {"encoding": "linear16", "sample_rate": "16000"}
MIDDLE = PIECE * 24
"""In the middle of speech."""

SILENCE = bytes(PIECE * 16)


def main() -> None:
    given = json.loads(sys.argv[1])
    environment = environment_of(given["url"])
    client = DeepgramClient(api_key=given["key"], environment=environment)
    token = client.auth.v1.tokens.grant(ttl_seconds=300).access_token
    bearer = DeepgramClient(access_token=token, environment=environment)
    first, second = (Path(given[name]).read_bytes() for name in ("first", "second"))
    answers: dict[str, Any] = {}

    answers["finalized"] = transcribed(
        client,
        [*pieces(first), "Finalize", "KeepAlive", *pieces(second)],
        **RAW,
        punctuate="true",
        diarize="true",
        endpointing="300",
        tag="a",
        extra="k:v",
    )
    answers["container"] = transcribed(bearer, pieces(Path(given["clip"]).read_bytes()), smart_format="true")
    answers["http_callback"] = transcribed(client, pieces(first), **RAW, callback=given["http_callback"])
    answers["ws_callback"] = transcribed(client, pieces(first), **RAW, callback=given["ws_callback"])
    answers["not_audio"] = transcribed(client, [b"these are words, not sound. " * 400])
    answers["paced"] = asyncio.run(
        paced(AsyncDeepgramClient(api_key=given["key"], environment=environment), first)
    )

    stranger = DeepgramClient(api_key="f" * 40, environment=environment)
    answers["errors"] = {
        "key": refusal(lambda: transcribed(stranger, [])),
        "model": refusal(lambda: transcribed(client, [], model="parrot")),
        "encoding": refusal(lambda: transcribed(client, [], encoding="parrot", sample_rate="8000")),
        "async_key": refusal(lambda: asyncio.run(refused_async(environment, "f" * 40, "nova-3"))),
        "async_model": refusal(lambda: asyncio.run(refused_async(environment, given["key"], "parrot"))),
    }
    print(json.dumps(answers))


def environment_of(url: str) -> DeepgramClientEnvironment:
    """Every endpoint at our server; SDK 5 knows one fewer than SDK 7."""
    ws = url.replace("http", "ws", 1)
    every = {"base": url, "production": ws, "agent": ws, "agent_rest": url}
    known = inspect.signature(DeepgramClientEnvironment).parameters
    return DeepgramClientEnvironment(**{name: value for name, value in every.items() if name in known})


def pieces(sound: bytes) -> Iterator[bytes]:
    for start in range(0, len(sound), PIECE):
        yield sound[start : start + PIECE]


def transcribed(client: Any, sending: Iterable[bytes | str], model: str = "nova-3", **options: str) -> Any:
    """One stream with the synchronous client, sent as fast as the server takes it, read in a thread."""
    answers = Transcript()
    with client.listen.v1.connect(model=model, **options) as connection:
        answers.subscribe(connection)
        reading = threading.Thread(target=connection.start_listening)
        reading.start()
        for each in (*sending, "CloseStream"):
            if isinstance(each, bytes):
                connection.send_media(each)
            else:
                control(connection, each)
            if each == "Finalize":
                answers.finalized.wait(60)
        reading.join(60)
    return answers.everything()


async def paced(client: Any, sound: bytes) -> Any:
    """One stream with the asynchronous client, at twice the speed of speech: most of a sentence and, once
    some text has come that may still change, the rest of it and silence."""
    answers = Transcript()
    options = {**RAW, "interim_results": "true", "vad_events": "true", "punctuate": "true"}
    async with client.listen.v1.connect(
        model="nova-3", **options, endpointing="300", utterance_end_ms="1000"
    ) as connection:
        answers.subscribe(connection)
        reading = asyncio.create_task(connection.start_listening())
        for piece in pieces(sound[:MIDDLE]):
            await connection.send_media(piece)
            await asyncio.sleep(0.05)
        await asyncio.to_thread(answers.changing.wait, 60)
        for piece in pieces(sound[MIDDLE:] + SILENCE):
            await connection.send_media(piece)
        await control(connection, "CloseStream")
        await asyncio.wait_for(reading, 60)
    return answers.everything()


async def refused_async(environment: DeepgramClientEnvironment, key: str, model: str) -> None:
    client = AsyncDeepgramClient(api_key=key, environment=environment)
    async with client.listen.v1.connect(model=model):
        pass


def control(connection: Any, kind: str) -> Any:
    """Send KeepAlive, Finalize or CloseStream in the words of the SDK's generation."""
    if hasattr(connection, "send_control"):
        from deepgram.extensions.types.sockets import ListenV1ControlMessage

        return connection.send_control(ListenV1ControlMessage(type=kind))
    send = {
        "KeepAlive": connection.send_keep_alive if hasattr(connection, "send_keep_alive") else None,
        "Finalize": getattr(connection, "send_finalize", None),
        "CloseStream": getattr(connection, "send_close_stream", None),
    }[kind]
    assert send is not None
    return send()


class Transcript:
    """What the SDK told its user: messages, errors, and that the stream has closed."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.closed = 0
        self.finalized = threading.Event()
        self.changing = threading.Event()

    def subscribe(self, connection: Any) -> None:
        connection.on(EventType.MESSAGE, self._message)
        connection.on(EventType.ERROR, lambda error: self.errors.append(f"{type(error).__name__}: {error}"))
        connection.on(EventType.CLOSE, self._close)

    def everything(self) -> dict[str, Any]:
        return {"messages": self.messages, "errors": self.errors, "closed": self.closed}

    def _message(self, message: Any) -> None:
        document = json.loads(message.json())
        self.messages.append({**document, "class": type(message).__name__})
        if document.get("from_finalize"):
            self.finalized.set()
        if document["type"] == "Results" and document["channel"]["alternatives"][0]["transcript"]:
            self.changing.set()

    def _close(self, _: object) -> None:
        self.closed += 1
        self.finalized.set()
        self.changing.set()


def refusal(call: Callable[[], object]) -> dict[str, Any]:
    """What the SDK raises when the handshake is refused."""
    try:
        call()
    except ApiError as raised:
        return {"type": "ApiError", "status": raised.status_code, "body": raised.body}
    except InvalidStatus as raised:
        response = raised.response
        return {
            "type": "InvalidStatus",
            "status": response.status_code,
            "dg-error": response.headers.get("dg-error"),
            "dg-request-id": response.headers.get("dg-request-id"),
            "body": json.loads(response.body),
        }
    raise AssertionError("the SDK raised nothing")


main()
