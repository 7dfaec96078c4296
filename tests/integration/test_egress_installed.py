"""Hosts and receivers that other clients get on with, met by the installed server from end to end."""

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.program import Program, Reply
from support.raw_receiver import Behaviour, Conversation, receiving

CLIP = (Path(__file__).parents[1] / "audio" / "phone_en_conf_onlyperson.flac").read_bytes()
PACKED = gzip.compress(CLIP)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    settings = {"RINGBACK_CALLBACK_ALLOW": "127.0.0.1", "RINGBACK_CALLBACK_RETRY_DELAY": "0.1"}
    with Program(tmp_path_factory.mktemp("egress"), settings) as program:
        program.wait_until_ready()
        yield program


async def busy(talk: Conversation) -> None:
    await talk.answer(503, b"busy", retry_after="1")


async def half(talk: Conversation) -> None:
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(CLIP) + CLIP[: len(CLIP) // 2])


async def unusual(talk: Conversation) -> None:
    """The clip, packed, under headers that a strict parser refuses."""
    length = b"content-length: %d\r\n" % len(PACKED)
    headers = b"content-security-policy: " + b"x" * 12_000 + b"\r\nset-cookie : a\r\n" + length * 2
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n" + headers + b"\r\n" + PACKED)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each request is answered by the next of these."""

    async def behave(talk: Conversation) -> None:
        await talk.request()
        await behaviours[len(talk.receiver.received) - 1](talk)

    return behave


async def thankful(talk: Conversation) -> None:
    """200, in a form that a strict parser refuses."""
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 160 + b"content-length: 0\r\n" * 2 + b"\r\n")


async def posted(server: Program, query: str, url: str) -> Reply:
    return await asyncio.to_thread(server.post, f"/v1/listen?{query}", {"url": url})


async def test_a_host_that_hiccups_is_asked_again_while_the_caller_waits(server: Program) -> None:
    async with receiving(in_turn(busy, half, unusual)) as host:
        reply = await posted(server, "", host.url("/a.flac"))
    assert reply.status == 200, reply.body
    assert reply.json()["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert len(host.received) == 3
    assert all(each.headers["user-agent"].startswith("ringback/") for each in host.received)


async def test_one_hiccup_ends_no_callback_request_and_one_200_is_one_delivery(server: Program) -> None:
    def ended() -> bool:
        found[:] = server.request(request_id)["ringback"]["deliveries"]
        return bool(found) and found[0]["state"] in {"done", "parked"}

    found: list[Any] = []
    async with receiving(in_turn(busy, unusual)) as host, receiving(thankful) as receiver:
        reply = await posted(server, f"callback={receiver.url('/hook')}", host.url("/a.flac"))
        request_id = reply.json()["request_id"]
        await asyncio.to_thread(server.wait_until, ended, 60, "it does not end")
    [delivery] = found
    assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["delivered"]
    [received] = receiver.received
    assert received.headers["ringback-status"] == "200"
    assert b'"transcript":"' in received.body


async def test_what_is_final_is_reported_at_once(server: Program) -> None:
    async def closed(talk: Conversation) -> None:
        await talk.request()
        await talk.answer(410)

    async with receiving(closed) as host:
        reply = await posted(server, "", host.url("/a.flac"))
    assert reply.status == 400
    assert reply.json()["err_code"] == "REMOTE_CONTENT_ERROR"
    assert "410 Said" in reply.json()["err_msg"]
    assert len(host.received) == 1
