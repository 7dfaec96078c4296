"""A stream through the installed program and its own engine: to the client, to a socket, over HTTP."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from support.accuracy import word_error_rate
from support.encoded import encoded
from support.live_client import CLOSE_STREAM, FINALIZE, RATE, RAW, LiveClient, stream
from support.program import KEY, Program
from support.receiver import Receiver
from support.sockets import Called, SocketReceiver
from support.streamed import linear16, said
from support.waiting import PATIENCE

CLIPS = Path(__file__).parent.parent / "audio"
MACHINE = 1.5
"""Seconds more that a machine may take which runs much else."""
FAR_TOO_MANY = 0.35
"""Of the eighteen words of one short clip; `bench/live` measures, this only sees that words come through."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("live")) as running:
        running.wait_until_ready()
        yield running


def clip() -> tuple[bytes, str]:
    """Raw audio, and what is said in it."""
    found = json.loads((CLIPS / "manifest.json").read_text())
    entry = next(each for each in found if each["path"] == "librivox_0920.flac")
    return linear16(CLIPS / entry["path"]), entry["text"]


async def spoken(client: LiveClient, audio: bytes) -> list[dict[str, Any]]:
    await client.speak(audio, pace=2.0)
    await client.send(CLOSE_STREAM)
    assert await client.closed(60) == 1000
    return client.messages


def errors(messages: list[dict[str, Any]], text: str) -> float:
    finals = [message for message in messages if message.get("is_final")]
    return word_error_rate([(text, said(finals))])


def settled(program: Program, request_id: str) -> dict[str, Any]:
    """The stream's record: it is settled just after the close."""
    program.wait_until(
        lambda: program.request(request_id)["code"] is not None, PATIENCE, "the record stays open"
    )
    record: dict[str, Any] = program.request(request_id)
    return record


async def test_speech_becomes_words_and_a_record(program: Program) -> None:
    audio, text = clip()
    async with stream(program.port, f"{RAW}&interim_results=true&punctuate=true", key=KEY) as client:
        messages = await spoken(client, audio)
    rate = errors(messages, text)
    print(f"word error rate of one streamed clip: {100 * rate:.1f} %")
    assert rate < FAR_TOO_MANY
    assert messages[-1]["type"] == "Metadata"
    record = await asyncio.to_thread(settled, program, client.request_id)
    assert (record["method"], record["code"]) == ("streaming", 200)
    assert record["response"]["details"]["duration"] == pytest.approx(len(audio) / 32_000, abs=0.05)


async def test_a_container_needs_no_encoding(program: Program) -> None:
    data = (CLIPS / "librivox_0880.flac").read_bytes()
    async with stream(program.port, "", key=KEY) as client:
        for start in range(0, len(data), 4_096):
            await client.send(data[start : start + 4_096])
        await client.send(CLOSE_STREAM)
        assert await client.closed(60) == 1000
    assert client.transcript


async def test_what_is_no_audio_is_closed_as_such(program: Program) -> None:
    async with stream(program.port, "", key=KEY) as client:
        await client.send(b"<html>not audio, whatever it may be</html>" * 2_000)
        await client.send(CLOSE_STREAM)
        assert await client.closed(60) == 1008
    assert client.reason == "DATA-0000"


async def test_both_kinds_of_callbacks_get_the_words(program: Program) -> None:
    audio, text = clip()
    async with SocketReceiver() as socket:
        with Receiver() as receiver:
            queries = [f"{RAW}&callback={quote(url, safe='')}" for url in (socket.url, receiver.url)]
            async with (
                stream(program.port, queries[0], key=KEY) as by_socket,
                stream(program.port, queries[1], key=KEY) as by_http,
            ):
                await asyncio.gather(spoken(by_socket, audio), spoken(by_http, audio))
            (call,) = await socket.wait_for(lambda calls: calls[0].code == 1000)
            arrived = await asyncio.to_thread(
                receiver.wait_for, lambda got: any(each.json()["type"] == "Metadata" for each in got)
            )
    assert by_socket.messages == by_http.messages == []
    assert errors([json.loads(message) for message in call.messages], text) < FAR_TOO_MANY
    assert errors([each.json() for each in arrived], text) < FAR_TOO_MANY
    assert [each.headers["ringback-sequence"] for each in arrived] == [
        str(number) for number in range(1, len(arrived) + 1)
    ]


async def test_a_callback_gets_the_words_of_every_file(program: Program) -> None:
    """A recorder is restarted with other channels and another rate. Nor is the end a warning in the log."""
    audio, text = clip()
    mono = np.frombuffer(audio, "<i2").astype(np.float32)[None] / np.float32(32_768)
    stereo = np.repeat(np.repeat(mono, 3, axis=1), 2, axis=0)
    files = encoded("ogg", "libopus", RATE, mono) + encoded("ogg", "libopus", 3 * RATE, stereo)
    before = program.log.count("library.warning")
    async with SocketReceiver() as socket:
        async with stream(program.port, f"callback={quote(socket.url, safe='')}", key=KEY) as client:
            for at in range(0, len(files), 2_000):
                await client.send(files[at : at + 2_000])
            await client.send(CLOSE_STREAM)
            assert await client.closed(60) == 1000
        (call,) = await socket.wait_for(lambda calls: calls[0].code == 1000)
    assert errors([json.loads(message) for message in call.messages], f"{text} {text}") < FAR_TOO_MANY
    assert program.log.count("library.warning") == before


@pytest.mark.alone
async def test_a_callback_that_dies_kills_its_stream_within_a_second(program: Program) -> None:
    audio, _ = clip()
    died: list[float] = []

    async def die(called: Called, connection: ServerConnection) -> None:
        await connection.recv()
        died.append(time.monotonic())
        called.drop()

    async with SocketReceiver(die) as socket:
        query = f"{RAW}&interim_results=true&callback={quote(socket.url, safe='')}"
        async with stream(program.port, query, key=KEY) as client:
            with suppress(ConnectionClosed):
                await client.speak(audio)
            assert await client.closed(PATIENCE) == 1011
    took = client.closed_at - died[0]
    print(f"a callback that died ended its stream after {took * 1000:.0f} ms")
    assert took < 1 + MACHINE


async def test_a_stop_brings_streams_to_their_end(tmp_path: Path) -> None:
    """Last of all: the words are told, the close says why, the record is settled, the exit is clean."""
    audio, _ = clip()
    with Program(tmp_path / "data") as program:
        program.wait_until_ready()
        async with stream(program.port, RAW, key=KEY) as client:
            await client.speak(audio, pace=0)
            await client.send(FINALIZE)
            await client.wait_for("Results")
            await client.send(audio)
            stopping = asyncio.create_task(asyncio.to_thread(program.stop))
            assert await client.closed(PATIENCE) == 1001
            assert client.reason == "The server is stopping."
            assert client.messages[-1]["type"] == "Metadata"
            assert await stopping == 0
        assert "not_settled" not in program.log
        program.start()
        record = await asyncio.to_thread(program.request, client.request_id)
        assert record["code"] == 503
