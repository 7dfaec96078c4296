"""A live stream of a stand-in: the real conversation (`listen.live`) over speech that a script says."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from ringback.listen.actions import (
    Action,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    MessageKind,
    Reconfigure,
    SendMessage,
)
from ringback.listen.flux_conversation import FluxConversation
from ringback.listen.live import Conversation
from ringback.listen.live_messages import StreamMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import RecognitionEvent, RecognitionResult
from ringback.server.exchange import ABORT
from ringback.stand_in.live_speech import ScriptedSpeech
from ringback.stand_in.records import RecordedRequest, Recorder
from ringback.stand_in.script import Close, Rule
from ringback.stand_in.speech import CREATED, model_of, sha256_of
from ringback.stand_in.turn_speech import ScriptedTurns, TurnsOfWords

TICK_SECONDS = 0.25
"""How often deadlines are checked."""


class LiveStream:
    """Runs once, on an accepted socket."""

    def __init__(
        self,
        websocket: WebSocket,
        record: RecordedRequest,
        recorder: Recorder,
        rule: Rule,
        options: ListenOptions,
    ) -> None:
        self._websocket = websocket
        self._record = record
        self._recorder = recorder
        self._rule = rule
        self._speech: ScriptedSpeech | ScriptedTurns
        self._conversation: Conversation | FluxConversation
        self._speech, self._conversation = _parts(record, rule, options)
        self._audio = bytearray()
        self._events: asyncio.Queue[tuple[float, RecognitionEvent]] = asyncio.Queue()
        """Each with the time before which it is not told."""
        self._outbox: asyncio.Queue[SendMessage | CloseSocket] = asyncio.Queue()
        self._finals = 0
        """Finals, or ends of turns, that were sent."""

    async def run(self) -> None:
        """Serve the stream to its end."""
        try:
            self._perform(self._conversation.begin())
            await self._run_tasks()
        finally:
            self._note_audio()

    async def _run_tasks(self) -> None:
        tasks = [
            asyncio.create_task(task)
            for task in (self._receive(), self._tell_events(), self._send(), self._watch_deadlines())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect):
                raise error

    # In

    async def _receive(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._closed(int(message.get("code") or 1005))
                return
            data: bytes | None = message.get("bytes")
            now = time.monotonic()
            if data is not None:
                self._audio += data
                await self._close_early(0)
                self._perform(self._conversation.receive_binary(data, now))
            else:
                text: str = message.get("text") or ""
                self._record.messages.append(text)
                self._recorder.changed()
                self._perform(self._conversation.receive_text(text, now))

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case SendMessage() | CloseSocket():
                    self._outbox.put_nowait(action)
                case FeedAudio(data):
                    self._add_events(self._speech.feed(data))
                case FlushRecogniser(channel):
                    self._add_events(self._speech.flush(channel))
                case EndAudio():
                    self._add_events(self._speech.end())
                case Reconfigure(thresholds=thresholds):
                    # Of the rest, the script says what is heard.
                    if thresholds is not None and isinstance(self._speech, ScriptedTurns):
                        self._speech.use_thresholds(thresholds)

    def _add_events(self, events: Iterable[RecognitionEvent]) -> None:
        for event in events:
            late = self._rule.late if isinstance(event, RecognitionResult) and event.final else 0.0
            self._events.put_nowait((time.monotonic() + late, event))

    # Out

    async def _tell_events(self) -> None:
        while True:
            due, event = await self._events.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._perform(self._conversation.receive_event(event, time.monotonic()))

    async def _send(self) -> None:
        while True:
            action = await self._outbox.get()
            if self._rule.silent:
                continue
            if isinstance(action, CloseSocket):
                await self._close(Close(code=action.code, reason=action.reason))
                return
            await self._websocket.send_text(action.message.decode())
            if action.kind in (MessageKind.FINAL, MessageKind.END_OF_TURN):
                self._finals += 1
                await self._close_early(self._finals)

    async def _watch_deadlines(self) -> None:
        """A silent stream stays open."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if not self._rule.silent:
                self._perform(self._conversation.tick(time.monotonic()))

    async def _close_early(self, finals: int) -> None:
        """As the script says, behind so many finals."""
        close = self._rule.close
        if close is not None and close.after == finals:
            await self._close(close)
            await asyncio.Event().wait()  # `_receive` learns of the end

    async def _close(self, close: Close) -> None:
        if close.cut:
            self._closed(1006)
            self._websocket.scope["extensions"][ABORT]()
            return
        self._closed(close.code)
        with suppress(WebSocketDisconnect, RuntimeError):  # the client was first
            await self._websocket.close(close.code, close.reason)

    def _closed(self, code: int) -> None:
        if self._record.close_code is None:
            self._record.close_code = code
        self._note_audio()

    def _note_audio(self) -> None:
        """Before the client can learn of the end: its test may look at once."""
        self._record.body = bytes(self._audio)
        self._record.sha256 = sha256_of(self._record.body)
        self._recorder.changed()


def _parts(
    record: RecordedRequest, rule: Rule, options: ListenOptions
) -> tuple[ScriptedSpeech, Conversation] | tuple[ScriptedTurns, FluxConversation]:
    """What is said, and the protocol in which it is told: that of `/v1/listen`, or of turns."""
    facts = StreamMetadata(record.request_id, CREATED, (model_of(options),))
    if options.thresholds is None:
        return ScriptedSpeech(rule, options), Conversation(options, facts, time.monotonic())
    conversation = FluxConversation(options, facts, TurnsOfWords(), ends_turn_on_close=False)
    return ScriptedTurns(rule, options), conversation
