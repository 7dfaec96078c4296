"""Live streams from both ends: a client over `websockets`, and a recogniser that reports what a test says."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ringback.engines.base import ModelInfo
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    VadProgress,
)
from ringback.listen.turn_confidence import TurnThresholds
from ringback.transcript import NamedSpan, Word
from support.asyncapi import check_sent
from support.turns import Turns
from support.waiting import PATIENCE, real_pause

RATE = 16_000
BYTES_PER_SECOND = 2 * RATE
RAW = f"encoding=linear16&sample_rate={RATE}"
"""What the audio below is."""

CLOSE_STREAM = '{"type":"CloseStream"}'
FINALIZE = '{"type":"Finalize"}'
KEEP_ALIVE = '{"type":"KeepAlive"}'


@dataclass
class LiveClient:
    """One open stream; messages are read as they come, in the background."""

    connection: ClientConnection
    messages: list[dict[str, Any]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    """When each message came, by `time.monotonic`."""
    closed_at: float = 0.0
    turn_based: bool = False
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reading: asyncio.Task[None] | None = None

    @property
    def request_id(self) -> str:
        assert self.connection.response is not None
        return self.connection.response.headers["dg-request-id"]

    @property
    def code(self) -> int | None:
        """How the server closed it; None: not yet, or without a word."""
        received = self.connection.protocol.close_rcvd
        return None if received is None else received.code

    @property
    def reason(self) -> str:
        received = self.connection.protocol.close_rcvd
        return "" if received is None else received.reason

    async def send(self, data: bytes | str) -> None:
        await self.connection.send(data)

    async def speak(self, audio: bytes, *, frame: float = 0.1, pace: float = 1.0) -> None:
        """Send raw audio in frames of so many seconds, `pace` times as fast as it was spoken; 0: at once."""
        size = int(frame * BYTES_PER_SECOND)
        for start in range(0, len(audio), size):
            await self.connection.send(audio[start : start + size])
            if pace:
                await real_pause(frame / pace, "the audio is sent as fast as it is spoken")

    async def closed(self, seconds: float = PATIENCE) -> int | None:
        """Wait until the server has closed the stream; its code."""
        async with asyncio.timeout(seconds):
            await self.connection.wait_closed()
            if self._reading is not None:
                await self._reading
        return self.code

    async def wait_for(self, kind: str, count: int = 1, seconds: float = PATIENCE) -> list[dict[str, Any]]:
        """The messages of one `type`, once there are so many."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def transcript(self) -> str:
        """What the finals say."""
        finals = [message for message in self.of("Results") if message["is_final"]]
        texts = [message["channel"]["alternatives"][0]["transcript"] for message in finals]
        return " ".join(text for text in texts if text)

    async def read(self) -> None:
        try:
            async for message in self.connection:
                self.arrived.append(time.monotonic())
                self.messages.append(json.loads(message))
                check_sent(self.messages[-1], turn_based=self.turn_based)
                async with self._news:
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.closed_at = time.monotonic()


@asynccontextmanager
async def stream(
    port: int,
    query: str = RAW,
    *,
    key: str | None = None,
    reading: bool = True,
    headers: Mapping[str, str] | None = None,
    path: str = "/v1/listen",
    **options: Any,
) -> AsyncIterator[LiveClient]:
    """An open stream. `key` goes into the header; other credentials come as `subprotocols`."""
    headers = {**(headers or {}), **({} if key is None else {"Authorization": f"Token {key}"})}
    url = f"ws://127.0.0.1:{port}{path}?{query}"
    connection = await connect(
        url, additional_headers=headers, compression=None, open_timeout=PATIENCE, close_timeout=2, **options
    )
    client = LiveClient(connection, turn_based=path == "/v2/listen")
    if reading:
        client._reading = asyncio.create_task(client.read())
    try:
        yield client
    finally:
        # What `abort` of a transport raises in Python 3.11 that has lost its connection in this moment.
        with suppress(AttributeError):
            await connection.close()
    if client._reading is not None:
        await client._reading
    if client.turn_based and client.messages:
        Turns(client.messages).check(multilingual="flux-general-multi" in query)


async def refusal(port: int, query: str = RAW, *, key: str | None = None, **options: Any) -> InvalidStatus:
    """How the handshake is refused; fails if it is not."""
    try:
        async with stream(port, query, key=key, **options):
            raise AssertionError("the handshake was accepted")
    except InvalidStatus as refused:
        return refused


def word(text: str, start: float, end: float) -> Word:
    return Word(text, start, end, 0.9)


class ScriptedRecogniser:
    """A recogniser that reports a word for each second of audio, final at once, and nothing else.

    They keep a recogniser's promises: what is fed, flushed and ended is reported in that order.
    """

    def __init__(self, channels: int = 1) -> None:
        self.fed = bytearray()
        self.abandoned = False
        self.keyterms: tuple[str, ...] = ()
        self.hints: tuple[str, ...] = ()
        self.thresholds = TurnThresholds()
        self.room = asyncio.Event()
        """Cleared: the recogniser takes no more."""
        self.room.set()
        self._events: asyncio.Queue[RecognitionEvent | None] = asyncio.Queue()
        self._channels = channels
        self._opened = False
        self._reported = 0.0

    @property
    def fed_seconds(self) -> float:
        return len(self.fed) / BYTES_PER_SECOND

    @property
    def pending_events(self) -> int:
        """Events that were not fetched yet."""
        return self._events.qsize()

    async def feed_audio(self, data: bytes) -> None:
        await self.room.wait()
        self.fed += data
        if not self._opened:
            self._opened = True
            self.tell(AudioOpened(self._channels))
        while self.fed_seconds - self._reported >= 1:
            self._final(self._reported + 1, Cause.ENDPOINT)
        self.tell(VadProgress(0, self.fed_seconds, None))

    async def flush_channel(self, channel: int | None) -> None:
        self._final(self.fed_seconds, Cause.FINALIZE)

    async def end_audio(self) -> None:
        if self.fed_seconds > self._reported:
            self._final(self.fed_seconds, Cause.END)
        self.tell(RecognitionFinished(self._channels, self.fed_seconds))
        self.tell(None)

    def use_keyterms(self, keyterms: Sequence[str]) -> None:
        self.keyterms = tuple(keyterms)

    def use_thresholds(self, thresholds: TurnThresholds) -> None:
        self.thresholds = thresholds

    def use_language_hints(self, hints: Sequence[str]) -> None:
        self.hints = tuple(hints)

    async def find_names(self, words: Sequence[str], *, final: bool) -> Sequence[NamedSpan]:
        return ()

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self.abandoned = True

    def tell(self, event: RecognitionEvent | None) -> None:
        """Report this next; None: fall silent."""
        self._events.put_nowait(event)

    def _final(self, end: float, cause: Cause) -> None:
        words: Sequence[Word] = ()
        if end > self._reported:
            words = (word(f"Word{int(self._reported)}.", self._reported, end),)
        self.tell(RecognitionResult(0, self._reported, end, tuple(words), final=True, cause=cause))
        self._reported = end


def open_scripted_recogniser(
    options: ListenOptions, model: ModelInfo, request_id: JobId
) -> ScriptedRecogniser:
    return ScriptedRecogniser()
