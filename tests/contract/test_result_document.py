"""The result document against the types of the official clients."""

import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from deepgram.core.unchecked_base_model import construct_type
from deepgram.listen.v1.media.types.media_transcribe_response import MediaTranscribeResponse
from deepgram.types.listen_v1accepted_response import ListenV1AcceptedResponse
from deepgram.types.listen_v1response import ListenV1Response
from pydantic import BaseModel

from ringback.engines.voices import diarizer
from ringback.features.finish import finish
from ringback.listen.options import Mode, parse
from ringback.listen.results import ModelMetadata, ResultMetadata, accepted_body, result_document
from ringback.transcript import Alternative, Channel, Transcript, Word

REPOSITORY = Path(__file__).parent.parent.parent
REQUEST = "0f6b2c1e-7a5d-4f0e-9b1c-3d2e1f0a9b8c"
MODEL = ModelMetadata("9a1f0d2c-1111-5222-8333-444455556666", "tiny.en", "2024-01-01", "whisper")
TEXT = "Well, Mr. Smith, it's done. Is it? Yes!"

Json = dict[str, object]
OPTIONAL = {"tags", "extra", "warnings", "diarize_info"}
"""Of the metadata."""


def _channel(text: str, speaker: int | None = None) -> Channel:
    words = (
        Word(
            *(word, index * 1.0, index + 0.5, 0.75),
            speaker=speaker,
            language="en",
            speaker_confidence=None if speaker is None else 0.585,
        )
        for index, word in enumerate(text.split())
    )
    return Channel(Alternative(tuple(words)), "en", 0.99)


def _made(*pairs: tuple[str, str], text: str = TEXT) -> bytes:
    """The document of a recording with speech on one channel and silence on the other."""
    options = parse(pairs, Mode.RECORDED)
    finished = finish(Transcript(12.5, (_channel(text, speaker=0), Channel())), options)
    facts = ResultMetadata(REQUEST, "cd" * 32, 1_800_000_000.5, (MODEL,), diarizer(options, live=False))
    return result_document(
        finished.transcript,
        options,
        facts,
        utterances=finished.utterances,
        paragraphs=finished.paragraphs,
        entities=finished.entities,
        search=finished.search,
    )


PLAIN = _made()
FULL = _made(
    *[("smart_format", "true"), ("utterances", "true"), ("utt_split", "0.2"), ("multichannel", "true")],
    *[("tag", "a"), ("extra", "k:v"), ("redact", "pci"), ("detect_language", "true"), ("diarize", "true")],
    ("alternatives", "2"),
)
MULTILINGUAL = _made(("language", "multi"), ("utterances", "true"), ("paragraphs", "true"))
WORDED = _made(
    *[("smart_format", "true"), ("numerals", "true"), ("measurements", "true"), ("detect_entities", "true")],
    *[
        ("redact", "pci,pii"),
        ("profanity_filter", "true"),
        ("replace", "smith:Jones"),
        ("filler_words", "true"),
    ],
    *[
        ("dictation", "true"),
        ("search", "smith"),
        ("search", "4539"),
        ("keyterm", "Jones"),
        ("utterances", "true"),
    ],
    text="Well, Mr. Smith, my card is 4539 1488 0343 6467, it holds five hundred milligrams at 9 am.",
)
ALL = pytest.mark.parametrize(
    "body", [PLAIN, FULL, MULTILINGUAL, WORDED], ids=["plain", "full", "multilingual", "worded"]
)


@ALL
def test_the_python_sdk_validates_it(body: bytes) -> None:
    response = ListenV1Response.model_validate_json(body)
    assert response.metadata.request_id == REQUEST
    assert response.metadata.created == datetime.fromtimestamp(1_800_000_000.5, UTC)
    first, second = (channel.alternatives or [] for channel in response.results.channels)
    assert next(word.word for word in first[0].words or []) == "well"
    assert second[0].transcript == ""


def test_the_python_sdk_knows_every_field_but_those_of_other_clients() -> None:
    """Names that the type does not declare would not be read; these four other clients read."""
    response = ListenV1Response.model_validate_json(FULL)
    assert set(_undeclared(response)) == {"extra", "warnings", "language_confidence", "punctuated_word"}
    worded = ListenV1Response.model_validate_json(WORDED)
    assert set(_undeclared(worded)) - {"language_confidence", "punctuated_word", "warnings"} == set()


def test_the_python_sdk_reads_speakers() -> None:
    response = ListenV1Response.model_validate_json(FULL)
    (alternative,) = response.results.channels[0].alternatives or []
    words = alternative.words or []
    assert {(word.speaker, word.speaker_confidence) for word in words} == {(0, 0.585)}
    info = response.metadata.diarize_info
    assert info is not None
    assert info.arch == "v2"
    assert uuid.UUID(info.model_uuid)


def test_the_python_sdk_reads_entities_and_search() -> None:
    (channel, _) = ListenV1Response.model_validate_json(WORDED).results.channels
    (alternative,) = channel.alternatives or []
    labels = [(each.label, each.value, each.raw_value) for each in alternative.entities or []]
    assert labels[0] == ("CREDIT_CARD", "[CREDIT_CARD_1]", "[CREDIT_CARD_1]")
    smith, card = channel.search or []
    best = (smith.hits or [])[0]
    assert (best.confidence, best.snippet) == (1.0, "Mr. Jones, my")
    assert card.hits == []


PARSE = """
import sys
from deepgram.types.listen_v1response import ListenV1Response
(channel, _) = ListenV1Response.model_validate_json(sys.stdin.buffer.read()).results.channels
for entity in channel.alternatives[0].entities:
    entity = entity if isinstance(entity, dict) else entity.model_dump()  # generation 5 has no type for it
    print(entity["label"], entity["value"])
for search in channel.search:
    print(search.query, [hit.snippet for hit in search.hits])
"""


@pytest.mark.parametrize("place", ["deepgram5", "deepgram6"])
def test_older_python_sdks_read_entities_and_search(place: str) -> None:
    interpreter = REPOSITORY / ".venvs" / place / "bin" / "python"
    if not interpreter.exists():
        pytest.skip(f"{place} is not installed: run `make test`")
    done = subprocess.run([interpreter, "-c", PARSE], input=WORDED, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    first, *_, smith, card = done.stdout.decode().splitlines()
    assert first == "CREDIT_CARD [CREDIT_CARD_1]"
    assert smith.startswith("smith ['Mr. Jones, my'")
    assert card == "4539 []"


def test_the_javascript_sdk_reads_entities_and_search() -> None:
    node, script = shutil.which("node"), Path(__file__).parent / "js" / "reads.mjs"
    if node is None or not (script.parent / "node_modules" / "@deepgram" / "sdk").exists():
        pytest.skip("@deepgram/sdk or node is not installed: run `make test`")
    done = subprocess.run([node, script], input=WORDED, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    read = json.loads(done.stdout)
    (expected, _) = json.loads(WORDED)["results"]["channels"]
    assert read["entities"] == expected["alternatives"][0]["entities"]
    assert read["entities"][0]["label"] == "CREDIT_CARD"
    assert read["hits"][1] == ["4539", []]
    assert read["hits"][0][1][0] == "Mr. Jones, my"


def _undeclared(value: object) -> Iterator[str]:
    """Fields that are in a document and not in the SDK's types."""
    if isinstance(value, BaseModel):
        yield from value.model_extra or {}
        for name in type(value).model_fields:
            yield from _undeclared(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from _undeclared(each)


def test_the_python_sdk_tells_a_result_from_an_acceptance() -> None:
    either = cast(Any, MediaTranscribeResponse)
    result = construct_type(type_=either, object_=json.loads(FULL))
    acceptance = construct_type(type_=either, object_=json.loads(accepted_body(REQUEST)))
    assert isinstance(result, ListenV1Response)
    assert isinstance(acceptance, ListenV1AcceptedResponse)
    assert acceptance.request_id == REQUEST


@ALL
def test_what_the_strict_clients_require_is_there(body: bytes) -> None:
    """The Rust SDK's `Response` and Python 5's models: each name with exactly this JSON type."""
    metadata = cast(Json, json.loads(body)["metadata"])
    assert {name: type(metadata[name]) for name in metadata if name not in OPTIONAL} == {
        "transaction_key": str,
        "request_id": str,
        "sha256": str,
        "created": str,
        "duration": float,
        "channels": int,
        "models": list,
        "model_info": dict,
    }
    assert str(uuid.UUID(cast(str, metadata["request_id"]))) == REQUEST
    assert re.fullmatch(r"[0-9a-f]{64}", cast(str, metadata["sha256"]))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", cast(str, metadata["created"]))
    assert metadata["models"] == list(cast(Json, metadata["model_info"]))


@ALL
def test_words_have_their_four_facts(body: bytes) -> None:
    for channel in json.loads(body)["results"]["channels"]:
        (alternative,) = channel["alternatives"]
        assert type(alternative["transcript"]) is str
        assert type(alternative["confidence"]) is float
        for word in alternative["words"]:
            kinds = [type(word[name]) for name in ("word", "start", "end", "confidence")]
            assert kinds == [str, float, float, float]


@pytest.mark.parametrize("body", [FULL, MULTILINGUAL], ids=["full", "multilingual"])
def test_utterances_are_as_the_strict_clients_want_them(body: bytes) -> None:
    utterances = json.loads(body)["results"]["utterances"]
    assert utterances
    for utterance in utterances:
        assert str(uuid.UUID(utterance["id"])) == utterance["id"]
        assert type(utterance["channel"]) is int
        assert type(utterance["speaker"]) is int
        assert [type(utterance[name]) for name in ("start", "end", "confidence")] == [float] * 3


def test_no_field_is_null() -> None:
    """The Rust SDK's lists and numbers are not optional where they are present."""
    assert b"null" not in PLAIN + FULL + MULTILINGUAL
