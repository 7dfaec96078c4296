"""The two lanes of a session: who waits for whom, and how every end is told."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ringback.clock import SystemClock
from ringback.features.live import LiveText
from ringback.listen.actions import CloseReason, SendMessage
from ringback.listen.live import Conversation, StreamMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    RecognitionEvent,
    RecognitionResult,
    Undecodable,
)
from ringback.listen.results import ModelMetadata
from ringback.streaming.recent_words import RecentWords
from ringback.streaming.relay import (
    CallbackAndClientRelay,
    ClientClosed,
    ClientLost,
    ClientRelay,
    ClientTooSlow,
    Relay,
    RelayLost,
)
from ringback.streaming.session import LARGEST_BATCH, MAX_OUTBOX, Session, SessionEnd
from support.clock import ManualClock
from support.live_client import BYTES_PER_SECOND, CLOSE_STREAM, FINALIZE, ScriptedRecogniser, word
from support.waiting import PATIENCE, real_pause, turns

SECOND = bytes(BYTES_PER_SECOND)
FACTS = StreamMetadata(
    "f0b5a2e6-0f39-4a92-b2a5-000000000000", 1_800_000_000.0, (ModelMetadata("u", "tiny.en", "1", "whisper"),)
)


@dataclass
class Socket:
    """A client's socket in memory."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    closes: list[tuple[int, str]] = field(default_factory=list)
    frames: asyncio.Queue[bytes | str | ClientClosed] = field(default_factory=asyncio.Queue)
    trouble: Exception | None = None

    async def receive_message(self) -> bytes | str | ClientClosed:
        return await self.frames.get()

    async def send_message(self, message: bytes) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.sent.append(json.loads(message))

    async def close(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))

    def put(self, *frames: bytes | str | ClientClosed) -> None:
        for frame in frames:
            self.frames.put_nowait(frame)


@dataclass
class Target:
    """A callback in memory."""

    said: list[dict[str, Any]] = field(default_factory=list)
    closes: list[tuple[int, str]] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def send_messages(self, messages: Sequence[SendMessage]) -> None:
        self.said += [json.loads(each.message) for each in messages]

    async def wait_lost(self) -> RelayLost:
        await self.lost.wait()
        return RelayLost(CloseReason.CALLBACK_LOST, "it hung up")

    async def close(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))


@dataclass
class Run:
    """A session under way."""

    socket: Socket
    recogniser: ScriptedRecogniser
    session: Session
    stopping: asyncio.Event
    faults: list[BaseException]
    task: asyncio.Task[SessionEnd]

    async def end(self) -> SessionEnd:
        async with asyncio.timeout(PATIENCE):
            return await self.task


def begun(
    query: ListenOptions | None = None,
    *,
    callback: Relay | None = None,
    clock: SystemClock | ManualClock | None = None,
    socket: Socket | None = None,
    recogniser: ScriptedRecogniser | None = None,
) -> Run:
    socket, recogniser, stopping = socket or Socket(), recogniser or ScriptedRecogniser(), asyncio.Event()
    faults: list[BaseException] = []
    options = query or ListenOptions(encoding="linear16", sample_rate=16_000)
    clock = clock or SystemClock()
    relay: Relay = ClientRelay(socket)
    if callback is not None:
        relay = CallbackAndClientRelay(callback, socket, inspect=options.inspect_response)
    session = Session(
        client=socket,
        relay=relay,
        recogniser=recogniser,
        conversation=Conversation(options, FACTS, clock.monotonic()),
        text=LiveText(options),
        recent=RecentWords(),
        clock=clock,
        outlives_client=callback is not None,
        report=faults.append,
    )
    return Run(socket, recogniser, session, stopping, faults, asyncio.create_task(session.run(stopping)))


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await turns()


def types(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def words(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [
        message["channel"]["alternatives"][0]["transcript"]
        for message in messages
        if message["type"] == "Results"
    ]


async def test_a_stream_runs_to_its_end() -> None:
    run = begun()
    run.socket.put(SECOND, SECOND, SECOND[: BYTES_PER_SECOND // 2], CLOSE_STREAM)
    ended = await run.end()
    assert ended == SessionEnd(1000, "", 200)
    assert words(run.socket.sent) == ["word0", "word1", "word2"]
    assert types(run.socket.sent)[-1] == "Metadata"
    assert run.socket.closes == [(1000, "")]
    assert run.recogniser.abandoned
    tally = run.session.tally
    assert (tally.frames, tally.size, tally.audio_seconds) == (3, int(2.5 * BYTES_PER_SECOND), 2.5)
    assert tally.metadata is not None


async def test_words_are_written_as_asked_for() -> None:
    run = begun(ListenOptions(encoding="linear16", sample_rate=16_000, punctuate=True))
    run.socket.put(SECOND, CLOSE_STREAM)
    await run.end()
    assert words(run.socket.sent) == ["Word0."]


async def test_control_messages_do_not_overtake_audio() -> None:
    run = begun()
    run.recogniser.room.clear()
    run.socket.put(SECOND, SECOND, FINALIZE, CLOSE_STREAM)
    await turns()
    run.recogniser.room.set()
    await run.end()
    results = [message for message in run.socket.sent if message["type"] == "Results"]
    assert [message["from_finalize"] for message in results] == [False, False, True]


async def test_a_full_recogniser_stops_the_reading_and_the_silence_is_not_the_clients() -> None:
    clock = ManualClock()
    run = begun(clock=clock)
    run.recogniser.room.clear()
    run.socket.put(SECOND, SECOND)
    await until(lambda: run.socket.frames.qsize() == 1)  # the first is being fed, the second waits
    clock.advance(60)
    await real_pause(0.6, "the session checks its deadline twice meanwhile")
    assert not run.task.done()
    assert run.socket.frames.qsize() == 1
    run.recogniser.room.set()
    run.socket.put(CLOSE_STREAM)
    assert (await run.end()).code == 1000


async def test_a_silent_client_is_closed() -> None:
    clock = ManualClock()
    run = begun(clock=clock)
    run.socket.put(SECOND)
    await until(lambda: bool(run.socket.sent))
    clock.advance(11)
    ended = await run.end()
    assert (ended.code, ended.reason) == (1011, CloseReason.IDLE_TIMEOUT.reason)
    assert ended.status == 408
    assert types(run.socket.sent)[-1] == "Metadata"


async def test_undecodable_audio_is_closed_with_its_code() -> None:
    run = begun()
    run.recogniser.tell(Undecodable())
    run.recogniser.tell(None)
    assert await run.end() == SessionEnd(1008, "DATA-0000", 400)


@pytest.mark.parametrize(
    ("lost", "status"),
    [
        (ClientClosed(1000, cleanly=True), 200),
        (ClientClosed(1005, cleanly=True), 200),
        (ClientClosed(1005, cleanly=False), 499),
        (ClientClosed(1009, cleanly=True), 413),
        (ClientClosed(1007, cleanly=True), 400),
    ],
)
async def test_a_client_that_leaves_ends_its_stream_at_once(lost: ClientClosed, status: int) -> None:
    run = begun()
    run.recogniser.room.clear()
    run.socket.put(lost)
    ended = await run.end()
    assert (ended.code, ended.status) == (lost.code, status)
    assert run.recogniser.abandoned


async def test_a_client_that_half_closes_behind_its_close_stream_gets_its_results() -> None:
    run = begun()
    run.socket.put(SECOND[:16_000], CLOSE_STREAM, ClientClosed(1005, cleanly=False, reads=True))
    assert await run.end() == SessionEnd(1000, "", 200)
    assert types(run.socket.sent) == ["Results", "Metadata"]


async def test_a_client_that_half_closes_without_an_end_broke_off() -> None:
    run = begun()
    run.recogniser.room.clear()
    run.socket.put(ClientClosed(1005, cleanly=False, reads=True))
    assert (await run.end()).status == 499
    assert run.recogniser.abandoned


async def test_a_callback_gets_the_last_words_of_a_client_that_left() -> None:
    callback = Target()
    run = begun(callback=callback)
    run.socket.put(SECOND[:16_000], ClientClosed(1005, cleanly=False))
    ended = await run.end()
    assert ended.status == 200
    assert types(callback.said) == ["Results", "Metadata"]
    assert words(callback.said) == ["word0"]
    assert callback.closes == [(1000, CloseReason.CLIENT_GONE.reason)]


async def test_with_a_callback_the_client_gets_no_results() -> None:
    callback = Target()
    run = begun(callback=callback)
    run.socket.put(SECOND, '{"type":"Nonsense"}', CLOSE_STREAM)
    await run.end()
    assert types(callback.said) == ["Results", "Metadata"]
    assert types(run.socket.sent) == ["Error"]
    assert run.socket.closes == [(1000, "")]


async def test_an_inspected_callback_is_said_first() -> None:
    callback = Target()
    options = ListenOptions(encoding="linear16", sample_rate=16_000, inspect_response=True)
    run = begun(options, callback=callback)
    run.socket.put(SECOND, CLOSE_STREAM)
    await run.end()
    assert run.socket.sent == callback.said
    assert types(callback.said) == ["Results", "Metadata"]


async def test_a_lost_callback_ends_the_stream_at_once() -> None:
    callback = Target()
    run = begun(callback=callback)
    run.recogniser.room.clear()
    run.socket.put(SECOND)
    callback.lost.set()
    ended = await run.end()
    assert ended == SessionEnd(1011, CloseReason.CALLBACK_LOST.reason, 502, "it hung up")
    assert run.socket.closes == [(1011, CloseReason.CALLBACK_LOST.reason)]


async def test_a_client_that_does_not_read_is_closed() -> None:
    run = begun(socket=Socket(trouble=ClientTooSlow()))
    run.socket.put(SECOND)
    ended = await run.end()
    assert (ended.code, ended.reason, ended.status) == (1008, CloseReason.CLIENT_TOO_SLOW.reason, 408)


async def test_a_socket_that_takes_no_more_is_left_to_its_reader() -> None:
    run = begun(socket=Socket(trouble=ClientLost()))
    run.socket.put(SECOND, SECOND, ClientClosed(1005, cleanly=False))
    assert (await run.end()).status == 499


async def test_the_lanes_wait_for_a_relay_that_is_slow() -> None:
    released = asyncio.Event()

    class Slow(Target):
        async def send_messages(self, messages: Sequence[SendMessage]) -> None:
            await released.wait()
            await super().send_messages(messages)

    callback = Slow()
    run = begun(callback=callback)
    run.recogniser.tell(AudioOpened(1))
    count = 2 * MAX_OUTBOX
    for number in range(count):
        run.recogniser.tell(final(number))
    await turns(10 * count)
    assert run.recogniser.pending_events >= count - MAX_OUTBOX - 2 * LARGEST_BATCH
    released.set()
    await until(lambda: len(callback.said) == count)
    run.socket.put(CLOSE_STREAM)
    await run.end()
    assert words(callback.said) == ["a"] * count


def final(number: int) -> RecognitionEvent:
    said = (word("a", number, number + 0.5),)
    return RecognitionResult(0, float(number), number + 1.0, said, final=True, cause=Cause.LENGTH)


async def test_a_stop_brings_the_last_words_and_says_why() -> None:
    run = begun()
    run.socket.put(SECOND[:16_000])
    await until(lambda: bool(run.recogniser.fed))
    run.stopping.set()
    ended = await run.end()
    assert (ended.code, ended.reason, ended.status) == (
        CloseReason.SERVER_STOPPING.code,
        CloseReason.SERVER_STOPPING.reason,
        503,
    )
    assert types(run.socket.sent) == ["Results", "Metadata"]


async def test_whoever_is_cut_off_still_closes_everything() -> None:
    callback = Target()
    run = begun(callback=callback)
    run.recogniser.room.clear()
    run.socket.put(SECOND)
    await turns()
    run.task.cancel()
    ended = await run.end()
    assert ended.code == CloseReason.SERVER_STOPPING.code
    assert (
        run.socket.closes
        == callback.closes
        == [(CloseReason.SERVER_STOPPING.code, CloseReason.SERVER_STOPPING.reason)]
    )
    assert run.recogniser.abandoned


async def test_a_fault_is_told_to_nobody_but_the_log() -> None:
    run = begun()
    run.recogniser.tell(None)  # silent before the end: the recogniser breaks its promise
    ended = await run.end()
    assert (ended.code, ended.reason, ended.status) == (1011, CloseReason.FAILED.reason, 500)
    assert len(run.faults) == 1
