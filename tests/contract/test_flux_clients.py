"""Flux clients as they are published, in a call of ten turns: SDKs, LiveKit's `STTv2`, Pipecat's service.

All get the same texts: what a turn is depends on the audio alone, not on how it was sent.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.accuracy import word_error_rate
from support.asyncapi import check_sent
from support.program import KEY, Program
from support.streamed import linear16
from support.turns import Turns
from support.waiting import PATIENCE

HERE = Path(__file__).parent
AUDIO = HERE.parent / "audio"
ENVIRONMENTS = HERE.parent.parent / ".venvs"
CLIPS = ("librivox_0930.flac", "phone_en_conf_onlyperson.flac")
SENTENCES = (
    "he might even have been made amiable himself",
    "You are currently the only person in this conference.",
)
TURNS = 10
QUIET = bytes(32_000 * 3 // 2)


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sentences in turn, five times, with 1.5 s of quiet behind each."""
    raw = tmp_path_factory.mktemp("flux") / "call"
    sentences = [linear16(AUDIO / clip) + QUIET for clip in CLIPS]
    raw.write_bytes(b"".join(sentences[number % 2] for number in range(TURNS)))
    return raw


def spoken(command: list[str], server: Program, call: Path) -> dict[str, Any]:
    given = json.dumps({"url": server.url, "key": KEY, "raw": str(call)})
    done = subprocess.run([*command, given], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def in_environment(name: str) -> str:
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"the environment {name} is not installed: run `make test-clients`")
    return str(python)


def check_texts(texts: list[str]) -> None:
    assert len(texts) == TURNS
    pairs = [(SENTENCES[number % 2], text) for number, text in enumerate(texts)]
    assert word_error_rate(pairs) < 0.2
    # The same audio brings the same words; the first turn alone has no quiet before it.
    assert len(set(texts[1::2])) == 1


def check_messages(messages: list[dict[str, Any]]) -> None:
    for message in messages:
        check_sent({name: value for name, value in message.items() if value is not None}, turn_based=True)
    turns = Turns([{k: v for k, v in each.items() if v is not None} for each in messages])
    turns.check()
    check_texts(turns.texts)
    assert turns.of("EagerEndOfTurn")


def test_the_python_sdk(server: Program, call: Path) -> None:
    answers = spoken([sys.executable, str(HERE / "places" / "flux_python.py")], server, call)
    assert answers["errors"] == []
    check_messages(answers["messages"])
    (configured,) = [each for each in answers["messages"] if each["type"] == "ConfigureSuccess"]
    assert configured["thresholds"]["eot_threshold"] == 0.6
    # Every turn had ended: there was none to force the end of.
    assert [each["code"] for each in answers["messages"] if each["type"] == "Warning"] == [
        "FORCE_END_TURN_NO_ACTIVE_TURN"
    ]


def test_the_javascript_sdk_does_not_dial_again(server: Program, call: Path) -> None:
    node = shutil.which("node")
    if node is None or not (HERE / "js" / "node_modules" / "@deepgram" / "sdk").exists():
        pytest.skip("@deepgram/sdk is not installed: run `make test-clients`")
    answers = spoken([node, str(HERE / "js" / "flux.mjs")], server, call)
    assert (answers["errors"], answers["closes"]) == ([], [1000])
    check_messages(answers["messages"])


def test_livekits_agent_hears_ten_turns(server: Program, call: Path) -> None:
    answers = spoken([in_environment("livekit"), str(HERE / "places" / "livekit_flux.py")], server, call)
    kinds = [each["type"] for each in answers["events"] if each["type"] != "recognition_usage"]
    assert kinds.count("start_of_speech") == kinds.count("end_of_speech") == TURNS
    assert kinds[0] == "start_of_speech"
    assert "preflight_transcript" in kinds
    finals = [each["texts"][0] for each in answers["events"] if each["type"] == "final_transcript"]
    check_texts(finals)
    assert len({each["request_id"] for each in answers["events"] if each["texts"]}) == 1, "it reconnected"


def test_pipecats_bot_hears_ten_turns(server: Program, call: Path) -> None:
    answers = spoken([in_environment("pipecat"), str(HERE / "places" / "pipecat_flux.py")], server, call)
    assert [each for each in answers["frames"] if each["kind"] == "ErrorFrame"] == []
    check_texts([each["text"] for each in answers["frames"] if each["finalized"]])
    check_texts(answers["on_end_of_turn"])
    assert len(answers["on_start_of_turn"]) == TURNS
    assert answers["on_eager_end_of_turn"]
