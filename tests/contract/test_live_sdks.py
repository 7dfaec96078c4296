"""The official SDKs' live clients, unchanged, stream real speech to the installed server."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.accuracy import word_error_rate
from support.program import KEY, Program
from support.receiver import Receiver
from support.socket_receiver import SocketReceiver
from support.streamed import Stream, linear16, said
from support.waiting import PATIENCE

HERE = Path(__file__).parent
AUDIO = HERE.parent / "audio"
PYTHON_5 = HERE.parent.parent / ".venvs" / "deepgram5" / "bin" / "python"
NODE_MODULES = HERE / "js" / "node_modules" / "@deepgram" / "sdk"

FIRST = "he might even have been made amiable himself"
SECOND = "You are currently the only person in this conference."
FIRST_SECONDS, SECOND_SECONDS, CLIP_SECONDS = 3.29, 3.16, 6.05
TOLERATED = 0.3
"""Word error rate: these are a few words each, and the model is the smallest."""


def _python_7() -> list[str]:
    return [sys.executable, str(HERE / "places" / "live_conversation.py")]


def _python_5() -> list[str]:
    if not PYTHON_5.exists():
        pytest.skip("deepgram-sdk 5 is not installed: run `make test`")
    return [str(PYTHON_5), str(HERE / "places" / "live_conversation.py")]


def _javascript() -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine")
    if not NODE_MODULES.exists():
        pytest.skip("@deepgram/sdk is not installed: run `make test`")
    return [node, str(HERE / "js" / "live.mjs")]


SDKS = {"python-7": _python_7, "python-5": _python_5, "javascript-5": _javascript}


@pytest.fixture(scope="module")
def sockets() -> Iterator[SocketReceiver]:
    with SocketReceiver() as sockets:
        yield sockets


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two sentences as raw samples."""
    folder = tmp_path_factory.mktemp("raw")
    clips = {"first": "librivox_0930.flac", "second": "phone_en_conf_onlyperson.flac"}
    for name, clip in clips.items():
        (folder / name).write_bytes(linear16(AUDIO / clip))
    return {name: folder / name for name in clips}


@pytest.fixture(scope="module", params=SDKS)
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reported(
    sdk: str,
    server: Program,
    receiver: Receiver,
    sockets: SocketReceiver,
    sounds: dict[str, Path],
    clip: Path,
) -> dict[str, Any]:
    """What one SDK's streams brought, as the SDK handed it to its user."""
    given = {
        "url": server.url,
        "key": KEY,
        "first": str(sounds["first"]),
        "second": str(sounds["second"]),
        "clip": str(clip),
        "http_callback": f"{receiver.url}/{sdk}",
        "ws_callback": f"{sockets.url}/{sdk}",
    }
    command = [*SDKS[sdk](), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def stream(reported: dict[str, Any], name: str) -> Stream:
    """A stream that ended as streams should: no error, and closed with 1000."""
    assert reported[name]["errors"] == []
    assert (reported[name]["closed"], reported[name].get("code", 1000)) == (1, 1000)
    return Stream(reported[name]["messages"])


def sha256_of(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def test_what_a_finalize_asks_for_comes_before_what_follows(
    reported: dict[str, Any], sounds: dict[str, Path]
) -> None:
    recognised = stream(reported, "finalized")
    recognised.check(FIRST_SECONDS + SECOND_SECONDS, sha256_of(sounds["first"], sounds["second"]))
    (requested,) = [number for number, final in enumerate(recognised.finals) if final["from_finalize"]]
    before, after = recognised.finals[: requested + 1], recognised.finals[requested + 1 :]
    assert word_error_rate([(FIRST, said(before)), (SECOND, said(after))]) < TOLERATED
    assert after[0]["start"] == pytest.approx(FIRST_SECONDS, abs=0.1)


def test_each_voice_has_its_speaker(reported: dict[str, Any]) -> None:
    recognised = stream(reported, "finalized")
    # A final that waited too long for its voices, on a busy machine, has no speakers; the next is then 0.
    speakers = {
        (final["start"] > FIRST_SECONDS - 0.1, word["speaker"])
        for final in recognised.finals
        for word in final["channel"]["alternatives"][0]["words"]
        if "speaker" in word
    }
    assert speakers <= {(False, 0), (True, 1)} or speakers == {(True, 0)}
    assert {final["metadata"]["diarize_info"]["arch"] for final in recognised.finals} == {"v1"}


def test_options_reach_the_messages(reported: dict[str, Any]) -> None:
    final = next(final for final in stream(reported, "finalized").finals if said([final]))
    assert final["metadata"]["extra"] == {"k": "v"}
    assert final["metadata"]["model_info"]["name"] == "tiny.en"
    words = final["channel"]["alternatives"][0]["words"]
    assert [word["punctuated_word"] for word in words] == said([final]).split()
    assert stream(reported, "finalized").interims == []


def test_a_container_needs_no_description_and_a_token_is_enough(
    reported: dict[str, Any], clip: Path, spoken: str
) -> None:
    recognised = stream(reported, "container")
    recognised.check(CLIP_SECONDS, sha256_of(clip))
    assert word_error_rate([(spoken, recognised.transcript)]) < TOLERATED


def test_text_comes_while_somebody_speaks(reported: dict[str, Any]) -> None:
    recognised = stream(reported, "paced")
    assert word_error_rate([(FIRST, recognised.transcript)]) < TOLERATED
    kinds = [message["type"] for message in recognised.messages]
    assert kinds.index("SpeechStarted") < kinds.index("Results", kinds.index("SpeechStarted"))
    assert any(said([interim]) for interim in recognised.interims)
    assert any(final["speech_final"] for final in recognised.finals)
    (ended,) = recognised.of("UtteranceEnd")
    assert 0 < ended["last_word_end"] <= FIRST_SECONDS + 0.1 or ended["last_word_end"] == -1


def test_a_stream_calls_back_over_http_in_order(
    reported: dict[str, Any], sdk: str, receiver: Receiver, sounds: dict[str, Path]
) -> None:
    assert stream(reported, "http_callback").of("Results") == []
    path = f"/callback/{sdk}"

    def ended(received: list[Any]) -> bool:
        return any(each.path == path and each.json()["type"] == "Metadata" for each in received)

    arrived = [each.json() for each in receiver.wait_for(ended) if each.path == path]
    recognised = Stream(arrived)
    recognised.check(FIRST_SECONDS, sha256_of(sounds["first"]))
    assert word_error_rate([(FIRST, recognised.transcript)]) < TOLERATED


def test_a_stream_calls_back_over_a_websocket(
    reported: dict[str, Any], sdk: str, sockets: SocketReceiver, sounds: dict[str, Path]
) -> None:
    assert stream(reported, "ws_callback").of("Results") == []
    recognised = Stream(sockets.wait_until_closed(f"/{sdk}"))
    recognised.check(FIRST_SECONDS, sha256_of(sounds["first"]))
    assert word_error_rate([(FIRST, recognised.transcript)]) < TOLERATED


def test_what_is_no_audio_ends_the_stream_with_a_reason(reported: dict[str, Any], sdk: str) -> None:
    ended = reported["not_audio"]
    if sdk == "javascript-5":
        assert (ended["code"], ended["reason"].split()[0]) == (1008, "DATA-0000")
    else:
        (error,) = ended["errors"]
        assert "1008" in error
        assert "DATA-0000" in error


def test_refusals_as_each_client_shows_them(reported: dict[str, Any], sdk: str) -> None:
    errors = reported["errors"]
    if sdk == "javascript-5":
        assert {name: error["message"] for name, error in errors.items()} == {
            "key": "Unexpected server response: 401",
            "model": "Unexpected server response: 400",
            "encoding": "Unexpected server response: 400",
        }
        return
    assert [errors[name]["status"] for name in ("key", "model", "encoding")] == [401, 400, 400]
    assert errors["key"]["dg-error"] == "Invalid credentials."
    assert "No such model/language/tier combination found." in errors["model"]["dg-error"]
    for name in ("key", "model", "encoding"):
        assert errors[name]["body"]["err_msg"] == errors[name]["dg-error"]
        assert errors[name]["body"]["request_id"] == errors[name]["dg-request-id"]
    assert [errors[name]["status"] for name in ("async_key", "async_model")] == [401, 400]


@pytest.mark.parametrize("sdk", ["javascript-5"], indirect=True, scope="module")
def test_a_browser_shows_its_key_as_a_sub_protocol(reported: dict[str, Any]) -> None:
    assert (reported["browser"]["protocol"], reported["browser"]["code"]) == ("token", 1000)
    assert Stream(reported["browser"]["messages"]).metadata["duration"] == 0
