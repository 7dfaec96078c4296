"""Sayings become documents and live events, always the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

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
from ringback.stand_in.live_speech import ScriptedSpeech, bytes_per_second
from ringback.stand_in.script import Rule, Saying
from ringback.stand_in.speech import document_of, sha256_of, timed
from ringback.transcript import Word

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


def test_utterances_are_cut_at_pauses_of_utt_split() -> None:
    rule = Rule(says=(Saying("Two coffees, please."), Saying("With milk.")))  # half a second between them
    for pause, count in [(0.4, 2), (0.6, 1)]:
        options = ListenOptions(utterances=True, utt_split=pause)
        assert len(document(rule, options)["results"]["utterances"]) == count
    assert "utterances" not in document(rule, ListenOptions())["results"]


def test_words_share_the_time_of_their_saying_and_have_its_confidence() -> None:
    rule = Rule(says=(Saying("one two", start=2.0, end=3.0, confidence=0.5, speaker=3), Saying("three")))
    (channel,) = document(rule, ListenOptions(diarize=True))["results"]["channels"]
    first, second, third = channel["alternatives"][0]["words"]
    assert first == {
        "word": "one",
        "start": 2.0,
        "end": 2.5,
        "confidence": 0.5,
        "speaker": 3,
        "speaker_confidence": 1.0,
    }
    assert (second["start"], second["end"], third["start"]) == (2.5, 3.0, 3.5)
    assert third["confidence"] == 0.99
    (plain,) = document(rule, ListenOptions())["results"]["channels"]
    assert not {"speaker", "speaker_confidence"} & {
        name for word in plain["alternatives"][0]["words"] for name in word
    }
    assert "paragraphs" not in plain["alternatives"][0]
    assert "language_confidence" not in plain


def test_a_saying_of_nothing_has_no_words() -> None:
    (channel,) = document(Rule(transcript=""), RAW)["results"]["channels"]
    assert channel["alternatives"][0]["words"] == []
    assert document(Rule(), RAW)["metadata"]["duration"] == 0.0
    apart = document(Rule(), structs.replace(RAW, multichannel=True))
    assert len(apart["results"]["channels"]) == 1
    (at_once,) = document(Rule(says=(Saying("now", start=0.0, end=0.0),)), RAW)["results"]["channels"]
    assert at_once["alternatives"][0]["words"][0]["end"] == 0.0
    dashes = document(Rule(transcript="well \u2014 yes"), ListenOptions())["results"]["channels"]
    assert dashes[0]["alternatives"][0]["transcript"] == "well yes"


def test_the_metadata_of_a_document() -> None:
    metadata = document(ORDER, ListenOptions())["metadata"]
    assert (metadata["request_id"], metadata["sha256"], metadata["channels"]) == (ID, "ab", 1)
    assert metadata["created"].startswith("1970-01-01T00:00:00")
    assert metadata["duration"] == 2.5
    (uuid,) = metadata["models"]
    assert metadata["model_info"][uuid] == {"name": "stand-in", "version": "stand-in", "arch": "script"}
    named = document(ORDER, ListenOptions(model="nova-3"))["metadata"]
    assert [each["name"] for each in named["model_info"].values()] == ["nova-3"]
    assert named["models"] != metadata["models"]
    assert named["models"] == document(ORDER, ListenOptions(model="nova-3"))["metadata"]["models"]


def test_the_hash_of_a_recording_is_what_scripts_name_it_by() -> None:
    assert sha256_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


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
    assert found["results"]["channels"][0]["language_confidence"] == 1.0
    unnamed = document(Rule(transcript="Hello."), ListenOptions(detect_language=True))["results"]["channels"]
    assert unnamed[0]["detected_language"] == "en"
    assert "detected_language" not in document(ORDER, RAW)["results"]["channels"][0]
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


def test_a_saying_from_its_start_to_the_silence_behind_it() -> None:
    """One that begins at 1 s and ends at 2 s; a second before it, within it and behind it."""
    speech = ScriptedSpeech(Rule(says=(Saying("one two", start=1.0, end=2.0),)), RAW)
    one, two = Word("one", 1.0, 1.5, 0.99), Word("two", 1.5, 2.0, 0.99)
    assert speech.feed(SECOND[:14_400]) == [AudioOpened(1), VadProgress(0, 0.9, 0.0)]
    assert speech.feed(SECOND[:1_600]) == [SpeechStarted(0, 1.0), VadProgress(0, 1.0, None)]
    update = RecognitionResult(0, 0.0, 1.5, (one,), final=False, cause=Cause.UPDATE)
    assert speech.feed(SECOND[:8_000]) == [update, VadProgress(0, 1.5, None)]
    assert speech.feed(SECOND[:4_000]) == [VadProgress(0, 1.75, None)]
    final = RecognitionResult(0, 0.0, 2.0, (one, two), final=True, cause=Cause.ENDPOINT)
    assert speech.feed(SECOND[:4_000]) == [final, VadProgress(0, 2.0, 2.0)]
    assert speech.feed(SECOND) == [VadProgress(0, 3.0, 2.0)]
    assert speech.end() == [RecognitionFinished(1, 3.0)]


def test_a_second_saying_has_interim_results_of_its_own() -> None:
    speech = ScriptedSpeech(Rule(says=(Saying("one two three"), Saying("four five", start=2.0))), RAW)
    speech.feed(SECOND * 2)
    assert results_in(speech.feed(SECOND[:8_000])) == [("four", False)]


def test_a_flush_within_a_saying_says_it_once_and_before_it_nothing() -> None:
    speech = ScriptedSpeech(Rule(says=(Saying("one", start=1.0), Saying("two", start=3.0))), RAW)
    speech.feed(SECOND[:8_000])
    (empty,) = speech.flush(None)
    assert empty == RecognitionResult(0, 0.0, 0.5, (), final=True, cause=Cause.FINALIZE)
    speech.feed(SECOND[:9_600])
    (spoken,) = speech.flush(0)
    word = Word("one", 1.0, 1.4, 0.99)
    assert spoken == RecognitionResult(0, 0.5, 1.4, (word,), final=True, cause=Cause.FINALIZE)
    assert speech.feed(SECOND[:2_400]) == [VadProgress(0, 1.25, 1.25)]
    assert results_in(speech.feed(SECOND)) == []
    *finals, finished = speech.end()
    assert results_in(finals) == [("two", True)]
    assert finished == RecognitionFinished(1, 3.4)


def test_channels_are_said_and_flushed_apart() -> None:
    rule = Rule(says=(Saying("Left."), Saying("Right.", start=0.0, channel=1)))
    options = structs.replace(RAW, multichannel=True, channels=3)
    speech = ScriptedSpeech(rule, options)
    first = speech.feed(bytes(4_800))  # a tenth of a second of three channels
    assert first[0] == AudioOpened(3)
    assert first[1:] == [
        SpeechStarted(0, 0.0),
        VadProgress(0, 0.1, None),
        SpeechStarted(1, 0.0),
        VadProgress(1, 0.1, None),
        VadProgress(2, 0.1, 0.0),
    ]
    (right,) = speech.flush(1)
    assert isinstance(right, RecognitionResult)
    assert (right.channel, [word.text for word in right.words]) == (1, ["Right."])
    assert [each.channel for each in speech.flush(None) if isinstance(each, RecognitionResult)] == [0, 1, 2]
    assert speech.end() == [RecognitionFinished(3, 0.4)]
    mixed = ScriptedSpeech(rule, structs.replace(RAW, channels=2)).feed(b"")
    assert mixed[0] == AudioOpened(1)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        (ListenOptions(encoding="linear16", sample_rate=8_000), 16_000),
        (ListenOptions(encoding="linear16", sample_rate=8_000, channels=2), 32_000),
        (ListenOptions(encoding="linear32", sample_rate=16_000), 64_000),
        (ListenOptions(encoding="mulaw", sample_rate=8_000), 8_000),
        (ListenOptions(encoding="alaw", sample_rate=8_000), 8_000),
        (ListenOptions(encoding="opus", sample_rate=48_000), None),
        (ListenOptions(encoding="linear16"), None),
        (ListenOptions(sample_rate=8_000), None),
    ],
)
def test_bytes_tell_the_time_of_raw_audio_alone(options: ListenOptions, rate: int | None) -> None:
    assert bytes_per_second(options) == rate
    events = ScriptedSpeech(Rule(bytes_per_second=1_000), options).feed(bytes(2_000))
    assert events[-1] == VadProgress(0, 2_000 / (rate or 1_000), 0.0)


@given(st.lists(st.integers(0, 40_000), max_size=30), st.sampled_from([0, 1]))
def test_finals_are_the_same_however_the_audio_is_cut(sizes: list[int], flushed: int) -> None:
    speech = ScriptedSpeech(ORDER, RAW)
    events = [event for size in sizes for event in speech.feed(bytes(size))]
    events += speech.flush(None) if flushed else []
    events += speech.end()
    finals = [each for each in events if isinstance(each, RecognitionResult) and each.final]
    assert " ".join(word.text for each in finals for word in each.words) == "Two coffees, please. With milk."
    assert [each.start for each in finals] == [0.0, *(each.end for each in finals[:-1])]
