"""The turn-based conversation, event by event."""

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from msgspec import structs

from ringback.features.turns import TurnText
from ringback.listen.actions import (
    RECOGNISER_TIMEOUT,
    Action,
    CloseReason,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    MessageKind,
    Reconfigure,
    SendMessage,
)
from ringback.listen.flux_conversation import MOST_WORDS, FluxConversation
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
    Undecodable,
    VadProgress,
)
from ringback.listen.turn_confidence import TurnThresholds
from ringback.transcript import Word
from support.conversations import FACTS
from support.turns import Turns

OPTIONS = ListenOptions(model="flux-general-en", thresholds=TurnThresholds(0.8, 0.5))
NOW = 100.0


def words(text: str, start: float, end: float) -> tuple[Word, ...]:
    said = text.split()
    step = (end - start) / max(1, len(said))
    return tuple(Word(each, start + n * step, start + (n + 1) * step, 0.9) for n, each in enumerate(said))


@dataclass
class Stream:
    """One conversation, and what came of it."""

    options: ListenOptions = OPTIONS
    ends_turn_on_close: bool = False
    facts: StreamMetadata = FACTS
    actions: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        writer = TurnText(self.options)
        self.conversation = FluxConversation(
            self.options, self.facts, writer, ends_turn_on_close=self.ends_turn_on_close
        )
        self.actions += self.conversation.begin()
        self.fixed = 0.0
        assert self.conversation.receive_binary(b"x", NOW) == [FeedAudio(b"x")]
        self.hear(AudioOpened(1))

    def hear(self, *events: RecognitionEvent) -> None:
        for event in events:
            self.actions += self.conversation.receive_event(event, NOW)

    def draft(self, text: str, end: float) -> None:
        said = words(text, self.fixed, end)
        self.hear(RecognitionResult(0, self.fixed, end, said, final=False, cause=Cause.UPDATE))

    def final(self, text: str, end: float, cause: Cause) -> None:
        start, self.fixed = self.fixed, end
        self.hear(RecognitionResult(0, start, end, words(text, start, end), final=True, cause=cause))

    def say(self, control: Any) -> list[Action]:
        actions = self.conversation.receive_text(
            control if isinstance(control, str) else json.dumps(control), NOW
        )
        self.actions += actions
        return actions

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(each.message) for each in self.actions if isinstance(each, SendMessage)]

    @property
    def turns(self) -> Turns:
        turns = Turns(self.messages)
        turns.check(multilingual=self.options.language == "multi")
        return turns

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(each["event"], each["transcript"]) for each in self.turns.infos]


def test_a_turn_from_its_first_words_to_its_end() -> None:
    stream = Stream()
    stream.hear(SpeechStarted(0, 0.2), VadProgress(0, 0.5, None))
    stream.draft("Book a", 0.8)
    stream.draft("Book a table.", 1.5)
    stream.hear(PauseJudged(0, 1.5, 0.9))
    stream.final("Book a table.", 1.75, Cause.EAGER)
    stream.final("", 2.05, Cause.ENDPOINT)
    assert stream.sent == [
        ("Update", ""),
        ("StartOfTurn", "Book a"),
        ("EagerEndOfTurn", "Book a table."),
        ("EndOfTurn", "Book a table."),
    ]
    first, end = stream.messages[0], stream.messages[-1]
    assert (first["type"], first["sequence_id"], first["request_id"]) == ("Connected", 0, FACTS.request_id)
    assert (end["trigger"], end["turn_index"], end["audio_window_start"]) == ("model", 0, 0.0)
    assert end["audio_window_end"] == 2.05
    assert end["end_of_turn_confidence"] >= 0.8
    assert end["words"][0] == {"word": "Book", "confidence": 0.9, "start": 0.0, "end": 0.583}


def test_the_next_turn_begins_where_the_last_one_ended() -> None:
    stream = Stream()
    stream.final("Yes.", 1.0, Cause.ENDPOINT)
    stream.hear(VadProgress(0, 1.3, 0.7))
    stream.final("No.", 2.0, Cause.ENDPOINT)
    infos = stream.turns.infos
    assert [each["turn_index"] for each in infos] == [0, 0, 1, 1, 1]
    assert (infos[2]["event"], infos[2]["transcript"], infos[2]["audio_window_start"]) == ("Update", "", 1.0)
    assert stream.sent[-1] == ("EndOfTurn", "No.")


def test_somebody_who_speaks_on_takes_an_eager_end_back() -> None:
    stream = Stream()
    stream.hear(PauseJudged(0, 0.9, 0.6))
    stream.final("I want", 1.2, Cause.EAGER)
    stream.hear(VadProgress(0, 1.3, 0.9), VadProgress(0, 1.5, None))
    stream.draft("to go.", 2.0)
    stream.hear(PauseJudged(0, 2.0, 0.6))
    stream.final("to go.", 2.3, Cause.EAGER)
    stream.final("", 2.6, Cause.ENDPOINT)
    assert stream.turns.events == [
        *("StartOfTurn", "EagerEndOfTurn", "TurnResumed", "EagerEndOfTurn", "EndOfTurn")
    ]
    assert stream.turns.of("TurnResumed")[0]["transcript"] == "I want"
    assert stream.turns.texts == ["I want to go."]


def test_a_pause_that_is_another_one_takes_it_back_too() -> None:
    stream = Stream()
    stream.hear(PauseJudged(0, 0.9, 0.6))
    stream.final("I want", 1.2, Cause.EAGER)
    stream.hear(PauseJudged(0, 1.4, 0.1))
    stream.final("", 1.7, Cause.EAGER)
    assert stream.turns.events == ["StartOfTurn", "EagerEndOfTurn", "TurnResumed", "EagerEndOfTurn"]


def test_an_end_with_other_words_than_its_eager_one_is_preceded_by_a_resumption() -> None:
    stream = Stream()
    stream.final("five", 1.0, Cause.EAGER)
    stream.say({"type": "Configure", "numerals": True})
    stream.final("", 2.0, Cause.ENDPOINT)
    assert stream.sent[1:] == [("EagerEndOfTurn", "five"), ("TurnResumed", "5"), ("EndOfTurn", "5")]


def test_noise_opens_no_turn() -> None:
    stream = Stream()
    stream.hear(SpeechStarted(0, 0.1), VadProgress(0, 0.3, None))
    stream.final("", 1.0, Cause.ENDPOINT)
    stream.final("", 1.5, Cause.EAGER)
    stream.hear(VadProgress(0, 2.0, 0.9))
    assert [event for event, _ in stream.sent] == ["Update", "Update"]
    assert [each["end_of_turn_confidence"] for each in stream.turns.infos] == [0.0, 0.0]
    assert json.loads(stream.conversation.summary)["turns"] == 0


def test_updates_come_every_quarter_of_a_second_of_audio() -> None:
    stream = Stream()
    for step in range(1, 160):
        stream.hear(VadProgress(0, step * 0.064, 0.0))
    ends = [each["audio_window_end"] for each in stream.turns.infos]
    assert len(ends) == 39
    assert all(0.2 < after - before < 0.3 for before, after in pairwise(ends))


def test_another_message_takes_an_updates_place() -> None:
    stream = Stream()
    stream.draft("Hello", 1.0)
    stream.hear(VadProgress(0, 1.1, None), VadProgress(0, 1.2, None), VadProgress(0, 1.25, None))
    assert [event for event, _ in stream.sent] == ["StartOfTurn", "Update"]


@pytest.mark.parametrize(
    ("thresholds", "silence", "completeness", "trigger"),
    [
        (TurnThresholds(0.7), 0.45, 0.9, "model"),
        (TurnThresholds(0.7), 1.3, 0.0, "model"),
        (TurnThresholds(1.0, eot_timeout_ms=500), 0.512, 0.9, "timeout"),
        (TurnThresholds(0.9, eot_timeout_ms=500), 0.512, 0.0, "timeout"),
        (TurnThresholds(0.7, eot_timeout_ms=500), 0.512, 0.9, "model"),
    ],
)
def test_what_ended_a_turn(
    thresholds: TurnThresholds, silence: float, completeness: float, trigger: str
) -> None:
    stream = Stream(structs.replace(OPTIONS, thresholds=thresholds))
    stream.hear(PauseJudged(0, 1.0, completeness))
    stream.final("Hello", 1.0 + silence, Cause.ENDPOINT)
    (end,) = stream.turns.ends
    assert end["trigger"] == trigger
    assert (end["end_of_turn_confidence"] >= thresholds.eot_threshold) == (trigger == "model")


def test_confidence_is_low_while_somebody_speaks_and_grows_with_silence() -> None:
    stream = Stream()
    stream.draft("Hello", 1.0)
    stream.hear(VadProgress(0, 1.3, None), VadProgress(0, 1.6, 1.35), PauseJudged(0, 1.35, 0.9))
    stream.hear(VadProgress(0, 1.9, 1.35))
    spoken, quiet, judged = [each["end_of_turn_confidence"] for each in stream.turns.infos][1:]
    assert spoken == 0.02
    assert 0.2 < quiet < 0.3
    assert judged > 0.8


def test_force_end_turn_takes_the_words_that_it_finds() -> None:
    stream = Stream()
    stream.draft("One", 0.9)
    assert stream.say({"type": "ForceEndTurn"}) == [FlushRecogniser(None)]
    stream.final("One two", 1.4, Cause.FINALIZE)
    (end,) = stream.turns.ends
    assert (end["trigger"], end["transcript"]) == ("manual", "One two")


def test_force_end_turn_starts_the_turn_that_it_ends() -> None:
    stream = Stream()
    stream.say({"type": "ForceEndTurn"})
    stream.final("Now", 0.4, Cause.FINALIZE)
    assert stream.sent == [("StartOfTurn", "Now"), ("EndOfTurn", "Now")]


def test_force_end_turn_without_a_turn_brings_a_warning() -> None:
    stream = Stream()
    stream.say({"type": "ForceEndTurn"})
    stream.final("", 1.0, Cause.FINALIZE)
    early = FluxConversation(OPTIONS, FACTS, TurnText(OPTIONS), ends_turn_on_close=False)
    (at_once,) = early.receive_text('{"type":"ForceEndTurn"}', NOW)
    assert isinstance(at_once, SendMessage)
    for warning in (stream.messages[-1], json.loads(at_once.message)):
        assert (warning["type"], warning["code"]) == ("Warning", "FORCE_END_TURN_NO_ACTIVE_TURN")
    assert not stream.conversation.ending


def test_configure_answers_with_all_that_is_in_force() -> None:
    stream = Stream(structs.replace(OPTIONS, keyterm=("old",)))
    actions = stream.say({"type": "Configure", "thresholds": {"eot_threshold": 0.9}})
    changed = TurnThresholds(0.9, 0.5)
    assert actions[0] == Reconfigure(None, None, changed, None)
    assert stream.messages[-1] == {
        "type": "ConfigureSuccess",
        "request_id": FACTS.request_id,
        "sequence_id": 1,
        "thresholds": {"eot_threshold": 0.9, "eager_eot_threshold": 0.5, "eot_timeout_ms": 5000},
        "keyterms": ["old"],
        "numerals": False,
    }
    actions = stream.say({"type": "Configure", "keyterms": [], "numerals": True})
    assert actions[0] == Reconfigure(None, (), None, None)
    assert (stream.messages[-1]["keyterms"], stream.messages[-1]["numerals"]) == ([], True)
    assert stream.messages[-1]["thresholds"]["eot_threshold"] == 0.9
    assert [type(each) for each in stream.say({"type": "Configure"})] == [SendMessage]


def test_terms_for_a_model_that_takes_none_bring_a_warning() -> None:
    stream = Stream(facts=replace(FACTS, takes_terms=False))
    actions = stream.say({"type": "Configure", "keyterms": ["Acme"], "thresholds": {"eot_threshold": 0.9}})
    assert actions[0] == Reconfigure(None, None, TurnThresholds(0.9, 0.5), None)
    answer, warning = stream.messages[-2:]
    assert (answer["type"], answer["keyterms"], answer["thresholds"]["eot_threshold"]) == (
        "ConfigureSuccess",
        [],
        0.9,
    )
    assert warning == {
        "type": "Warning",
        "request_id": FACTS.request_id,
        "sequence_id": answer["sequence_id"] + 1,
        "code": "KEYTERMS_NOT_SUPPORTED",
        "description": "`keyterms` is passed over: tiny.en takes no words to expect.",
    }
    stream.say({"type": "Configure", "keyterms": ["Acme"]})
    assert [each["type"] for each in stream.messages[-2:]] == ["ConfigureSuccess", "Warning"]
    assert [type(each) for each in stream.say({"type": "Configure", "keyterms": []})] == [SendMessage]
    stream.say({"type": "Configure", "keyterms": [""]})
    assert stream.messages[-1]["type"] == "ConfigureFailure"


def test_language_hints_are_for_the_multilingual_model() -> None:
    options = structs.replace(OPTIONS, language="multi", language_hint=("en-GB", "ru"))
    stream = Stream(options)
    stream.draft("Hello", 1.0)
    assert stream.turns.infos[0]["languages_hinted"] == ["en", "ru"]
    actions = stream.say({"type": "Configure", "language_hints": ["de-DE"]})
    assert actions[0] == Reconfigure(None, None, None, ("de",))
    assert stream.messages[-1]["language_hints"] == ["de-DE"]
    stream.say({"type": "Configure", "language_hints": None})
    assert stream.messages[-1]["language_hints"] == ["de-DE"]
    stream.say({"type": "Configure", "language_hints": []})
    assert stream.messages[-1]["language_hints"] == []


@pytest.mark.parametrize(
    ("requested", "named"),
    [
        ({"thresholds": {"eot_threshold": 0.4}}, "`eot_threshold` (0.4)"),
        ({"thresholds": {"eager_eot_threshold": 0.85}}, "`eager_eot_threshold` (0.85)"),
        ({"thresholds": {"eot_timeout_ms": 10}}, "`eot_timeout_ms` (10)"),
        ({"keyterms": [""]}, "`keyterms`"),
        ({"keyterms": ["a"] * 101}, "`keyterms`"),
        ({"keyterms": ["\ud800"]}, "`keyterms`"),
        ({"language_hints": ["en"]}, "`language_hints`"),
        ({"numerals": True, "thresholds": {"eot_threshold": 2}}, "`eot_threshold` (2)"),
    ],
)
def test_configure_changes_all_or_nothing(requested: dict[str, Any], named: str) -> None:
    stream = Stream()
    (answer,) = stream.say({"type": "Configure", **requested})
    assert isinstance(answer, SendMessage)
    assert answer.kind is MessageKind.ANSWER
    failed = stream.messages[-1]
    assert (failed["type"], failed["code"]) == ("ConfigureFailure", "INVALID_CONFIGURATION")
    assert named in failed["description"]
    stream.say({"type": "Configure"})
    unchanged = stream.messages[-1]
    assert unchanged["thresholds"] == {
        "eot_threshold": 0.8,
        "eager_eot_threshold": 0.5,
        "eot_timeout_ms": 5000,
    }
    assert (unchanged["keyterms"], unchanged["numerals"]) == ([], False)


UNPARSABLE = [
    {"type": "Configure", "features": {"numerals": True}},
    {"type": "Configure", "numerals": "true"},
    {"type": "Configure", "\ud800": True},
    {"type": "Configure", "thresholds": {"eot_threshold": "0.8"}},
    {"type": "Configure", "thresholds": {"eot_threshold": True}},
    {"type": "Finalize"},
    {"type": 7},
    {"no": "type"},
    [],
    "{not json",
    "",
    "[" * 100_000,
]


@pytest.mark.parametrize("control", UNPARSABLE, ids=lambda control: str(control)[:40])
def test_a_message_that_cannot_be_read_ends_the_stream(control: Any) -> None:
    stream = Stream()
    actions = stream.say(control)
    assert actions[-1] == CloseSocket(1008, "UNPARSABLE_CLIENT_MESSAGE")
    error = stream.messages[-1]
    assert (error["type"], error["code"], error["sequence_id"]) == ("Error", "UNPARSABLE_CLIENT_MESSAGE", 1)
    assert error["description"]
    assert stream.conversation.closed


def test_a_keep_alive_is_ignored() -> None:
    stream = Stream()
    assert stream.say({"type": "KeepAlive"}) == []
    assert stream.conversation.receive_binary(b"", NOW) == []
    assert stream.conversation.deadline is None
    assert stream.conversation.tick(NOW + 3600) == []


def test_close_stream_brings_the_last_words_and_no_end() -> None:
    stream = Stream()
    assert stream.say({"type": "CloseStream"}) == [EndAudio()]
    stream.final("Good bye", 1.0, Cause.END)
    stream.hear(RecognitionFinished(1, 1.2))
    assert stream.sent == [("StartOfTurn", "Good bye"), ("Update", "Good bye")]
    assert stream.actions[-1] == CloseSocket(1000, "")
    summary = json.loads(stream.conversation.summary)
    assert (summary["turns"], summary["duration"], summary["channels"]) == (0, 1.2, 1)


def test_close_stream_ends_the_turn_where_the_operator_wants_it() -> None:
    stream = Stream(ends_turn_on_close=True)
    stream.say({"type": "CloseStream"})
    stream.final("Good bye", 1.0, Cause.END)
    stream.hear(RecognitionFinished(1, 1.2))
    assert stream.turns.ends[0]["trigger"] == "manual"
    assert json.loads(stream.conversation.summary)["turns"] == 1


def test_a_forced_end_comes_before_the_close() -> None:
    stream = Stream()
    stream.draft("Bye", 1.0)
    stream.say({"type": "ForceEndTurn"})
    stream.say({"type": "CloseStream"})
    assert stream.say({"type": "ForceEndTurn"}) == []
    assert stream.conversation.receive_binary(b"x", NOW) == []
    stream.final("Bye", 1.0, Cause.FINALIZE)
    stream.final("", 1.0, Cause.END)
    stream.hear(RecognitionFinished(1, 1.0))
    assert stream.sent == [("StartOfTurn", "Bye"), ("EndOfTurn", "Bye")]
    assert stream.actions[-1] == CloseSocket(1000, "")


def test_without_audio_a_stream_closes_at_once() -> None:
    conversation = FluxConversation(OPTIONS, FACTS, TurnText(OPTIONS), ends_turn_on_close=False)
    assert conversation.receive_text('{"type":"CloseStream"}', NOW) == [CloseSocket(1000, "")]


@pytest.mark.parametrize(
    ("ending", "code"),
    [(CloseReason.CANCELLED, "REQUEST_CANCELLED"), (CloseReason.FAILED, "INTERNAL_SERVER_ERROR")],
)
def test_an_end_of_ours_is_explained(ending: CloseReason, code: str) -> None:
    stream = Stream()
    stream.actions += stream.conversation.end_stream(ending, NOW)
    assert stream.messages[-1]["code"] == code
    assert stream.actions[-1] == CloseSocket(ending.code, ending.reason)


def test_what_is_no_audio_ends_the_stream_behind_its_last_words() -> None:
    stream = Stream()
    stream.final("Hello", 1.0, Cause.END)
    stream.hear(Undecodable())
    assert stream.sent[-1] == ("Update", "Hello")
    assert (stream.messages[-1]["type"], stream.messages[-1]["code"]) == ("Error", "DATA-0000")
    assert stream.actions[-1] == CloseSocket(1008, "DATA-0000")


def test_a_recogniser_that_falls_silent_does_not_hold_an_end_up() -> None:
    stream = Stream()
    stream.say({"type": "CloseStream"})
    assert stream.conversation.deadline == NOW + RECOGNISER_TIMEOUT
    actions = stream.conversation.tick(NOW + RECOGNISER_TIMEOUT)
    assert actions[-1] == CloseSocket(CloseReason.FAILED.code, CloseReason.FAILED.reason)


def test_a_turn_without_end_is_ended() -> None:
    stream = Stream()
    for part in range(1, 12):
        stream.final("word " * (MOST_WORDS // 10), part * 60.0, Cause.LENGTH)
    (end,) = stream.turns.ends
    assert end["trigger"] == "timeout"
    assert all(len(each.message) < 1 << 20 for each in stream.actions if isinstance(each, SendMessage))


def test_late_drafts_and_other_channels_say_nothing() -> None:
    stream = Stream()
    stream.final("Hello", 1.0, Cause.LENGTH)
    stream.hear(RecognitionResult(0, 0.0, 0.9, words("Hell", 0.0, 0.9), final=False, cause=Cause.UPDATE))
    stream.hear(RecognitionResult(1, 1.0, 2.0, words("Other", 1.0, 2.0), final=True, cause=Cause.ENDPOINT))
    stream.hear(VadProgress(1, 9.0, None))
    assert stream.sent == [("StartOfTurn", "Hello")]


def test_words_lie_in_their_window_in_order() -> None:
    stream = Stream()
    said = (Word("one", 0.5, 0.9, 0.9), Word("two", 0.4, 0.6, 2.0), Word("three", 0.8, 9.0, 0.5))
    stream.hear(RecognitionResult(0, 0.0, 1.0, said, final=True, cause=Cause.ENDPOINT))
    assert [(each["start"], each["end"]) for each in stream.turns.ends[0]["words"]] == [
        *((0.5, 0.9), (0.5, 0.9), (0.8, 1.0))
    ]


def test_numbers_are_written_and_hidden_as_asked() -> None:
    options = structs.replace(OPTIONS, redact=("numbers",), profanity_filter=True)
    stream = Stream(options)
    stream.final("my pin is one two three four shit", 3.0, Cause.ENDPOINT)
    assert stream.turns.texts == ["my pin is * ****"]
