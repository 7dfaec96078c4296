"""Attacks on a server, each in a loop until it is told to end; as a program, in a process of its own.

`python -m support.attacks PORT KEY SHARE NAME…` prints a line once all of them are under way, and ends with
its standard input; the last line is a JSON object of name to how often each was tried.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

from support.bad_receivers import PLAIN
from support.encoded import silent_flac
from support.memory_bombs import fragments, mp4
from support.raw_receiver import Conversation, receiving
from support.stuck import GET, HANDSHAKE, STUCK
from support.waiting import real_pause

ADDRESS = "127.0.0.66"
"""Where strangers come from: not from where the healthy tenant does."""
CLIP = (Path(__file__).parent.parent / "audio" / "phone_en_auth_incorrect.flac").read_bytes()
SILENCE = 3_600.0
"""Seconds, of eight channels."""
NOBODY = "callback=http://127.0.0.1:9/"
"""A receiver that is not there: no caller waits for these results."""


@dataclass
class Attacker:
    port: int
    key: str
    stack: AsyncExitStack
    tries: Counter[str] = field(default_factory=Counter)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(ADDRESS, 0))

    async def submit(self, body: bytes, query: str = NOBODY, content_type: str = "audio/flac") -> int:
        """A request with the key; the status of its answer."""
        reader, writer = await self.connect()
        try:
            writer.write(self.head(query, len(body), content_type) + body)
            return int((await reader.readline()).split()[1])
        finally:
            writer.transport.abort()

    def head(self, query: str, length: int, content_type: str) -> bytes:
        return (
            f"POST /v1/listen?{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {self.key}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


Attack = Callable[[Attacker], Awaitable[None]]
"""One try, of which several are made at a time, again and again."""


async def pipelined_requests(by: Attacker) -> None:
    _, writer = await by.connect()
    writer.transport.pause_reading()  # type: ignore[attr-defined] # it reads no answer
    try:
        writer.write(GET * (1 << 15))
        await asyncio.wait_for(writer.drain(), 5)
    finally:
        writer.transport.abort()


_stuck = cycle(STUCK)


async def stuck_connections(by: Attacker) -> None:
    reader, writer = await by.connect()
    try:
        writer.write(next(_stuck))
        while await asyncio.wait_for(reader.read(4_096), 60):
            pass
    finally:
        writer.transport.abort()


async def slow_headers(by: Attacker) -> None:
    await _drip(by, b"GET /v1/listen HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200)


async def slow_bodies(by: Attacker) -> None:
    await _drip(by, by.head(NOBODY, 10_000_000, "audio/flac") + bytes(200), at_once=200)


async def _drip(by: Attacker, data: bytes, at_once: int = 40) -> None:
    _, writer = await by.connect()
    try:
        writer.write(data[:at_once])
        for byte in data[at_once:]:
            await real_pause(0.2, "five bytes a second")
            writer.write(bytes([byte]))
            await writer.drain()
    finally:
        writer.transport.abort()


async def garbage(by: Attacker) -> None:
    reader, writer = await by.connect()
    try:
        writer.write(random.randbytes(2_000))
        await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.transport.abort()


_bombs = cycle([mp4(40_000_000), mp4(1_000_000, tracks=1_000, audio=256), fragments(100_000_000)])


async def memory_bombs(by: Attacker) -> None:
    await by.submit(next(_bombs), content_type="video/mp4")
    await real_pause(0.2, "the pace of this attack")


async def long_silences(by: Attacker) -> None:
    await by.submit(silent_flac(SILENCE), f"{NOBODY}&multichannel=true")
    await real_pause(5, "the pace of this attack")


async def floods(by: Attacker) -> None:
    await by.submit(CLIP)


async def dripping_hosts(by: Attacker) -> None:
    """Audio from a host that sends 1.5 KB a second, for ever."""

    async def drip(talk: Conversation) -> None:
        await talk.request()
        await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        while True:
            await talk.say(bytes(750))
            await real_pause(0.5, "1.5 kB a second")

    host = await by.stack.enter_async_context(receiving(drip))
    await by.submit(json.dumps({"url": host.url("/slow.wav")}).encode(), content_type="application/json")
    await real_pause(5, "the pace of this attack")


_behaviours = cycle(PLAIN.values())


async def hostile_callbacks(by: Attacker) -> None:
    """The recording is none: its callback carries the refusal, and costs no engine."""
    receiver = await by.stack.enter_async_context(receiving(next(_behaviours)))
    await by.submit(b"no recording", f"callback={quote(receiver.url('/hook'), safe='')}")
    await real_pause(0.5, "the pace of this attack")


async def held_streams(by: Attacker) -> None:
    """A live stream that is held open without saying anything."""
    reader, writer = await by.connect()
    try:
        writer.write(
            HANDSHAKE.replace(b"listen", b"listen?encoding=linear16&sample_rate=16000")
            + f"Authorization: Token {by.key}\r\n\r\n".encode()
        )
        while True:
            writer.write(_masked(b'{"type":"KeepAlive"}'))
            await writer.drain()
            await real_pause(0.5, "two messages a second")
            if reader.at_eof():
                return
    finally:
        writer.transport.abort()


def _masked(text: bytes) -> bytes:
    """A text frame under the mask of noughts."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


ATTACKS: dict[str, tuple[Attack, int]] = {
    "pipelined requests": (pipelined_requests, 10),
    "stuck connections": (stuck_connections, 150),
    "slow headers": (slow_headers, 100),
    "slow bodies": (slow_bodies, 50),
    "garbage": (garbage, 5),
    "memory bombs": (memory_bombs, 12),
    "long silences": (long_silences, 12),
    "a flood of recordings": (floods, 4),
    "dripping hosts": (dripping_hosts, 24),
    "hostile callbacks": (hostile_callbacks, 15),
    "held streams": (held_streams, 20),
}
"""Each with how many are made at a time."""


async def _again_and_again(by: Attacker, name: str) -> None:
    attack, _ = ATTACKS[name]
    while True:
        by.tries[name] += 1
        with suppress(
            OSError, TimeoutError, IndexError, ValueError
        ):  # refused, reset, or cut off: as it should
            await attack(by)
        await real_pause(0.05, "the pace of an attacker that is refused at once")


async def run(port: int, key: str, share: float, names: list[str]) -> None:
    """`share`: of the number that are made at a time."""
    if "long silences" in names:
        silent_flac(SILENCE)  # it takes a moment to make
    async with AsyncExitStack() as stack:
        by = Attacker(port, key, stack)
        running = [  # kept, so that they are not collected
            asyncio.create_task(_again_and_again(by, name))
            for name in names
            for _ in range(max(1, round(ATTACKS[name][1] * share)))
        ]
        assert running
        await real_pause(0.5, "the attacks have begun by then")
        print("on", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps(by.tries), flush=True)
        os._exit(0)  # with whatever is open: that is how attackers go, too


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
