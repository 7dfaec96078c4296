"""Deepgram's own command line, pointed at the installed server by DEEPGRAM_BASE_URL alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from support.accuracy import word_error_rate
from support.program import KEY, Program
from support.receiver import Receiver
from support.streamed import linear16
from support.waiting import PATIENCE

Deepctl = Callable[..., Any]


@pytest.fixture(scope="module")
def deepctl(server: Program, tmp_path_factory: pytest.TempPathFactory) -> Deepctl:
    """Runs one command; what it printed as JSON."""
    project = server.get("/v1/projects").json()["projects"][0]["project_id"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "NO_COLOR": "1",
        "DEEPCTL_TELEMETRY_DISABLED": "1",
        "DEEPGRAM_BASE_URL": server.url,
        "DEEPGRAM_API_KEY": KEY,
        "DEEPGRAM_PROJECT_ID": project,
    }

    def run(*arguments: str, sound: bytes = b"") -> Any:
        program = Path(sys.executable).with_name("deepctl")
        command = [str(program), "--non-interactive", "--output", "json", *arguments]
        done = subprocess.run(
            command, env=environment, input=sound, capture_output=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        # A live stream prints each final as it comes; its JSON stands below them.
        return json.loads(done.stdout[done.stdout.index(b"{") :])

    return run


def test_it_transcribes_a_file(deepctl: Deepctl, clip: Path, spoken: str) -> None:
    document = deepctl("listen", str(clip))
    alternative = document["results"]["channels"][0]["alternatives"][0]
    assert word_error_rate([(spoken, alternative["transcript"])]) < 0.3
    assert alternative["paragraphs"]["paragraphs"]


def test_it_transcribes_a_url(deepctl: Deepctl, media_url: str, spoken: str) -> None:
    document = deepctl("listen", media_url)
    transcript = document["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert word_error_rate([(spoken, transcript)]) < 0.3


def test_it_reads_a_text(deepctl: Deepctl) -> None:
    found = deepctl("read", "Thank you, that was wonderful.")
    assert (found["status"], found["sentiment"]) == ("success", "positive")
    assert found["summary"] == "Thank you, that was wonderful."


def test_it_streams_what_is_piped_in(deepctl: Deepctl, clip: Path, spoken: str) -> None:
    result = deepctl("listen", "-", "--encoding", "linear16", "--interim", sound=linear16(clip))
    assert (result["status"], result["mode"]) == ("success", "live")
    assert word_error_rate([(spoken, result["transcript"])]) < 0.3


def test_it_lists_the_project_the_models_and_the_usage(deepctl: Deepctl) -> None:
    assert deepctl("projects")["count"] == 1
    assert "tiny.en" in [model["name"] for model in deepctl("models")["models"]]
    assert deepctl("usage")["status"] == "success"
    assert deepctl("billing", "--balances")["balances"] == []


def test_it_shows_the_history_with_a_callback_still_under_way(
    deepctl: Deepctl, server: Program, clip: Path
) -> None:
    with Receiver(lambda _: 500) as receiver:
        request_id = server.listen(clip.read_bytes(), f"callback={quote(receiver.url)}").json()["request_id"]
        receiver.wait_for(bool)
        listed = deepctl("requests")
        displayed = deepctl("requests", "--show", request_id)
    assert request_id in [request["request_id"] for request in listed["requests"]]
    assert request_id in json.dumps(displayed)


def test_it_makes_shows_and_deletes_a_key(deepctl: Deepctl, server: Program) -> None:
    made = deepctl("keys", "--create", "--comment", "from deepctl", "--scopes", "member")
    key_id = made["created_key"]["key_id"]
    assert len(made["created_key"]["key"]) == 40
    assert "from deepctl" in json.dumps(deepctl("keys", "--show", key_id))
    assert key_id in json.dumps(deepctl("keys"))
    deepctl("keys", "--delete", key_id, "--yes")
    assert key_id not in json.dumps(deepctl("keys"))
