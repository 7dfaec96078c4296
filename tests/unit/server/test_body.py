"""Bodies are read in pieces, and only as slowly as is bearable."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from ringback.errors import Failure, Refusal
from ringback.server.body import (
    JSON_LIMIT,
    NotJson,
    Pace,
    chunks,
    is_json,
    json_text,
    length_in,
)
from support.waiting import real_pause

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


@pytest.mark.parametrize("sent", [[], [piece(b"ab")], [piece(b"ab"), piece(b"")]])
async def test_a_body_that_ends_too_early_is_a_422(sent: list[Message]) -> None:
    ended = [*sent, {"type": "http.disconnect"}]
    for read in (_all_of(Sender(ended)), json_text(request({}, ended), UNHURRIED)):
        with pytest.raises(Refusal) as caught:
            await read
        assert caught.value.failure == Failure(
            422, "ASR_UNPROCESSABLE_ENTITY", "Unable to read the entire client request."
        )


async def _all_of(sender: Sender) -> None:
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
        await real_pause(0.02, "50 bytes a second, below the pace")
        return piece(b"x")

    with pytest.raises(Refusal) as caught:
        async for _ in chunks(drip, Pace(1_000, 0.2)):
            pass
    assert caught.value.failure.status == 408


async def test_without_a_pace_any_slowness_is_borne() -> None:
    async def drip() -> Message:
        await real_pause(0.1, "longer than the pace's window")
        return next(messages)

    messages = iter([piece(b"a"), piece(b"b", more=False)])
    assert [chunk async for chunk in chunks(drip, Pace(0, 0.02))] == [b"a", b"b"]


async def test_our_own_slowness_is_not_held_against_the_client() -> None:
    sender = Sender([piece(b"a"), piece(b"b"), piece(b"c", more=False)])
    read = b""
    async for chunk in chunks(sender.receive, Pace(1_000, 0.05)):
        read += chunk
        await real_pause(0.06, "longer than the pace's window")
    assert read == b"abc"


@pytest.mark.parametrize("begin", [b'{"url": "', b"  \r\n\t", b"\xef\xbb\xbf{", '{"é'.encode("utf-16")])
async def test_a_json_body_has_a_size_limit(begin: bytes) -> None:
    messages = [piece(begin + b" " * JSON_LIMIT), piece(b"x", more=False)]
    with pytest.raises(Refusal) as caught:
        await json_text(request({}, messages), UNHURRIED)
    assert caught.value.failure.status == 413


@pytest.mark.parametrize("declared", ["3", "55", "1"])
async def test_a_json_body_that_was_announced_and_did_not_come_is_refused(declared: str) -> None:
    """Something on the way lost it: never is that "no body"."""
    messages = [piece(b"{}" if declared == "1" else b"", more=False)]
    with pytest.raises(Refusal) as caught:
        await json_text(request({"content-length": declared}, messages), UNHURRIED)
    assert caught.value.failure.status == 422


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        ("4", 4),
        ("0" * 10_000 + "4", 4),
        ("0" * 10_000, 0),
        ("9" * 10_000, int("9" * 20)),
        ("", None),
        ("-1", None),
        ("4.0", None),
        ("\u0664", None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_content_length_of_any_length_is_read(value: str, expected: int | None) -> None:
    assert length_in(value) == expected


@pytest.mark.parametrize(
    "begin",
    [b"RIFF", b"ID3\x04", b"\x00\x00\x00 ftypM4A ", b"OggS", b"\x1aE\xdf\xa3", b"\x00\x00", b"\xff\xfb"],
)
@pytest.mark.parametrize("pieces", [1, 3])
async def test_audio_of_any_size_is_no_json(begin: bytes, pieces: int) -> None:
    messages = [piece(begin), *[piece(b"\xff" * JSON_LIMIT) for _ in range(pieces)], piece(b"", more=False)]
    for given in (messages, [piece(begin + b"\xff" * 100, more=False)]):
        with pytest.raises(NotJson):
            await json_text(request({}, given), UNHURRIED)


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
def test_json_is_known_by_its_media_type(content_type: str, expected: bool) -> None:
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
async def test_the_charset_of_a_json_body_is_honoured(content_type: str, encoding: str) -> None:
    text = '{"url": "http://é"}'
    assert await _text_of(text.encode(encoding), content_type) == text


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=iso-8859-1"])
async def test_a_byte_order_mark_names_the_encoding(encoding: str, charset: str) -> None:
    mark = "" if encoding in {"utf-8-sig", "utf-16"} else "\ufeff"
    text = '{"url": "http://é"}'
    assert await _text_of(f"{mark}{text}".encode(encoding), f"application/json{charset}") == text


async def test_a_body_without_a_character_is_an_empty_text() -> None:
    assert await _text_of(b"", "application/json") == ""
    assert await _text_of(b"\xef\xbb\xbf", "application/json") == ""


@pytest.mark.parametrize("charset", ["klingon", "zlib", "hex", "punycode", "idna", "utf-7", ""])
async def test_a_charset_that_is_none_is_refused(charset: str) -> None:
    with pytest.raises(Refusal) as caught:
        await _text_of(b"{}", f"application/json; charset={charset}")
    assert caught.value.failure.status == 415


async def _text_of(body: bytes, content_type: str) -> str:
    return await json_text(request({"content-type": content_type}, [piece(body, more=False)]), UNHURRIED)
