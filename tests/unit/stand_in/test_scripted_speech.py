"""Sayings become documents and live events, always the same."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.stand_in.live_speech import ScriptedSpeech
from ringback.stand_in.script import Rule, Saying
from ringback.stand_in.speech import document_of, timed

ID = "00000000-0000-4000-8000-000000000000"
ORDER = Rule(says=(Saying("Two coffees, please."), Saying("With milk.", speaker=1)))
RAW = ListenOptions(encoding="linear16", sample_rate=8_000, interim_results=True, punctuate=True)
SECOND = bytes(16_000)
"""Of such audio."""


def document(rule: Rule, options: ListenOptions) -> Any:
    return json.loads(document_of(rule, options, ID, "ab"))


def test_sayings_follow_each_other_unless_they_have_times() -> None:
    found = timed([Saying("one two"), Saying("three"), Saying("four", start=9.0, end=10.0), Saying("five")])
    assert [(round(each.start or 0, 3), round(each.end or 0, 3)) for each in found] == [
        (0.0, 0.8),
        (1.3, 1.7),
        (9.0, 10.0),
        (10.5, 10.9),
    ]


def test_without_punctuate_words_are_plain() -> None:
    plain = document(ORDER, ListenOptions())["results"]["channels"][0]["alternatives"][0]
    assert plain["transcript"] == "two coffees please with milk"
    punctuated = document(ORDER, ListenOptions(punctuate=True))["results"]["channels"][0]["alternatives"][0]
    assert punctuated["transcript"] == "Two coffees, please. With milk."
    assert punctuated["words"][1]["punctuated_word"] == "coffees,"


def test_utterances_paragraphs_and_speakers() -> None:
    options = ListenOptions(punctuate=True, utterances=True, paragraphs=True, diarize=True, utt_split=0.4)
    results = document(ORDER, options)["results"]
    assert [each["transcript"] for each in results["utterances"]] == ["Two coffees, please.", "With milk."]
    assert results["utterances"][1]["speaker"] == 1
    assert results["channels"][0]["alternatives"][0]["paragraphs"]["paragraphs"]


def test_channels_apart_or_mixed() -> None:
    rule = Rule(says=(Saying("Left."), Saying("Right.", channel=1)))
    options = ListenOptions(punctuate=True, multichannel=True)
    apart = document(rule, options)["results"]["channels"]
    assert [each["alternatives"][0]["transcript"] for each in apart] == ["Left.", "Right."]
    (mixed,) = document(rule, ListenOptions(punctuate=True))["results"]["channels"]
    assert mixed["alternatives"][0]["transcript"] == "Left. Right."


def test_language_and_duration() -> None:
    found = document(
        Rule(transcript="Hola.", language="es", duration=7.5), ListenOptions(detect_language=True)
    )
    assert found["results"]["channels"][0]["detected_language"] == "es"
    assert found["metadata"]["duration"] == 7.5


def test_the_same_request_has_the_same_bytes() -> None:
    assert document_of(ORDER, RAW, ID, "ab") == document_of(ORDER, RAW, ID, "ab")


def results_in(events: list[RecognitionEvent]) -> list[tuple[str, bool]]:
    return [
        (" ".join(word.text for word in each.words), each.final)
        for each in events
        if isinstance(each, RecognitionResult)
    ]


def test_words_come_as_their_audio_passes() -> None:
    speech = ScriptedSpeech(ORDER, RAW)
    first = speech.feed(SECOND[:8_000])
    assert [type(each) for each in first[:2]] == [AudioOpened, SpeechStarted]
    assert results_in(first) == [("Two", False)]
    assert results_in(speech.feed(SECOND[:4_000])) == []
    assert results_in(speech.feed(SECOND)) == [("Two coffees, please.", True)]


def test_a_flush_says_what_has_begun_and_nothing_else() -> None:
    speech = ScriptedSpeech(ORDER, RAW)
    assert speech.flush(None) == []
    speech.feed(SECOND[:8_000])
    assert results_in(speech.flush(None)) == [("Two coffees, please.", True)]
    (empty,) = speech.flush(0)
    assert isinstance(empty, RecognitionResult)
    assert (empty.words, empty.cause, empty.start) == ((), Cause.FINALIZE, empty.end)


def test_the_end_says_all_the_rest() -> None:
    speech = ScriptedSpeech(ORDER, RAW)
    speech.feed(SECOND[:100])
    *finals, finished = speech.end()
    assert results_in(finals) == [("Two coffees, please.", True), ("With milk.", True)]
    assert finished == RecognitionFinished(1, finals[-1].end)  # type: ignore[union-attr]


def test_silence_is_reported_so_that_utterances_end() -> None:
    speech = ScriptedSpeech(Rule(), RAW)
    speech.feed(SECOND)
    (progress,) = speech.feed(SECOND)
    assert progress == VadProgress(0, 2.0, 0.0)


@given(st.lists(st.integers(0, 40_000), max_size=30), st.sampled_from([0, 1]))
def test_finals_are_the_same_however_the_audio_is_cut(sizes: list[int], flushed: int) -> None:
    speech = ScriptedSpeech(ORDER, RAW)
    events = [event for size in sizes for event in speech.feed(bytes(size))]
    events += speech.flush(None) if flushed else []
    events += speech.end()
    finals = [each for each in events if isinstance(each, RecognitionResult) and each.final]
    assert " ".join(word.text for each in finals for word in each.words) == "Two coffees, please. With milk."
    assert [each.start for each in finals] == [0.0, *(each.end for each in finals[:-1])]
