"""The laws of a turn-based stream, whatever comes in whatever order."""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from ringback.features.turns import TurnText
from ringback.listen.actions import Action, CloseSocket, EndAudio, FeedAudio, SendMessage
from ringback.listen.flux_conversation import FluxConversation
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    PauseJudged,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.listen.turn_confidence import TurnThresholds
from ringback.transcript import Word
from support.conversations import FACTS
from support.stream_laws import StreamLaws
from support.turns import Turns

TIMES = st.floats(0, 1000) | st.sampled_from([0.0, 0.1, 1.0, 2.5])
TEXTS = st.text("abcdefg. ,!", min_size=1, max_size=8) | st.sampled_from(
    ["two", "six", "nine", "damn", "uh,"]
)
WORDS = st.lists(st.builds(Word, TEXTS, TIMES, TIMES, st.floats(0, 1)), max_size=6).map(tuple)
CONTROLS = (
    {"type": "ForceEndTurn"},
    {"type": "KeepAlive"},
    {"type": "Configure", "thresholds": {"eot_threshold": 0.9}},
    {"type": "Configure", "thresholds": {"eot_threshold": 0.2}},
    {"type": "Configure", "numerals": True, "keyterms": ["Metformin"]},
    {"type": "Configure", "numerals": False, "profanity_filter": True},
)
OPTIONS = st.builds(
    ListenOptions,
    model=st.just("flux-general-en"),
    numerals=st.booleans(),
    profanity_filter=st.booleans(),
    redact=st.sampled_from([(), ("numbers",), ("aggressive_numbers",)]),
    thresholds=st.sampled_from(
        [
            TurnThresholds(),
            TurnThresholds(0.8, 0.4),
            TurnThresholds(1.0, eot_timeout_ms=500),
            TurnThresholds(0.7, 0.7),
        ]
    ),
)


class FluxLaws(StreamLaws):
    """Each rule hands one thing in; what comes out is held against the laws."""

    @initialize(options=OPTIONS, ends=st.booleans())
    def start(self, options: ListenOptions, ends: bool) -> None:
        self.options = options
        self.now = 100.0
        self.conversation: FluxConversation = FluxConversation(
            options, FACTS, TurnText(options), ends_turn_on_close=ends
        )
        self.messages: list[dict[str, Any]] = []
        self.fixed = 0.0
        self.ends = 0
        self.keep(self.conversation.begin())
        self.audio(b"x")
        self.keep(self.conversation.receive_event(AudioOpened(1), self.now))

    @rule(data=st.binary(max_size=8))
    def audio(self, data: bytes) -> None:
        self.keep(self.conversation.receive_binary(data, self.now))

    @rule(control=st.sampled_from(CONTROLS))
    def control(self, control: dict[str, Any]) -> None:
        self.keep(self.conversation.receive_text(json.dumps(control), self.now))

    @rule(
        channel=st.integers(0, 1),
        start=TIMES,
        length=TIMES,
        words=WORDS,
        final=st.booleans(),
        cause=st.sampled_from(Cause),
    )
    def hear(
        self, channel: int, start: float, length: float, words: tuple[Word, ...], final: bool, cause: Cause
    ) -> None:
        event = RecognitionResult(channel, start, start + length, words, final, cause)
        self.keep(self.conversation.receive_event(event, self.now))

    @rule(length=st.floats(0, 3), words=WORDS, cause=st.sampled_from(Cause))
    def hear_next(self, length: float, words: tuple[Word, ...], cause: Cause) -> None:
        """As a well-made recogniser reports: where the last final ended."""
        start, self.fixed = self.fixed, self.fixed + length
        event = RecognitionResult(0, start, self.fixed, words, cause is not Cause.UPDATE, cause)
        self.keep(self.conversation.receive_event(event, self.now))

    @rule(ahead=st.floats(0, 5), quiet=st.booleans())
    def progress(self, ahead: float, quiet: bool) -> None:
        event = VadProgress(0, self.fixed + ahead, self.fixed if quiet else None)
        self.keep(self.conversation.receive_event(event, self.now))

    @rule(completeness=st.floats(0, 1), at=TIMES)
    def judge(self, completeness: float, at: float) -> None:
        self.keep(self.conversation.receive_event(PauseJudged(0, at, completeness), self.now))
        self.keep(self.conversation.receive_event(SpeechStarted(0, at), self.now))

    @rule(seconds=st.floats(0, 12))
    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.keep(self.conversation.tick(self.now))
        self.conversation.resume(self.now)

    @invariant()
    def the_laws_hold(self) -> None:
        stream = Turns(self.messages)
        stream.check()  # a recogniser gone astray may report `EAGER` where it was not requested
        assert json.loads(self.conversation.summary)["turns"] == len(stream.ends)

    def keep(self, actions: list[Action]) -> None:
        for action in actions:
            assert not self.closes, "nothing comes after the close"
            match action:
                case SendMessage():
                    assert len(action.message) < 1 << 20
                    self.messages.append(json.loads(action.message))
                case EndAudio():
                    self.ends += 1
                case CloseSocket():
                    self.keep_close(action)
                case FeedAudio(data):
                    assert data
                case _:
                    pass
        assert self.ends <= 1


TestFluxLaws = FluxLaws.TestCase
TestFluxLaws.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
