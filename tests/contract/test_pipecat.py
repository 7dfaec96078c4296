"""Pipecat's Deepgram service, unchanged, in a pipeline of its own."""

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
PYTHON = HERE.parent.parent / ".venvs" / "pipecat" / "bin" / "python"


@pytest.fixture(scope="module")
def messages(server: Program, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not PYTHON.exists():
        pytest.skip("pipecat-ai is not installed: run `make test`")
    raw = tmp_path_factory.mktemp("pipecat") / "raw"
    raw.write_bytes(linear16(clip))
    given = json.dumps({"url": server.url, "key": KEY, "raw": str(raw)})
    command = [str(PYTHON), str(HERE / "places" / "pipecat_pipeline.py"), given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def test_a_bot_hears_what_was_said(messages: dict[str, Any], spoken: str) -> None:
    finals = [frame["text"] for frame in messages["frames"]["heard"] if frame["kind"] == "TranscriptionFrame"]
    assert word_error_rate([(spoken, " ".join(finals))]) < 0.35
    kinds = [frame["kind"] for frame in messages["frames"]["heard"]]
    assert "InterimTranscriptionFrame" in kinds
    assert "ErrorFrame" not in kinds


def test_the_turn_is_over_as_soon_as_the_server_has_said_so(messages: dict[str, Any]) -> None:
    """`from_finalize` answers the Finalize that Pipecat sends when the speaker stops."""
    assert messages["frames"]["heard"][-1]["finalized"]


def test_a_pipeline_that_ends_does_not_hang(messages: dict[str, Any]) -> None:
    """Pipecat closes its socket right after CloseStream, and waits for our closing frame."""
    assert messages["frames"]["seconds_to_end"] < 5


def test_a_bad_key_makes_the_service_unusable_at_once(messages: dict[str, Any]) -> None:
    (error,) = messages["stranger"]["heard"]
    assert "status 401" in error["error"]
