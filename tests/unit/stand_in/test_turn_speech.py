"""Turns of a stand-in: sayings and the pauses between them, by the real protocol of turn-based streams."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringback.listen.actions import Action, EndAudio, FeedAudio, FlushRecogniser, SendMessage
from ringback.listen.flux_conversation import FluxConversation
from ringback.listen.flux_options import parse_flux
from ringback.listen.json_parts import ModelMetadata
from ringback.listen.live_messages import StreamMetadata
from ringback.stand_in.script import Rule, Saying
from ringback.stand_in.turn_speech import ScriptedTurns, TurnsOfWords

FACTS = StreamMetadata("00000000-0000-4000-8000-000000000000", 0.0, (ModelMetadata("u", "m", "1", "a"),))
SECOND = bytes(32_000)
ORDER = Rule(says=(Saying("Two coffees, please."), Saying("With milk.", start=4.0)))


class Stream:
    """A conversation whose recogniser is the script."""

    def __init__(self, rule: Rule, **parameters: str) -> None:
        pairs = [("model", "flux-general-en"), ("encoding", "linear16"), ("sample_rate", "16000")]
        options = parse_flux([*pairs, *parameters.items()])
        self._speech = ScriptedTurns(rule, options)
        self._conversation = FluxConversation(options, FACTS, TurnsOfWords(), ends_turn_on_close=False)
        self.messages: list[Any] = []
        self._act(self._conversation.begin())

    def send(self, data: bytes) -> None:
        self._act(self._conversation.receive_binary(data, 0.0))

    def say(self, kind: str) -> None:
        self._act(self._conversation.receive_text(json.dumps({"type": kind}), 0.0))

    def turns(self) -> list[tuple[str, str]]:
        """Event and transcript of all but Updates."""
        found = [message for message in self.messages if message["type"] == "TurnInfo"]
        return [(each["event"], each["transcript"]) for each in found if each["event"] != "Update"]

    def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case SendMessage(message):
                    self.messages.append(json.loads(message))
                case FeedAudio(data):
                    self._hear(self._speech.feed(data))
                case FlushRecogniser():
                    self._hear(self._speech.flush(None))
                case EndAudio():
                    self._hear(self._speech.end())

    def _hear(self, events: Sequence[Any]) -> None:
        for event in events:
            self._act(self._conversation.receive_event(event, 0.0))


def test_a_saying_is_a_turn() -> None:
    stream = Stream(ORDER)
    stream.send(SECOND * 8)
    assert stream.turns() == [
        ("StartOfTurn", "Two"),
        ("EndOfTurn", "Two coffees, please."),
        ("StartOfTurn", "With"),
        ("EndOfTurn", "With milk."),
    ]
    assert [message["sequence_id"] for message in stream.messages] == list(range(len(stream.messages)))


def test_a_pause_that_is_short_brings_the_turn_back() -> None:
    says = (Saying("Two coffees"), Saying("please.", start=1.12))
    stream = Stream(Rule(says=says), eager_eot_threshold="0.4")
    stream.send(SECOND * 4)
    assert stream.turns() == [
        ("StartOfTurn", "Two"),
        ("EagerEndOfTurn", "Two coffees"),
        ("TurnResumed", "Two coffees"),
        ("EagerEndOfTurn", "Two coffees please."),
        ("EndOfTurn", "Two coffees please."),
    ]


def test_what_sounds_incomplete_is_waited_for() -> None:
    short, long = (Stream(Rule(says=(Saying("Two", completeness=each),))) for each in (1.0, 0.0))
    for stream in (short, long):
        stream.send(SECOND[:28_800])  # half a second of silence behind the word
    assert short.turns()[-1] == ("EndOfTurn", "Two")
    assert long.turns() == [("StartOfTurn", "Two")]
    long.send(SECOND)
    assert long.turns()[-1] == ("EndOfTurn", "Two")


def test_an_end_may_be_forced() -> None:
    stream = Stream(ORDER)
    stream.send(SECOND[:16_000])
    stream.say("ForceEndTurn")
    assert stream.turns()[-1] == ("EndOfTurn", "Two coffees, please.")


def test_the_end_says_all_the_rest_without_ending_the_turn() -> None:
    stream = Stream(ORDER)
    stream.send(SECOND[:16_000])
    stream.say("CloseStream")
    last = stream.messages[-1]
    assert (last["event"], last["transcript"]) == ("Update", "Two coffees, please. With milk.")


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=20))
def test_turns_are_the_same_however_the_audio_is_cut(sizes: list[int]) -> None:
    whole, cut = Stream(ORDER), Stream(ORDER)
    whole.send(bytes(sum(sizes)))
    for size in sizes:
        cut.send(bytes(size))
    assert whole.turns() == cut.turns()
