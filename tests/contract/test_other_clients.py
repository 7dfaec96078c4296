"""Older SDKs and other people's clients, unchanged, each in an environment of its own."""

from pathlib import Path
from typing import Any
from uuid import UUID

import av
import numpy as np
import pytest

from support.accuracy import word_error_rate
from support.clients import answers_of, node, python
from support.program import KEY, Program
from support.receiver import Receiver

SDKS = {
    "python-3": lambda: python("deepgram3", "older_python.py"),
    "python-4": lambda: python("deepgram4", "older_python.py"),
    "javascript-3": lambda: [*node("older.mjs", "deepgram-sdk-3"), "deepgram-sdk-3"],
    "javascript-4": lambda: [*node("older.mjs", "deepgram-sdk-4"), "deepgram-sdk-4"],
}


@pytest.fixture(scope="module", params=SDKS)
def messages(
    request: pytest.FixtureRequest, server: Program, receiver: Receiver, clip: Path, media_url: str
) -> dict[str, Any]:
    """What one SDK's conversation brought, as the SDK handed it to its user."""
    given = {"url": server.url, "key": KEY, "clip": str(clip), "media_url": media_url}
    answers: dict[str, Any] = answers_of(SDKS[request.param](), {**given, "callback_url": receiver.url})
    return answers


@pytest.mark.parametrize("way", ["file", "url"])
def test_a_recording_is_transcribed(messages: dict[str, Any], way: str, spoken: str) -> None:
    document = messages[way]
    (channel,) = document["results"]["channels"]
    assert word_error_rate([(spoken, channel["alternatives"][0]["transcript"])]) < 0.3
    assert document["results"]["utterances"]
    UUID(document["metadata"]["request_id"])


def test_a_live_stream_is_heard(messages: dict[str, Any], spoken: str) -> None:
    assert word_error_rate([(spoken, " ".join(messages["live"]))]) < 0.3


def test_a_callback_request_is_called_back(messages: dict[str, Any], receiver: Receiver) -> None:
    request_id = messages["accepted"]["request_id"]
    receiver.wait_for(lambda all_: any(callback.headers["dg-request-id"] == request_id for callback in all_))


@pytest.mark.parametrize(("name", "source"), [("request", "file"), ("called_back", "accepted")])
def test_a_request_is_read_at_the_top_level(messages: dict[str, Any], name: str, source: str) -> None:
    request_id = (
        messages[source]["metadata"]["request_id"] if source == "file" else messages[source]["request_id"]
    )
    assert messages[name]["request_id"] == request_id
    assert messages[name]["path"] == "/v1/listen"


def test_the_history_with_callback_jobs_is_read(messages: dict[str, Any]) -> None:
    listed = {each["request_id"] for each in messages["requests"]["requests"]}
    assert {messages["file"]["metadata"]["request_id"], messages["accepted"]["request_id"]} <= listed


def test_usage_and_its_fields_are_read(messages: dict[str, Any]) -> None:
    assert messages["usage"]["results"]
    assert messages["usage"]["results"][0]["requests"] > 0
    assert "tags" in messages["fields"]


def test_keys_are_made_and_deleted(messages: dict[str, Any]) -> None:
    made = messages["key"]
    assert len(made["key"]) == 40
    listed = [entry["api_key"]["api_key_id"] for entry in messages["keys"]["api_keys"]]
    assert made["api_key_id"] in listed
    assert messages["deleted"]


def test_litellm(server: Program, clip: Path, spoken: str) -> None:
    command = python("litellm", "litellm_call.py")
    answer = answers_of(command, {"url": server.url, "key": KEY, "clip": str(clip)})
    assert word_error_rate([(spoken, answer["text"])]) < 0.3


def test_the_ai_sdk(server: Program, clip: Path, spoken: str) -> None:
    command = node("ai_sdk.mjs", "@ai-sdk/deepgram")
    answer = answers_of(command, {"url": server.url, "key": KEY, "clip": str(clip)})
    assert word_error_rate([(spoken, answer["text"])]) < 0.3
    assert answer["segments"]
    assert answer["seconds"] == pytest.approx(6.05, abs=0.1)


def test_livekit_for_node(server: Program, clip: Path, spoken: str, tmp_path: Path) -> None:
    command = node("livekit.mjs", "@livekit/agents-plugin-deepgram")
    raw = tmp_path / "clip.raw"
    raw.write_bytes(samples(clip))
    answer = answers_of(command, {"url": server.url, "key": KEY, "raw": str(raw)})
    assert word_error_rate([(spoken, " ".join(answer["heard"]))]) < 0.3


def samples(clip: Path) -> bytes:
    """Linear16 at 16 kHz, with a second of quiet behind it."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(str(clip)) as container:
        frames = [
            part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)
        ]
    return bytes(np.concatenate(frames, axis=1).astype("<i2").tobytes()) + bytes(32_000)
