"""The result document, and the two short answers beside it."""

import json
import uuid
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.errors import Failure
from ringback.listen.json_parts import JsonDiarizer
from ringback.listen.options import ListenOptions, ParameterWarning
from ringback.listen.results import ModelMetadata, ResultMetadata, accepted_body, error_body, result_document
from ringback.transcript import (
    Alternative,
    Channel,
    LanguageShare,
    Paragraph,
    Sentence,
    Transcript,
    Utterance,
    Word,
)

REQUEST = "0f6b2c1e-7a5d-4f0e-9b1c-3d2e1f0a9b8c"
MODEL = ModelMetadata("9a1f0d2c-1111-5222-8333-444455556666", "tiny.en", "2024-01-01", "whisper")
FACTS = ResultMetadata(REQUEST, "ab" * 32, 1_800_000_000.25, (MODEL,))
HELLO = Word("Hello,", 0.12345, 0.5, 0.98765432)
WORLD = Word("World!", 0.5, 1.0, 1.0)
SAID = Transcript(2.0, (Channel(Alternative((HELLO, WORLD))),))

Json = dict[str, object]


def read(body: bytes) -> Json:
    return cast(Json, json.loads(body))


def at(found: object, *path: str | int) -> object:
    """The value at the end of a path of keys and indices."""
    for step in path:
        found = cast(dict[str | int, object], found)[step]
    return found


FIRST = ("results", "channels", 0, "alternatives", 0)


def test_the_whole_document_of_a_plain_request() -> None:
    plain = Transcript(2.0, (Channel(Alternative((Word("hello", 0.12345, 0.5, 0.98765432),))),))
    assert read(result_document(plain, ListenOptions(), FACTS)) == {
        "metadata": {
            "transaction_key": "deprecated",
            "request_id": REQUEST,
            "sha256": "ab" * 32,
            "created": "2027-01-15T08:00:00.250Z",
            "duration": 2.0,
            "channels": 1,
            "models": [MODEL.uuid],
            "model_info": {MODEL.uuid: {"name": "tiny.en", "version": "2024-01-01", "arch": "whisper"}},
        },
        "results": {
            "channels": [
                {
                    "alternatives": [
                        {
                            "transcript": "hello",
                            "confidence": 0.9877,
                            "words": [{"word": "hello", "start": 0.123, "end": 0.5, "confidence": 0.9877}],
                        }
                    ]
                }
            ]
        },
    }


def test_punctuated_words_stand_beside_bare_ones() -> None:
    body = read(result_document(SAID, ListenOptions(punctuate=True), FACTS))
    assert at(body, *FIRST, "transcript") == "Hello, World!"
    words = cast(list[Json], at(body, *FIRST, "words"))
    assert [(word["word"], word["punctuated_word"]) for word in words] == [
        ("hello", "Hello,"),
        ("world", "World!"),
    ]


def test_silence_is_an_empty_transcript() -> None:
    silent = Transcript(3.0, (Channel(),))
    body = result_document(silent, ListenOptions(), FACTS, utterances=(), paragraphs=((),))
    assert at(read(body), *FIRST) == {
        "transcript": "",
        "confidence": 0.0,
        "words": [],
        "paragraphs": {"transcript": "", "paragraphs": []},
    }
    assert at(read(body), "results", "utterances") == []
    assert b'"confidence":0.0' in body


def test_what_the_caller_attached_comes_back() -> None:
    options = ListenOptions(
        tag=("a", "b"), extra={"k": "v"}, warnings=(ParameterWarning("redact", "unsupported", "Not yet."),)
    )
    metadata = at(read(result_document(SAID, options, FACTS)), "metadata")
    assert at(metadata, "tags") == ["a", "b"]
    assert at(metadata, "extra") == {"k": "v"}
    assert at(metadata, "warnings") == [{"parameter": "redact", "type": "unsupported", "message": "Not yet."}]


def test_utterances() -> None:
    spoken = Word("Right.", 1.5, 2.0, 0.5, speaker=1)
    options = ListenOptions(punctuate=True)
    body = result_document(
        SAID, options, FACTS, utterances=(Utterance(0, (HELLO, WORLD)), Utterance(0, (spoken,)))
    )
    first, second = cast(list[Json], at(read(body), "results", "utterances"))
    assert (first["start"], first["end"], first["channel"]) == (0.123, 1.0, 0)
    assert (first["transcript"], first["confidence"]) == ("Hello, World!", 0.9938)
    assert first["words"] == at(read(body), *FIRST, "words")
    assert "speaker" not in first
    assert second["speaker"] == 1
    assert uuid.UUID(cast(str, first["id"])) != uuid.UUID(cast(str, second["id"]))


def test_speakers_and_how_sure_they_are() -> None:
    said = Word("Right.", 1.5, 2.0, 0.5, speaker=1, speaker_confidence=0.58543)
    transcript = Transcript(2.0, (Channel(Alternative((said,)), unlabelled_seconds=1.25),))
    facts = replace(FACTS, diarizer=JsonDiarizer(REQUEST, "v2"))
    document = read(result_document(transcript, ListenOptions(), facts))
    assert at(document, *FIRST, "words", 0, "speaker") == 1
    assert at(document, *FIRST, "words", 0, "speaker_confidence") == 0.5854
    assert at(document, "metadata", "diarize_info") == {"model_uuid": REQUEST, "arch": "v2"}
    assert at(document, "metadata", "warnings", 0, "parameter") == "diarize"
    plain = read(result_document(SAID, ListenOptions(), FACTS))
    assert "diarize_info" not in cast(Json, at(plain, "metadata"))
    assert "speaker_confidence" not in cast(Json, at(plain, *FIRST, "words", 0))


def test_paragraphs() -> None:
    paragraphs = (
        Paragraph((Sentence((HELLO, WORLD)), Sentence((Word("Yes.", 1.0, 1.2, 0.9),)))),
        Paragraph((Sentence((Word("So.", 4.0, 4.2, 0.9),)),)),
    )
    found = at(
        read(result_document(SAID, ListenOptions(), FACTS, paragraphs=(paragraphs,))), *FIRST, "paragraphs"
    )
    assert at(found, "transcript") == "\nHello, World! Yes.\n\nSo."
    assert at(found, "paragraphs", 0) == {
        "sentences": [
            {"text": "Hello, World!", "start": 0.123, "end": 1.0},
            {"text": "Yes.", "start": 1.0, "end": 1.2},
        ],
        "num_words": 3,
        "start": 0.123,
        "end": 1.2,
    }


def test_paragraphs_name_their_speaker() -> None:
    one = Paragraph((Sentence((HELLO,)),), speaker=0)
    found = at(
        read(result_document(SAID, ListenOptions(), FACTS, paragraphs=((one,),))), *FIRST, "paragraphs"
    )
    assert at(found, "transcript") == "\nSpeaker 0: Hello,"
    assert at(found, "paragraphs", 0, "speaker") == 0


def test_a_language_that_was_found_out() -> None:
    found_out = Transcript(1.0, (Channel(Alternative(), "es", 0.87654), Channel()))
    channels = at(
        read(result_document(found_out, ListenOptions(detect_language=True), FACTS)), "results", "channels"
    )
    assert (at(channels, 0, "detected_language"), at(channels, 0, "language_confidence")) == ("es", 0.8765)
    assert "detected_language" not in cast(Json, at(channels, 1))


def test_speech_in_other_languages_than_the_detected_one_is_reported() -> None:
    shares = (LanguageShare("en", 0.284), LanguageShare("fr", 0.011), LanguageShare("it", 0.009))
    channel = Channel(Alternative(), "es", 0.7, shares, (LanguageShare("de", 0.1),))
    options = ListenOptions(detect_language=True)
    found = at(
        read(result_document(Transcript(1.0, (channel, Channel())), options, FACTS)), "metadata", "warnings"
    )
    assert found == [
        {
            "parameter": "detect_language",
            "type": "other_languages",
            "message": "Channel 0: 30 % of the speech is in other languages than es (en 28 %, fr 1 %), and "
            "written in them.",
        },
        {
            "parameter": "detect_language",
            "type": "excluded_languages",
            "message": "Channel 0: 10 % of the speech sounds like languages that were ruled out (de 10 %), "
            "and may be translated.",
        },
    ]
    alone = read(result_document(Transcript(1.0, (channel,)), options, FACTS))
    assert str(at(alone, "metadata", "warnings", 0, "message")).startswith("30 % of the speech")
    plain = Transcript(1.0, (Channel(Alternative(), "es", 0.7),))
    assert "warnings" not in cast(Json, at(read(result_document(plain, options, FACTS)), "metadata"))


def test_languages_are_reported_with_multi_only_the_most_spoken_first() -> None:
    words = tuple(Word(t, 0, 1, 1.0, language=lang) for t, lang in [("a", "en"), ("b", "es"), ("c", "es")])
    said = Transcript(1.0, (Channel(Alternative(words)),))
    messages = read(
        result_document(said, ListenOptions(language="multi"), FACTS, utterances=(Utterance(0, words[:1]),))
    )
    assert at(messages, *FIRST, "languages") == ["es", "en"]
    assert at(messages, *FIRST, "words", 0, "language") == "en"
    assert at(messages, "results", "utterances", 0, "languages") == ["en"]
    assert at(messages, *FIRST, "languages_hinted") == []
    hinted = ListenOptions(language="multi", language_hint=("es-419", "EN"))
    assert at(read(result_document(said, hinted, FACTS)), *FIRST, "languages_hinted") == ["es", "en"]
    silent = read(result_document(said, ListenOptions(language_hint=("es",)), FACTS))
    assert "languages" not in cast(Json, at(silent, *FIRST))
    assert "languages_hinted" not in cast(Json, at(silent, *FIRST))
    assert "language" not in cast(Json, at(silent, *FIRST, "words", 0))


def test_the_models_of_several_channels_are_named_once() -> None:
    other = ModelMetadata("9a1f0d2c-1111-5222-8333-444455557777", "base", "1", "whisper")
    facts = ResultMetadata(REQUEST, "ab" * 32, 0.0, (MODEL, other, MODEL))
    metadata = at(read(result_document(SAID, ListenOptions(), facts)), "metadata")
    assert at(metadata, "models") == [MODEL.uuid, other.uuid]
    assert at(metadata, "created") == "1970-01-01T00:00:00.000Z"


def test_whole_seconds_are_still_decimals_and_counts_are_not() -> None:
    said = Transcript(2, (Channel(Alternative((Word("a", 0, 1, 1),))),))
    body = result_document(said, ListenOptions(), FACTS)
    assert b'"duration":2.0,"channels":1,' in body
    assert b'"start":0.0,"end":1.0,"confidence":1.0' in body


@pytest.mark.parametrize(("given_", "messages"), [(float("nan"), 0.0), (-0.1, 0.0), (1.0000001, 1.0)])
def test_confidence_is_a_share(given_: float, messages: float) -> None:
    said = Transcript(1.0, (Channel(Alternative((Word("a", 0, 1, given_),))),))
    assert at(read(result_document(said, ListenOptions(), FACTS)), *FIRST, "confidence") == messages


def test_a_lone_mark_is_still_a_word_when_punctuated() -> None:
    said = Transcript(1.0, (Channel(Alternative((Word("–", 0, 1, 1.0),))),))
    body = read(result_document(said, ListenOptions(punctuate=True), FACTS))
    assert at(body, *FIRST, "words", 0, "word") == "–"


@settings(deadline=None)  # a busy machine is not a failure
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), max_size=20))
def test_the_same_result_is_the_same_bytes(texts: list[str]) -> None:
    def make() -> bytes:
        words = tuple(Word(text, float(i), i + 0.5, 0.9) for i, text in enumerate(texts))
        utterances = (Utterance(0, words),) if words else ()
        said = Transcript(30.0, (Channel(Alternative(words)),))
        return result_document(said, ListenOptions(punctuate=True), FACTS, utterances=utterances)

    body = make()
    assert body == make()
    words = cast(list[Json], at(read(body), *FIRST, "words"))
    assert [word["punctuated_word"] for word in words] == texts


def test_accepted_is_exactly_the_request_id() -> None:
    assert accepted_body(REQUEST) == b'{"request_id":"%s"}' % REQUEST.encode()


def test_refused_is_deepgrams_error_object() -> None:
    failure = Failure(400, "Bad Request", "Bad Request: failed to process audio")
    assert read(error_body(failure, REQUEST)) == {
        "err_code": "Bad Request",
        "err_msg": "Bad Request: failed to process audio",
        "request_id": REQUEST,
    }


def test_a_recording_heard_in_part_has_a_warning() -> None:
    said = Transcript(1.0, (Channel(),), ("61 % of the recording's bytes could not be read.",))
    body = read(result_document(said, ListenOptions(), FACTS))
    assert at(body, "metadata", "warnings") == [
        {
            "parameter": "audio",
            "type": "partial",
            "message": "61 % of the recording's bytes could not be read.",
        }
    ]
