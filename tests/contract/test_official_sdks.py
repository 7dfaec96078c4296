"""The official SDKs, unchanged, hold a conversation with the installed server and understand its answers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from support.accuracy import word_error_rate
from support.program import KEY, Program
from support.receiver import Receiver
from support.waiting import PATIENCE

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
NODE_MODULES = HERE / "js" / "node_modules" / "@deepgram" / "sdk"


def _python_7() -> list[str]:
    return [sys.executable, str(HERE / "conversation.py")]


def _python_of(place: str) -> list[str]:
    interpreter = REPOSITORY / ".venvs" / place / "bin" / "python"
    if not interpreter.exists():
        pytest.skip(f"{place} is not installed: run `make test`")
    return [str(interpreter), str(HERE / "conversation.py")]


def _python_6() -> list[str]:
    return _python_of("deepgram6")


def _python_5() -> list[str]:
    return _python_of("deepgram5")


def _javascript() -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine")
    if not NODE_MODULES.exists():
        pytest.skip("@deepgram/sdk is not installed: run `make test`")
    return [node, str(HERE / "js" / "conversation.mjs")]


SDKS = {"python-7": _python_7, "python-6": _python_6, "python-5": _python_5, "javascript-5": _javascript}


@pytest.fixture(scope="module", params=SDKS)
def messages(
    request: pytest.FixtureRequest, server: Program, receiver: Receiver, clip: Path, media_url: str
) -> dict[str, Any]:
    """What one SDK's conversation brought, as the SDK handed it to its user."""
    given = {"url": server.url, "key": KEY, "clip": str(clip), "media_url": media_url}
    argument = json.dumps({**given, "callback_url": receiver.url})
    command = [*SDKS[request.param](), argument]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("way", ["file", "url", "chunked", "with_token"])
def test_a_recording_is_transcribed(messages: dict[str, Any], way: str, spoken: str) -> None:
    document = messages[way]
    (channel,) = document["results"]["channels"]
    assert word_error_rate([(spoken, channel["alternatives"][0]["transcript"])]) < 0.3
    metadata = document["metadata"]
    UUID(metadata["request_id"])
    assert metadata["channels"] == 1
    assert metadata["duration"] == pytest.approx(6.05, abs=0.1)
    assert metadata["model_info"][metadata["models"][0]]["name"] == "tiny.en"


def test_options_reach_the_document(messages: dict[str, Any]) -> None:
    document = messages["file"]
    words = document["results"]["channels"][0]["alternatives"][0]["words"]
    assert all(word["punctuated_word"] for word in words)
    assert all(word["speaker"] == 0 and 0 < word["speaker_confidence"] <= 1 for word in words)
    assert document["metadata"]["diarize_info"]["arch"] == "v2"
    UUID(document["metadata"]["diarize_info"]["model_uuid"])
    assert document["results"]["utterances"][0]["transcript"]
    assert document["results"]["utterances"][0]["speaker"] == 0
    assert document["results"]["channels"][0]["alternatives"][0]["entities"] == []
    (found,) = document["results"]["channels"][0]["search"]
    assert found["query"] == "respectable"
    assert found["hits"][0]["snippet"]
    assert document["metadata"]["tags"] == ["a", "b"]
    assert document["metadata"]["extra"] == {"k": "v"}


def test_a_callback_request_is_accepted_and_called_back(
    messages: dict[str, Any], receiver: Receiver, spoken: str
) -> None:
    request_id = messages["accepted"]["request_id"]
    assert "results" not in messages["accepted"]
    arrived = receiver.wait_for(
        lambda received: any(callback.headers["dg-request-id"] == request_id for callback in received)
    )
    document = next(
        callback.json() for callback in arrived if callback.headers["dg-request-id"] == request_id
    )
    transcript = document["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert word_error_rate([(spoken, transcript)]) < 0.3


def test_the_project_and_its_history(messages: dict[str, Any]) -> None:
    project = messages["projects"]["projects"][0]
    assert messages["project"]["project_id"] == project["project_id"]
    assert len(messages["requests"]["requests"]) == 2
    record = messages["request"]["request"]
    assert record["request_id"] == messages["file"]["metadata"]["request_id"]
    assert record["project_uuid"] == project["project_id"]
    assert (record["code"], record["path"], record["deployment"]) == (200, "/v1/listen", "self-hosted")
    assert record["response"]["details"]["tags"] == ["a", "b"]


def test_keys_are_made_listed_and_deleted(messages: dict[str, Any]) -> None:
    made = messages["key"]
    assert (made["comment"], made["scopes"], len(made["key"])) == ("from the SDK", ["member"], 40)
    listed = [entry["api_key"]["api_key_id"] for entry in messages["keys"]["api_keys"]]
    assert made["api_key_id"] in listed
    assert messages["one_key"]["item"]["member"]["api_key"]["api_key_id"] == made["api_key_id"]
    assert messages["deleted"]["message"]


def test_models_usage_and_balances(messages: dict[str, Any]) -> None:
    model = messages["models"]["stt"][0]
    assert (model["name"], model["batch"]) == ("tiny.en", True)
    assert messages["model"]["uuid"] == model["uuid"]
    assert messages["usage"]["resolution"]["units"] == "day"
    assert messages["balances"]["balances"] == []
    assert messages["grant"]["expires_in"] == 30


def test_the_management_walk_meets_nothing_unexplained(messages: dict[str, Any]) -> None:
    """Lists are answered, and what would change what is not there says what to do instead."""
    walk = {name: found for name, found in messages["walk"].items() if found is not None}
    refused = {name: found for name, found in walk.items() if "status" in found}
    assert set(refused) <= {"invite", "no invite", "member", "scopes", "scope", "balance", "leave"}
    for name, found in refused.items():
        assert found["status"] in (404, 405), name
        assert found["body"]["details"], name
    assert {"update", "models", "usage breakdown", "usage fields", "members", "invites"} <= set(walk)
    assert walk["usage breakdown"]["results"][0]["grouping"]["tags"] == "a,b"
    assert walk["usage breakdown"]["results"][0]["requests"] >= 1
    # Other clients of the same server may have tags of their own.
    assert {"a", "b"} <= set(walk["usage fields"]["tags"])
    assert walk["usage by key"]["results"] == []
    assert (walk["members"]["members"], walk["invites"]["invites"]) == ([], [])


@pytest.mark.parametrize(
    ("name", "status", "code", "text"),
    [
        ("model", 400, "Bad Request", "No such model/language/tier combination found."),
        ("audio", 400, "Bad Request", "failed to process audio: corrupt or unsupported data"),
        ("callback", 400, "INVALID_QUERY_PARAMETER", "Invalid callback url."),
        ("url", 400, "REMOTE_CONTENT_ERROR", "Could not parse URL as URI."),
        ("key", 401, "INVALID_AUTH", "Invalid credentials."),
        ("manage_key", 401, "INVALID_AUTH", "Invalid credentials."),
        ("project", 404, "PROJECT_NOT_FOUND", "Project not found."),
    ],
)
def test_errors_arrive_as_the_sdks_own(
    messages: dict[str, Any], name: str, status: int, code: str, text: str
) -> None:
    raised = messages["errors"][name]
    body = raised["body"]
    assert raised["status"] == status
    if status == 400:
        assert raised["type"] == "BadRequestError"
    assert code in (body.get("err_code"), body.get("category"))
    assert text in (body.get("err_msg") or body.get("message"))
    assert body["request_id"]
    assert text in raised["dg-error"]
