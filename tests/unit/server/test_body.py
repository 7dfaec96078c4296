"""Bodies are read in pieces, and only as slowly as is bearable."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from ringback.errors import Refusal
from ringback.server.body import (
    DRAINED_LIMIT,
    JSON_LIMIT,
    ClientGone,
    Pace,
    chunks,
    is_json,
    json_text,
    leaves_body_unread,
    small_body,
)

UNHURRIED = Pace(1.0, 30.0)


class Sender:
    """What a client sends, message by message; after the last one it falls silent."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = list(messages)

    async def receive(self) -> Message:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)


def piece(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def request(headers: dict[str, str], messages: Sequence[Message] = ()) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, Sender(messages).receive)


async def test_all_pieces_come_in_order() -> None:
    sender = Sender([piece(b"ab"), piece(b""), piece(b"cd", more=False)])
    assert [chunk async for chunk in chunks(sender.receive, UNHURRIED)] == [b"ab", b"cd"]


async def test_a_client_that_leaves_is_told_from_one_that_ended() -> None:
    sender = Sender([piece(b"ab"), {"type": "http.disconnect"}])
    with pytest.raises(ClientGone):
        async for _ in chunks(sender.receive, UNHURRIED):
            pass


async def test_a_client_that_falls_silent_is_refused_with_408() -> None:
    sender = Sender([piece(b"ab")])
    with pytest.raises(Refusal) as caught:
        async for _ in chunks(sender.receive, Pace(1_000, 0.05)):
            pass
    assert caught.value.failure.status == 408


async def test_drops_below_the_pace_do_not_keep_a_connection_alive() -> None:
    async def drip() -> Message:
        await asyncio.sleep(0.02)
        return piece(b"x")

    with pytest.raises(Refusal) as caught:
        async for _ in chunks(drip, Pace(1_000, 0.2)):
            pass
    assert caught.value.failure.status == 408


async def test_without_a_pace_any_slowness_is_borne() -> None:
    async def drip() -> Message:
        await asyncio.sleep(0.1)
        return next(messages)

    messages = iter([piece(b"a"), piece(b"b", more=False)])
    assert [chunk async for chunk in chunks(drip, Pace(0, 0.02))] == [b"a", b"b"]


async def test_our_own_slowness_is_not_held_against_the_client() -> None:
    sender = Sender([piece(b"a"), piece(b"b"), piece(b"c", more=False)])
    read = b""
    async for chunk in chunks(sender.receive, Pace(1_000, 0.05)):
        read += chunk
        await asyncio.sleep(0.06)
    assert read == b"abc"


async def test_a_json_body_has_a_size_limit() -> None:
    messages = [piece(b"x" * JSON_LIMIT), piece(b"x", more=False)]
    with pytest.raises(Refusal) as caught:
        await small_body(request({}, messages), UNHURRIED)
    assert caught.value.failure.status == 413


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("audio/wav", False),
        ("application/jsonlines", False),
        ("", False),
    ],
)
def test_json_is_told_by_its_media_type(content_type: str, expected: bool) -> None:
    assert is_json(request({"content-type": content_type})) is expected


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json", "utf-8"),
        ('application/json; charset="UTF-16"', "utf-16"),
        ("application/json; CHARSET=ISO-8859-1", "iso-8859-1"),
        ("application/json; charset=utf-32", "utf-32"),
    ],
)
def test_the_charset_of_a_json_body_is_honoured(content_type: str, encoding: str) -> None:
    text = '{"url": "http://é"}'
    assert json_text(request({"content-type": content_type}), text.encode(encoding)) == text


@pytest.mark.parametrize("charset", ["klingon", "zlib", "hex", "punycode", "idna", "utf-7", ""])
def test_a_charset_that_is_none_is_refused(charset: str) -> None:
    with pytest.raises(Refusal) as caught:
        json_text(request({"content-type": f"application/json; charset={charset}"}), b"{}")
    assert caught.value.failure.status == 415


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"content-length": "10"}, False),
        ({"content-length": str(DRAINED_LIMIT + 1)}, True),
        ({"transfer-encoding": "chunked"}, True),
        ({"content-length": "10", "expect": "100-continue"}, True),
    ],
)
def test_only_large_or_unmeasured_leftovers_end_the_connection(
    headers: dict[str, str], expected: bool
) -> None:
    assert leaves_body_unread(request(headers)) is expected
