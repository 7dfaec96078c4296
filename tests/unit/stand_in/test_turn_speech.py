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
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    PauseJudged,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.listen.turn_confidence import TurnThresholds
from ringback.stand_in.script import Rule, Saying
from ringback.stand_in.turn_speech import ScriptedTurns, TurnsOfWords
from ringback.transcript import Word

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


RAW = ListenOptions(
    encoding="linear16", sample_rate=16_000, thresholds=TurnThresholds(eager_eot_threshold=0.4)
)


def events_after(turns: ScriptedTurns, seconds: float) -> list[RecognitionEvent]:
    """What follows so much more audio; but for how far it is, which is reported at each step."""
    return [each for each in turns.feed(bytes(round(seconds * 32_000))) if not isinstance(each, VadProgress)]


def test_a_saying_and_the_pause_behind_it_event_by_event() -> None:
    """Half complete, it is announced after 0.34 s of silence and over after 0.801 s; steps are of 0.08 s."""
    saying = Saying("one two,", start=0.4, end=1.2, completeness=0.25)
    turns = ScriptedTurns(Rule(says=(saying,)), RAW)
    one, two = Word("one", 0.4, 0.8, 0.99), Word("two,", 0.8, 1.2, 0.99)
    assert events_after(turns, 0.4) == [AudioOpened(1)]
    assert events_after(turns, 0.08) == [SpeechStarted(0, 0.4)]
    first = RecognitionResult(0, 0.0, 0.8, (one,), final=False, cause=Cause.UPDATE)
    assert events_after(turns, 0.32) == [first]
    assert events_after(turns, 0.32) == []
    both = RecognitionResult(0, 0.0, 1.2, (one, two), final=False, cause=Cause.UPDATE)
    assert events_after(turns, 0.08) == [both, PauseJudged(0, 1.2, 0.25)]
    assert events_after(turns, 0.32) == []
    eager = RecognitionResult(0, 0.0, 1.6, (one, two), final=False, cause=Cause.EAGER)
    assert events_after(turns, 0.08) == [eager]
    assert events_after(turns, 0.32) == []
    final = RecognitionResult(0, 0.0, 2.08, (one, two), final=True, cause=Cause.ENDPOINT)
    assert events_after(turns, 0.16) == [final]
    assert events_after(turns, 1.0) == []
    assert turns.end() == [
        RecognitionResult(0, 2.08, 3.04, (), final=True, cause=Cause.END),
        RecognitionFinished(1, 3.04),
    ]


def test_how_far_it_is_is_told_at_each_step() -> None:
    turns = ScriptedTurns(Rule(says=(Saying("one", start=0.1, end=0.2),)), RAW)
    progress = [each for each in turns.feed(bytes(32_000 * 34 // 100)) if isinstance(each, VadProgress)]
    assert progress == [
        VadProgress(0, 0.08, 0.0),
        VadProgress(0, 0.16, None),
        VadProgress(0, 0.24, 0.2),
        VadProgress(0, 0.32, 0.2),
    ]


def test_a_saying_that_begins_within_the_pause_has_a_pause_of_its_own() -> None:
    says = (Saying("one", end=0.4, completeness=0.0), Saying("two", start=0.64, end=1.04, completeness=1.0))
    events = events_after(ScriptedTurns(Rule(says=says), RAW), 2.0)
    judged = [each for each in events if isinstance(each, PauseJudged)]
    assert judged == [PauseJudged(0, 0.4, 0.0), PauseJudged(0, 1.04, 1.0)]
    finals = [each for each in events if isinstance(each, RecognitionResult) and each.final]
    assert [[word.text for word in each.words] for each in finals] == [["one", "two"]]


def test_thresholds_change_within_a_stream() -> None:
    turns = ScriptedTurns(Rule(says=(Saying("one", end=0.4),)), RAW)
    turns.use_thresholds(TurnThresholds(eot_threshold=1.0, eot_timeout_ms=1_000))
    (_, _, _, judged) = events_after(turns, 0.8)
    assert judged == PauseJudged(0, 0.4, 1.0)
    assert events_after(turns, 0.48) == []
    (final,) = events_after(turns, 0.16)
    assert isinstance(final, RecognitionResult)
    assert (final.cause, final.end) == (Cause.ENDPOINT, 1.44)


def test_a_flush_says_what_has_begun_once() -> None:
    turns = ScriptedTurns(Rule(says=(Saying("one two", start=0.0, end=0.8), Saying("three", start=2.0))), RAW)
    assert turns.flush(None) == []
    events_after(turns, 0.48)
    one, two = Word("one", 0.0, 0.4, 0.99), Word("two", 0.4, 0.8, 0.99)
    assert turns.flush(None) == [
        RecognitionResult(0, 0.0, 0.48, (one, two), final=True, cause=Cause.FINALIZE)
    ]
    assert turns.flush(None) == [RecognitionResult(0, 0.48, 0.48, (), final=True, cause=Cause.FINALIZE)]
    assert events_after(turns, 1.0) == []
    assert events_after(turns, 1.0) != []


def test_bytes_that_tell_no_time_pass_at_the_rule_s_pace() -> None:
    turns = ScriptedTurns(Rule(says=(Saying("one"),), bytes_per_second=1_000), ListenOptions())
    turns.feed(bytes(400))
    (final, finished) = turns.end()
    assert isinstance(final, RecognitionResult)
    assert [word.text for word in final.words] == ["one"]
    assert finished == RecognitionFinished(1, 0.4)


def test_words_of_turns_are_written_as_the_script_has_them() -> None:
    words = (Word("Two,", 0.0, 0.4, 0.99),)
    writer = TurnsOfWords()
    writer.switch_numerals(True)
    writer.switch_profanity_filter(True)
    assert writer.write(words, settled=False) == writer.write(list(words), settled=True) == words
