"""The laws of the live conversation, whatever comes in whatever order.

One rule feeds what a client may send, what the recogniser may report (also what a well-made one never
would), or time; the laws are checked on every message that comes out.
"""

import json
from typing import cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from ringback.listen.live import (
    Action,
    AudioOpened,
    Cause,
    CloseSocket,
    Conversation,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    MessageKind,
    RecognitionResult,
    SendMessage,
    SpeechStarted,
    VadProgress,
)
from ringback.listen.options import ListenOptions
from ringback.transcript import Word
from support.conversations import FACTS, Json
from support.stream_laws import StreamLaws

MOST_BYTES = 1 << 20
TIMES = st.floats(0, 1000) | st.sampled_from([0.0, 0.1, 1.0, 2.5])
CHANNELS = st.integers(0, 3)
WORDS = st.lists(
    st.builds(Word, st.text(min_size=1, max_size=12), TIMES, TIMES, st.floats(0, 1)), max_size=6
).map(tuple)
CONTROLS = ("KeepAlive", "Finalize", "Sync", "Configure", "Flush", 7, None)
OPTIONS = st.builds(
    ListenOptions,
    interim_results=st.booleans(),
    endpointing=st.none() | st.sampled_from([10, 300]),
    utterance_end_ms=st.none() | st.just(1000),
    vad_events=st.booleans(),
    punctuate=st.booleans(),
    extra=st.just({"who": "me"}) | st.just({}),
)
FIELDS = {
    MessageKind.INTERIM: "Results",
    MessageKind.FINAL: "Results",
    MessageKind.SPEECH_STARTED: "SpeechStarted",
    MessageKind.UTTERANCE_END: "UtteranceEnd",
    MessageKind.METADATA: "Metadata",
}
ANSWERS = {"Error", "ConfigureSuccess", "ConfigureFailure"}


class LiveLaws(StreamLaws):
    """Each rule hands one thing in; `keep` holds what comes out against the laws."""

    channels = 2

    @initialize(options=OPTIONS, opened=st.booleans())
    def start(self, options: ListenOptions, opened: bool) -> None:
        self.options = options
        self.now = 100.0
        self.conversation: Conversation = Conversation(options, FACTS, self.now)
        self.fixed: dict[int, float] = {}
        self.finalized: dict[int | None, int] = {}
        self.answered: dict[int, int] = {}
        self.metadata = 0
        self.ends = 0
        if opened:
            self.audio(b"x")
            self.keep(self.conversation.receive_event(AudioOpened(2), self.now))

    @rule(data=st.binary(min_size=1, max_size=8))
    def audio(self, data: bytes) -> None:
        ending = self.ends > 0
        actions = self.conversation.receive_binary(data, self.now)
        assert actions == ([] if ending or self.closes else [FeedAudio(data)])

    @rule(text=st.text(max_size=40) | st.sampled_from(CONTROLS).map(lambda kind: json.dumps({"type": kind})))
    def text(self, text: str) -> None:
        self.keep(self.conversation.receive_text(text, self.now))

    @rule(channel=CHANNELS)
    def finalize(self, channel: int) -> None:
        self.keep(
            self.conversation.receive_text(json.dumps({"type": "Finalize", "channel": channel}), self.now)
        )

    @rule(channels=st.integers(1, 3))
    def opened(self, channels: int) -> None:
        self.keep(self.conversation.receive_event(AudioOpened(channels), self.now))

    @rule(
        channel=CHANNELS,
        start=TIMES,
        length=TIMES,
        words=WORDS,
        final=st.booleans(),
        cause=st.sampled_from(Cause),
    )
    def recognised(
        self, channel: int, start: float, length: float, words: tuple[Word, ...], final: bool, cause: Cause
    ) -> None:
        event = RecognitionResult(channel, start, start + length, words, final, cause)
        self.keep(self.conversation.receive_event(event, self.now))

    @rule(
        channel=CHANNELS,
        length=st.floats(0, 3),
        words=WORDS,
        final=st.booleans(),
        cause=st.sampled_from(Cause),
    )
    def heard_next(
        self, channel: int, length: float, words: tuple[Word, ...], final: bool, cause: Cause
    ) -> None:
        """As a well-made recogniser reports: where the last final ended."""
        start = self.fixed.get(channel, 0.0)
        event = RecognitionResult(channel, start, start + length, words, final, cause)
        self.keep(self.conversation.receive_event(event, self.now))

    @rule(channel=CHANNELS, at=TIMES)
    def began(self, channel: int, at: float) -> None:
        self.keep(self.conversation.receive_event(SpeechStarted(channel, at), self.now))

    @rule(channel=CHANNELS, ahead=st.floats(0, 5), quiet=st.booleans())
    def reached(self, channel: int, ahead: float, quiet: bool) -> None:
        fixed = self.fixed.get(channel, 0.0)
        event = VadProgress(channel, fixed + ahead, fixed if quiet else None)
        self.keep(self.conversation.receive_event(event, self.now))

    @rule(seconds=st.floats(0, 12))
    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.keep(self.conversation.tick(self.now))
        deadline = self.conversation.deadline
        assert deadline is None or deadline > self.now

    @rule()
    def resume(self) -> None:
        self.conversation.resume(self.now)

    def keep(self, actions: list[Action]) -> None:
        """Hold each action against the laws."""
        for action in actions:
            assert not self.closes, "nothing comes after Close"
            match action:
                case SendMessage():
                    self.keep_message(action)
                case FlushRecogniser(channel):
                    assert self.ends == 0
                    self.finalized[channel] = self.finalized.get(channel, 0) + 1
                case EndAudio():
                    self.ends += 1
                case CloseSocket():
                    self.keep_close(action)
                    assert self.metadata == 1, "Metadata comes before Close"
                case FeedAudio():
                    raise AssertionError("only a binary frame makes audio")
        assert self.ends <= 1

    def keep_message(self, say: SendMessage) -> None:
        assert len(say.message) < MOST_BYTES
        message = cast(Json, json.loads(say.message.decode()))
        if say.kind is MessageKind.ANSWER:
            assert message["type"] in ANSWERS
            return
        assert message["type"] == FIELDS[say.kind]
        if say.kind is MessageKind.METADATA:
            self.metadata += 1
            assert self.metadata == 1
            return
        assert self.metadata == 0, "Metadata is the last message"
        match say.kind:
            case MessageKind.INTERIM:
                self.keep_interim(message)
            case MessageKind.FINAL:
                self.keep_final(message)
            case MessageKind.UTTERANCE_END:
                assert self.options.utterance_end_ms is not None
            case _:
                assert self.options.vad_events

    def keep_interim(self, message: Json) -> None:
        assert self.options.interim_results
        channel, start, length = self.place(message)
        assert start == self.fixed.get(channel, 0.0), "an interim starts where the last final ended"
        assert length >= 0
        assert [message[flag] for flag in ("is_final", "speech_final", "from_finalize")] == [False] * 3

    def keep_final(self, message: Json) -> None:
        channel, start, length = self.place(message)
        assert start == self.fixed.get(channel, 0.0), "finals follow each other without a gap"
        assert length >= 0, "times never go back"
        assert message["is_final"] is True
        self.fixed[channel] = round(start + length, 3)
        if message["from_finalize"]:
            self.answered[channel] = self.answered.get(channel, 0) + 1
            requested = self.finalized.get(None, 0) + self.finalized.get(channel, 0)
            assert self.answered[channel] <= requested, "one answer to each Finalize at most"

    def place(self, message: Json) -> tuple[int, float, float]:
        index, total = cast(list[int], message["channel_index"])
        assert 0 <= index < total
        return index, cast(float, message["start"]), cast(float, message["duration"])


TestLiveLaws = LiveLaws.TestCase
TestLiveLaws.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
