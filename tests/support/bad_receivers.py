"""Receivers that break every rule; as a program, all of them at once in a process of their own.

`python -m support.bad_receivers FOLDER` prints a JSON object of name to URL, writes the authority of the TLS
ones to FOLDER/authority.pem, and ends with its standard input.
"""

import asyncio
import gzip
import json
import ssl
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme

from support.raw_receiver import Behaviour, Conversation, answering, receiving
from support.waiting import real_pause, turns

# Each of these ends with a status line of success, then misbehaves.


async def endless_answer(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await talk.say(b"x" * 65_536)


async def endless_chunks(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await talk.say(b"1\r\nx\r\n" * 10_000)


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(50_000_000))


async def gzip_bomb(talk: Conversation) -> None:
    await talk.request()
    await talk.answer(200, bomb(), content_encoding="gzip")


async def truncated_answer(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this")


async def reset_after_headers(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    talk.reset()


async def dripped_body(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        await talk.say(b"x")
        await real_pause(0.1, "ten bytes a second")


async def broken_chunks(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    await real_pause(0.05, "in one packet with the status line, the parser would see neither")
    await talk.say(b"nonsense\r\n")


async def answer_without_reading(talk: Conversation) -> None:
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    await asyncio.Event().wait()


async def dripped_headers(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        await talk.say(b"y")
        await real_pause(0.05, "20 bytes a second")


async def huge_header(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n")
    await asyncio.Event().wait()


async def many_headers(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000 + b"\r\n")
    await asyncio.Event().wait()


async def headers_then_end(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\nx: y\r\n")


async def headers_then_reset(talk: Conversation) -> None:
    await talk.reader.readuntil(b"\r\n\r\n")
    await talk.say(b"HTTP/1.1 200 OK\r\nx: y\r\n")
    await real_pause(0.05, "a reset takes what was not read yet with it")
    talk.reset()


async def two_lengths(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!")


async def nameless_header(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\n: y\r\n\x01\x02\r\ncontent-length: 2\r\n\r\nok")


async def no_reason(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok")


# Each of these never gets as far as a status line.


async def hang_up(talk: Conversation) -> None:
    await talk.request()


async def reset(talk: Conversation) -> None:
    await talk.reader.readuntil(b"\r\n\r\n")
    talk.reset()


async def silence(talk: Conversation) -> None:
    await talk.request()
    await asyncio.Event().wait()


async def never_reads(_: Conversation) -> None:
    await asyncio.Event().wait()


async def endless_interim_answers(talk: Conversation) -> None:
    await talk.request()
    while True:
        await talk.say(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
        await turns()


async def not_http(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"220 mail.example ESMTP\r\n")
    await asyncio.Event().wait()


async def one_byte_a_second(talk: Conversation) -> None:
    await talk.request()
    for byte in b"HTTP/1.1 200 OK\r\n\r\n":
        await talk.say(bytes([byte]))
        await real_pause(1, "one byte a second")


async def closes_idle_connections(talk: Conversation) -> None:
    """Says that it keeps the connection, and resets it when the next request comes."""
    await talk.request()
    await talk.answer()
    await talk.reader.readuntil(b"\r\n\r\n")
    talk.reset()


PLAIN: dict[str, Behaviour] = {
    "slow headers": dripped_headers,
    "one byte a second": one_byte_a_second,
    "huge answer": endless_answer,
    "endless chunks": endless_chunks,
    "gzip bomb": gzip_bomb,
    "never reads": never_reads,
    "reset after headers": reset_after_headers,
    "endless 1xx": endless_interim_answers,
    "truncated 200": truncated_answer,
    "redirect loop": answering(302, location="/"),
    "huge header": huge_header,
    "many headers": many_headers,
    "accept then silence": silence,
    "hangs up": hang_up,
    "idle keep-alive closed": closes_idle_connections,
}


def certificates(folder: Path) -> dict[str, ssl.SSLContext]:
    """What TLS receivers on localhost show; the authority that signed them is written to `folder`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    past = datetime.now(UTC) - timedelta(days=1)
    displayed = {
        "good TLS": authority.issue_cert("localhost"),
        "expired TLS": authority.issue_cert("localhost", not_after=past),
        "wrong-host TLS": authority.issue_cert("other.example"),
    }
    contexts = {}
    for name, certificate in displayed.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(contexts[name])
    return contexts


async def serve(folder: Path) -> None:
    async with AsyncExitStack() as stack:
        urls = {}
        for name, behaviour in PLAIN.items():
            receiver = await stack.enter_async_context(receiving(behaviour))
            urls[name] = receiver.url("/hook")
        for name, tls in certificates(folder).items():
            receiver = await stack.enter_async_context(receiving(answering(), tls))
            urls[name] = receiver.url("/hook", "https", "localhost")
        bomb()  # it takes a moment to make
        print(json.dumps(urls), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
