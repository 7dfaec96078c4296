"""LiveKit's Deepgram plug-in, unchanged, in a voice agent's place."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.accuracy import word_error_rate
from support.program import KEY, Program
from support.streamed import linear16
from support.waiting import PATIENCE

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venvs" / "livekit" / "bin" / "python"


@pytest.fixture(scope="module")
def messages(server: Program, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not PYTHON.exists():
        pytest.skip("livekit-plugins-deepgram is not installed: run `make test`")
    raw = tmp_path_factory.mktemp("livekit") / "raw"
    raw.write_bytes(linear16(clip))
    given = json.dumps({"url": server.url, "key": KEY, "raw": str(raw)})
    command = [str(PYTHON), str(HERE / "places" / "livekit_stream.py"), given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def alternatives(messages: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [event["alternatives"][0] for event in messages["events"] if event["type"] == kind]


def test_an_agent_hears_what_was_said(messages: dict[str, Any], spoken: str) -> None:
    finals = alternatives(messages, "final_transcript")
    assert word_error_rate([(spoken, " ".join(each["text"] for each in finals))]) < 0.3
    assert all(each["language"] == "en-US" and 0 < each["confidence"] <= 1 for each in finals)
    spans = [(word[1], word[2]) for each in finals for word in each["words"]]
    assert spans == sorted(spans)
    assert spans[-1][1] <= 6.1


def test_an_agent_sees_the_turn_from_its_start_to_its_end(messages: dict[str, Any]) -> None:
    kinds = [event["type"] for event in messages["events"] if event["type"] != "recognition_usage"]
    assert kinds[0] == "start_of_speech"
    assert kinds[-1] == "end_of_speech"
    assert kinds.index("interim_transcript") < kinds.index("final_transcript")
    (_,) = {event["request_id"] for event in messages["events"] if event["alternatives"]}


def test_the_plug_in_transcribes_recordings_too(messages: dict[str, Any], spoken: str) -> None:
    assert word_error_rate([(spoken, messages["recognized"]["alternatives"][0]["text"])]) < 0.3


def test_a_refusal_is_not_tried_again(messages: dict[str, Any]) -> None:
    assert messages["stranger"] == {"status": 401, "retryable": False}
    assert messages["parrot"] == {"status": 400, "retryable": False}
