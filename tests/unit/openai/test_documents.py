"""A result document in each of the forms that OpenAI's clients ask for."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ringback.features.utterances import utterances
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.listen.results import ModelMetadata, ResultMetadata, result_document
from ringback.openai.documents import warnings_text, write_answer
from ringback.openai.fields import read_fields
from ringback.transcript import Alternative, Channel, Transcript, Word

FACTS = ResultMetadata(
    "00000000-0000-4000-8000-000000000000", "ab", 0.0, (ModelMetadata("u", "tiny.en", "1", "whisper"),)
)


def document(*words: Word, language: str | None = None, warned: bool = False) -> bytes:
    """Of these words, which have punctuation."""
    options = read_fields([("temperature", "0.5")] if warned else []).options
    channel = Channel(Alternative(words), language, None if language is None else 0.9)
    transcript = Transcript(9.5, (channel,))
    return result_document(transcript, options, FACTS, utterances=utterances(transcript, options.utt_split))


def spoken(text: str, start: float = 0.0, speaker: int | None = None) -> list[Word]:
    return [
        Word(word, start + i * 0.5, start + i * 0.5 + 0.4, 0.9, speaker=speaker)
        for i, word in enumerate(text.split())
    ]


SAID = (*spoken("Hello there, \u201cold\u201d world."), *spoken("The the end.", 5.0))
TEXT = "Hello there, \u201cold\u201d world. The the end."


def written(stored: bytes, **fields: str) -> Any:
    answer = write_answer(stored, read_fields(fields.items()))
    assert answer.media_type == "application/json"
    return json.loads(answer.body)


def test_json() -> None:
    assert written(document(*SAID)) == {"text": TEXT, "usage": {"type": "duration", "seconds": 9.5}}


def test_json_names_a_language_that_was_detected() -> None:
    form = read_fields([])
    form = replace(form, options=ListenOptions(detect_language=True))
    answer = json.loads(write_answer(document(*SAID, language="de"), form).body)
    assert answer["languages"] == [{"code": "de"}]
    assert json.loads(write_answer(document(*SAID), form).body)["languages"] == []


@pytest.mark.parametrize(("language", "name"), [(None, "english"), ("de", "german"), ("xx", "xx")])
def test_verbose_json(language: str | None, name: str) -> None:
    verbose = written(document(*SAID, language=language), response_format="verbose_json")
    assert (verbose["task"], verbose["language"], verbose["duration"]) == ("transcribe", name, 9.5)
    assert [segment["text"] for segment in verbose["segments"]] == [
        " Hello there, \u201cold\u201d world.",
        " The the end.",
    ]
    assert [(segment["id"], segment["seek"]) for segment in verbose["segments"]] == [(0, 0), (1, 500)]
    assert verbose["segments"][0]["avg_logprob"] == pytest.approx(-0.1054, abs=1e-4)
    assert 0 < verbose["segments"][0]["compression_ratio"] < 1
    assert [(each["start"], each["end"]) for each in verbose["segments"]] == [(0.0, 1.9), (5.0, 6.4)]
    assert {(each["temperature"], each["no_speech_prob"]) for each in verbose["segments"]} == {(0.0, 0.0)}
    assert verbose["segments"][0]["tokens"] == []
    assert verbose["usage"] == {"type": "duration", "seconds": 9.5}
    assert "words" not in verbose
    assert "warnings" not in verbose


def test_a_segment_starts_within_its_hundredth_and_repetition_compresses() -> None:
    said = [
        replace(word, confidence=each)
        for word, each in zip(spoken("so " * 30, 1.239), [0.9, 0.0] * 15, strict=True)
    ]
    segment = written(document(*said), response_format="verbose_json")["segments"][0]
    assert segment["seek"] == 123
    assert segment["compression_ratio"] > 2.4
    # A word of which nothing is sure counts as one in ten thousand.
    assert segment["avg_logprob"] == pytest.approx((-0.1054 - 9.2103) / 2, abs=1e-3)
    for name in ("avg_logprob", "compression_ratio"):
        assert segment[name] == round(segment[name], 4)


def test_words_have_no_punctuation_and_their_times() -> None:
    verbose = written(
        document(*SAID), response_format="verbose_json", **{"timestamp_granularities[]": "word"}
    )
    assert [word["word"] for word in verbose["words"]][:4] == ["Hello", "there", "old", "world"]
    assert verbose["words"][1] == {"word": "there", "start": 0.5, "end": 0.9}
    assert "segments" not in verbose


def test_a_word_that_is_nothing_but_a_mark_stays() -> None:
    verbose = written(
        document(*spoken("And \u2026 then.")),
        response_format="verbose_json",
        **{"timestamp_granularities[]": "word"},
    )
    assert [word["word"] for word in verbose["words"]] == ["And", "\u2026", "then"]


def test_text_without_spaces_stays_so() -> None:
    said = [replace(word, spaced=False) for word in spoken("\u4f60 \u597d \u3002")]
    stored = document(*said)
    verbose = written(stored, response_format="verbose_json")
    assert verbose["segments"][0]["text"].strip() == verbose["text"] == "\u4f60\u597d\u3002"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("text", f"{TEXT}\n"),
        (
            "srt",
            "1\n00:00:00,000 --> 00:00:01,900\nHello there, \u201cold\u201d world.\n\n"
            "2\n00:00:05,000 --> 00:00:06,400\nThe the end.\n",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.900\nHello there, \u201cold\u201d world.\n\n"
            "00:00:05.000 --> 00:00:06.400\nThe the end.\n",
        ),
    ],
)
def test_texts(form: str, text: str) -> None:
    answer = write_answer(document(*SAID), read_fields([("response_format", form)]))
    assert (answer.body.decode(), answer.media_type) == (text, "text/plain")


def events(stored: bytes) -> list[Any]:
    answer = write_answer(stored, read_fields([("stream", "true")]))
    assert answer.media_type == "text/event-stream"
    *blocks, rest = answer.body.decode().split("\n\n")
    assert not rest
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def test_a_stream_s_deltas_are_the_text_cut_where_captions_end() -> None:
    first, second, done = events(document(*SAID))
    assert first == {"type": "transcript.text.delta", "delta": "Hello there, \u201cold\u201d world."}
    assert second == {"type": "transcript.text.delta", "delta": " The the end."}
    assert done == {"type": "transcript.text.done", "text": TEXT}


def test_words_that_were_said_before_are_no_earlier_part_of_the_text() -> None:
    said = [*spoken("We all go home today and tomorrow we rest."), *spoken("We rest. Today.", 9.0)]
    *deltas, done = events(document(*said))
    assert "".join(each["delta"] for each in deltas) == done["text"]
    assert [each["delta"] for each in deltas] == [
        "We all go home today and tomorrow we rest.",
        " We rest. Today.",
    ]


def test_silence_is_an_empty_text_in_every_form() -> None:
    stored = document()
    assert written(stored)["text"] == ""
    assert written(stored, response_format="verbose_json")["segments"] == []
    assert events(stored) == [{"type": "transcript.text.done", "text": ""}]
    assert write_answer(stored, read_fields([("response_format", "srt")])).body == b""


def test_speakers_are_letters() -> None:
    said = [*spoken("Hello.", 0.0, speaker=0), *spoken("Yes?", 2.0, speaker=27)]
    diarized = written(document(*said), response_format="diarized_json")
    assert [(each["speaker"], each["text"]) for each in diarized["segments"]] == [
        ("A", "Hello."),
        ("AB", "Yes?"),
    ]
    assert {each["type"] for each in diarized["segments"]} == {"transcript.text.segment"}
    assert [(each["id"], each["start"], each["end"]) for each in diarized["segments"]] == [
        ("seg_0", 0.0, 0.4),
        ("seg_1", 2.0, 2.4),
    ]
    assert {name: diarized[name] for name in ("task", "duration", "text", "usage")} == {
        "task": "transcribe",
        "duration": 9.5,
        "text": "Hello. Yes?",
        "usage": {"type": "duration", "seconds": 9.5},
    }


@pytest.mark.parametrize(
    ("speaker", "letters"), [(None, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")]
)
def test_speakers_beyond_z_have_more_letters(speaker: int | None, letters: str) -> None:
    stored = document(*spoken("Hello.", speaker=speaker))
    (segment,) = written(stored, response_format="diarized_json")["segments"]
    assert segment["speaker"] == letters


def test_warnings_stand_in_verbose_json_and_beside_all_else() -> None:
    stored = document(*SAID, warned=True)
    verbose = write_answer(stored, read_fields([("response_format", "verbose_json")]))
    assert [each["parameter"] for each in json.loads(verbose.body)["warnings"]] == ["temperature"]
    assert not verbose.warnings
    for fields in ([], [("response_format", "text")], [("stream", "true")]):
        beside = write_answer(stored, read_fields(fields)).warnings
        assert [each.parameter for each in beside] == ["temperature"]
    two = (ParameterWarning("a", "ignored", "One."), ParameterWarning("b", "ignored", "Two."))
    assert warnings_text(two) == "a: One.; b: Two."
