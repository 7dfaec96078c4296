"""`read … analyze` of the official SDKs, and recordings with all of understanding, against the installed
server and a scripted language model."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.llm import LlmServer
from support.openapi import check_callback
from support.program import KEY, Program
from support.receiver import Receiver
from support.waiting import PATIENCE

HERE = Path(__file__).parent
VENVS = HERE.parent.parent / ".venvs"
TEXT = (
    "Thank you for calling. My new phone is broken, and I hate that. I would like to have my money back as "
    "soon as you can, please. We are sorry about that, and you will have the whole amount on your card "
    "tomorrow morning. That is wonderful, thank you very much for your help. Have a nice day. Good bye."
)


def python(place: str, script: str) -> list[str]:
    interpreter = VENVS / place / "bin" / "python"
    if not interpreter.exists():
        pytest.skip(f"{place} is not installed: run `make test`")
    return [str(interpreter), str(HERE / script)]


def node(script: str, package: str, *more: str) -> list[str]:
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no node on this machine")
    if not (HERE / "js" / "node_modules" / package).exists():
        pytest.skip(f"{package} is not installed: run `make test`")
    return [found, str(HERE / "js" / script), *more]


SDKS = {
    "python-7": lambda: [sys.executable, str(HERE / "understanding.py")],
    "python-6": lambda: python("deepgram6", "understanding.py"),
    "python-5": lambda: python("deepgram5", "understanding.py"),
    "python-4": lambda: python("deepgram4", "places/older_python_understanding.py"),
    "python-3": lambda: python("deepgram3", "places/older_python_understanding.py"),
    "javascript-5": lambda: node("understanding.mjs", "@deepgram/sdk"),
    "javascript-4": lambda: node("older_understanding.mjs", "deepgram-sdk-4", "deepgram-sdk-4"),
    "javascript-3": lambda: node("older_understanding.mjs", "deepgram-sdk-3", "deepgram-sdk-3"),
}


@pytest.fixture(scope="module")
def llm() -> Iterator[LlmServer]:
    with LlmServer() as llm:
        yield llm


@pytest.fixture(scope="module")
def understanding(tmp_path_factory: pytest.TempPathFactory, llm: LlmServer) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("understanding"), llm.settings, checked=True) as program:
        program.wait_until_ready()
        yield program


class _Text(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(TEXT.encode())

    def log_message(self, *_: object) -> None:
        """Quiet: the test says what matters."""


@pytest.fixture(scope="module")
def text_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Text) as host:
        threading.Thread(target=host.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{host.server_address[1]}/call.txt"
        host.shutdown()


@pytest.fixture(scope="module", params=SDKS)
def sdk_answers(
    request: pytest.FixtureRequest, understanding: Program, receiver: Receiver, clip: Path, text_url: str
) -> dict[str, Any]:
    """What one SDK's conversation brought, as the SDK handed it to its user."""
    given = {"url": understanding.url, "key": KEY, "clip": str(clip), "text": TEXT, "text_url": text_url}
    argument = json.dumps({**given, "callback_url": receiver.url, "tag": request.param})
    done = subprocess.run(
        [*SDKS[request.param](), argument],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=HERE / "js",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def check_segments(results: dict[str, Any], words: int) -> None:
    assert results["topics"]["segments"][0]["topics"] == [{"topic": "TOPICS", "confidence_score": 0.9}]
    assert results["intents"]["segments"][0]["intents"] == [{"intent": "INTENTS", "confidence_score": 0.9}]
    segments = results["sentiments"]["segments"]
    assert (segments[0]["start_word"], segments[-1]["end_word"]) == (0, words - 1)
    assert results["sentiments"]["average"] == {"sentiment": "positive", "sentiment_score": 0.5}


def test_a_text_is_read(sdk_answers: dict[str, Any]) -> None:
    document = sdk_answers["read"]
    check_segments(document["results"], len(TEXT.split()))
    assert document["results"]["summary"]["text"] == "Someone says something."
    metadata = document["metadata"]
    assert metadata["language"] == "en"
    assert metadata["summary_info"]["input_tokens"] == 100
    assert sdk_answers["read_as_user"] == {
        "request_id": metadata["request_id"],
        "summary": "Someone says something.",
        "topic": "TOPICS",
    }


def test_a_text_is_fetched_and_read(sdk_answers: dict[str, Any]) -> None:
    segments = sdk_answers["read_url"]["results"]["sentiments"]["segments"]
    assert " ".join(each["text"] for each in segments) == TEXT


def test_a_text_is_called_back(
    sdk_answers: dict[str, Any], receiver: Receiver, understanding: Program
) -> None:
    request_id = sdk_answers["accepted"].get("request_id")
    if request_id is None:
        # Deepgram's SDK 5 cannot read what it is answered: it wants a result at once.
        assert sdk_answers["accepted"] == {"unreadable": "ValidationError"}
        history = f"/v1/projects/{understanding.project}/requests?endpoint=read&tag=python-5"
        request_id = understanding.get(history).json()["requests"][0]["request_id"]
    arrived = receiver.wait_for(
        lambda received: any(callback.headers["dg-request-id"] == request_id for callback in received)
    )
    (callback,) = [each for each in arrived if each.headers["dg-request-id"] == request_id]
    assert callback.json()["results"] == {"summary": {"text": "Someone says something."}}
    check_callback(callback.headers, callback.body)


def test_a_recording_has_all_of_it_too(sdk_answers: dict[str, Any]) -> None:
    results = sdk_answers["heard"]["results"]
    words = results["channels"][0]["alternatives"][0]["words"]
    check_segments(results, len(words))
    assert results["summary"]["result"] == "success"
    assert results["summary"]["short"]


def test_an_error_arrives_in_deepgrams_words(sdk_answers: dict[str, Any]) -> None:
    assert sdk_answers["error"]["status"] == 400
    body = sdk_answers["error"]["body"]
    assert body["err_code"] == "INVALID_QUERY_PARAMETER"
    assert body["err_msg"] == "Failed to deserialize query parameters: missing field `language`"


def test_the_history_has_it_under_its_path(sdk_answers: dict[str, Any], understanding: Program) -> None:
    record = understanding.request(sdk_answers["read"]["metadata"]["request_id"])
    assert (record["path"], record["code"]) == ("/v1/read", 200)
    assert record["response"]["details"]["tags"] == ["a", "b"]
