"""OpenAI's official clients, unchanged, and the requests that Open WebUI and n8n send, against our server."""

import functools
import json
import re
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from support.accuracy import word_error_rate
from support.clients import JS, ROOT, answers_of, node, python
from support.program import KEY, Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE

CLIENTS = {
    "python": lambda: python("openai", "openai_client.py"),
    "javascript": lambda: node("openai.mjs", "openai"),
}


@pytest.fixture(scope="module", params=CLIENTS)
def answers(
    request: pytest.FixtureRequest, server: Program, receiver: Receiver, clip: Path
) -> dict[str, Any]:
    """What one client handed to its user."""
    given = {"url": server.url, "key": KEY, "clip": str(clip), "callback_url": receiver.url}
    found: dict[str, Any] = answers_of(CLIENTS[request.param](), {**given, "again": uuid.uuid4().hex})
    return found


def came(request_id: str, received: Sequence[Received]) -> bool:
    return any(callback.headers["dg-request-id"] == request_id for callback in received)


def is_right(text: str, spoken: str) -> bool:
    return word_error_rate([(spoken, text)]) < 0.3


@pytest.mark.parametrize("form", ["json", "text", "keywords"])
def test_the_words_are_there(answers: dict[str, Any], form: str, spoken: str) -> None:
    assert is_right(answers[form], spoken)


def test_captions_are_files_of_their_kind(answers: dict[str, Any], spoken: str) -> None:
    assert re.match(r"1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\n", answers["srt"])
    assert answers["vtt"].startswith("WEBVTT\n\n00:00:0")
    lines = [line for line in answers["srt"].splitlines() if line and not re.match(r"\d+$|.* --> ", line)]
    assert is_right(" ".join(lines), spoken)


def test_verbose_json_has_segments_and_words_in_time(answers: dict[str, Any], spoken: str) -> None:
    verbose = answers["verbose"]
    assert (verbose["task"], verbose["language"]) == ("transcribe", "english")
    assert verbose["duration"] == pytest.approx(6.05, abs=0.1)
    assert is_right(" ".join(word["word"] for word in verbose["words"]), spoken)
    assert "".join(segment["text"] for segment in verbose["segments"]).strip() == verbose["text"]
    times = [time for word in verbose["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= verbose["duration"] + 0.1


def test_what_is_not_acted_on_is_told(answers: dict[str, Any]) -> None:
    assert {warning["parameter"] for warning in answers["verbose"]["warnings"]} == {"prompt", "temperature"}
    assert answers["warnings"].startswith("temperature: ")


def test_a_streamed_answer_grows_into_the_whole(answers: dict[str, Any], spoken: str) -> None:
    *deltas, done = answers["events"]
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in deltas) == done["text"]
    assert is_right(done["text"], spoken)


def test_a_request_with_callback_is_called_back_once(answers: dict[str, Any], receiver: Receiver) -> None:
    first, second = answers["again"]
    assert first["request_id"] == second["request_id"]
    for request_id in (answers["accepted"]["request_id"], first["request_id"]):
        got = receiver.wait_for(functools.partial(came, request_id))
        (callback,) = (each for each in got if each.headers["dg-request-id"] == request_id)
        assert json.loads(callback.body)["metadata"]["request_id"] == request_id


def test_the_history_has_it(answers: dict[str, Any], server: Program) -> None:
    record = server.request(answers["accepted"]["request_id"])
    assert (record["path"], record["method"]) == ("/v1/audio/transcriptions", "async")
    assert server.request(answers["request_id"])["method"] == "sync"


@pytest.mark.parametrize(
    ("case", "kind", "param", "code"),
    [
        ("unknown_model", "NotFoundError", "model", "model_not_found"),
        ("bad_format", "BadRequestError", "response_format", "invalid_value"),
        ("bad_key", "AuthenticationError", None, "invalid_api_key"),
    ],
)
def test_refusals_are_the_errors_of_the_client(
    answers: dict[str, Any], case: str, kind: str, param: str | None, code: str
) -> None:
    refusal = answers[case]
    assert (refusal["kind"], refusal["param"], refusal["code"]) == (kind, param, code)


def test_translations_are_refused_with_the_reason(answers: dict[str, Any]) -> None:
    assert "does not translate" in answers["translation"]


def test_the_models_are_listed(answers: dict[str, Any]) -> None:
    assert answers["models"][0] == "whisper-1"
    assert "tiny.en" in answers["models"]
    assert (answers["model"]["id"], answers["model"]["object"]) == ("whisper-1", "model")


@pytest.mark.parametrize("data", [{"model": "whisper-1", "language": "en"}, {"model": "whisper-1"}])
def test_open_webui(server: Program, clip: Path, spoken: str, data: dict[str, str]) -> None:
    """The call in its backend/open_webui/routers/audio.py; the file's part has no Content-Type. A refused
    language it asks for again without one."""
    with clip.open("rb") as file:
        answer = requests.post(
            url=f"{server.url}/v1/audio/transcriptions",
            headers={"Authorization": f"Bearer {KEY}", "X-OpenWebUI-User-Name": "A%20User"},
            files={"file": (f"{uuid.uuid4()}.flac", file)},
            data=data,
            timeout=PATIENCE,
        )
    assert answer.status_code == 200
    assert is_right(answer.json()["text"], spoken)


EXAMPLES = re.findall(r"```(python|js)\n(.*?)```", (ROOT / "docs" / "openai.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("language", ["python", "js"])
def test_the_examples_of_the_page(server: Program, tmp_path: Path, language: str) -> None:
    text = next(each for kind, each in EXAMPLES if kind == language)
    text = text.replace("http://localhost:8080", server.url).replace('"secret"', f'"{KEY}"')
    interpreter = (
        python("openai", "openai_client.py") if language == "python" else node("openai.mjs", "openai")
    )[0]
    program = tmp_path / ("example.py" if language == "python" else "example.mjs")
    program.write_text(text)
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    done = subprocess.run(
        [interpreter, str(program)], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout == "He might even have been made amiable himself.\n", done.stderr


def test_n8n(server: Program, clip: Path, spoken: str) -> None:
    answer = answers_of(node("n8n.mjs", "form-data"), {"url": server.url, "key": KEY, "clip": str(clip)})
    assert answer["status"] == 200
    assert is_right(answer["body"]["text"], spoken)
    assert answer["headers"]["ringback-warnings"].startswith("temperature: ")
