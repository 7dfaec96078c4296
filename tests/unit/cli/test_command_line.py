"""The commands as a shell sees them: what they print, where, and how they exit."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from click.testing import CliRunner

from ringback.bootstrap.first_key import ensure_api_key
from ringback.cli import main
from ringback.clock import SystemClock
from ringback.keys import new_secret, secret_hash
from ringback.settings import load
from ringback.storage.sqlite import SqliteLedger
from support.waiting import PATIENCE

AUDIO = Path(__file__).parent.parent.parent / "audio"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings but the data folder, whatever the machine that runs the tests has."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("RINGBACK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RINGBACK_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@dataclass(frozen=True)
class Finished:
    returncode: int
    stdout: str
    stderr: str


def ringback(*arguments: str | Path) -> Finished:
    """The command in this process: one of its own takes a second to start. Not for those that start children,
    which end with their process."""
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Finished(done.exit_code, done.stdout, done.stderr)


def in_a_shell(*arguments: str | Path) -> Finished:
    command = [sys.executable, "-m", "ringback", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return Finished(done.returncode, done.stdout, done.stderr)


@contextmanager
def receiving(*arguments: str) -> Iterator["tuple[subprocess.Popen[str], str]"]:
    """`ringback receive` on a free port, and its URL."""
    command = [sys.executable, "-m", "ringback", "receive", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://[0-9.:]+/", process.stdout.readline())
            assert found is not None
            yield process, found[0]
        finally:
            process.kill()


def call(url: str, request_id: str) -> int:
    body = json.dumps({"metadata": {"request_id": request_id}}).encode()
    headers = {"dg-request-id": "r1", "webhook-id": "w1", "content-type": "application/json"}
    with build_opener(ProxyHandler({})).open(Request(url, body, headers)) as answer:
        return int(answer.status)


def test_help_names_every_command_without_loading_a_recogniser() -> None:
    code = "import sys; from ringback.cli import main; main(['--help'], standalone_mode=False)"
    code += "; assert not {'ctranslate2', 'av', 'starlette'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("serve", "keys", "doctor", "receive", "transcribe", "model", "settings"):
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)


def test_what_is_wrong_in_the_settings_is_reported_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_CALLBACK_RETRYS", "3")
    transcribe = ["transcribe", str(AUDIO / "librivox_0930.flac")]
    for done in (in_a_shell("serve"), ringback("keys", "list"), ringback(*transcribe)):
        assert done.returncode == 2
        assert "did you mean 'RINGBACK_CALLBACK_RETRIES'?" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    elsewhere = ("--data-dir", tmp_path / "file" / "below")
    for done in (in_a_shell("serve", *elsewhere), ringback("keys", "list", *elsewhere)):
        assert done.returncode == 2
        assert "name another folder in RINGBACK_DATA_DIR" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_key_from_making_to_revoking(alone: Path) -> None:
    made = ringback("keys", "create", "night batch", "--scope", "admin", "--expires-in", "30")
    secret = made.stdout.strip()
    assert re.fullmatch(r"[0-9a-f]{40}", secret)

    async def stored() -> str:
        async with await SqliteLedger.open(alone / "ringback.db", SystemClock()) as ledger:
            key = await ledger.key_by_hash(secret_hash(secret))
            assert key is not None
            assert key.expires_at is not None
            assert key.expires_at - key.created_at == pytest.approx(30 * 86_400)
            return key.id

    identifier = asyncio.run(stored())
    listed = ringback("keys", "list").stdout
    assert identifier in listed
    assert "admin  night batch" in listed
    assert secret not in listed
    assert ringback("keys", "revoke", identifier).returncode == 0
    assert identifier not in ringback("keys", "list").stdout
    again = ringback("keys", "revoke", identifier)
    assert again.returncode == 2
    assert "there is no key" in again.stderr.lower()


def test_revoking_the_key_of_the_environment_tells_that_it_comes_back(alone: Path) -> None:
    async def make() -> str:
        settings = load(None, {"data_dir": str(alone), "api_key": "a-key-of-the-operator"})
        async with await SqliteLedger.open(alone / "ringback.db", SystemClock()) as ledger:
            await ensure_api_key(settings, ledger, SystemClock(), new_secret())
            (project,) = await ledger.projects()
            (key,) = await ledger.keys(project.id)
            return key.id

    revoked = ringback("keys", "revoke", asyncio.run(make()))
    assert revoked.returncode == 0
    assert "RINGBACK_API_KEY" in revoked.stderr
    assert "at its next start" in revoked.stderr


def test_receive_verifies_and_ends_after_its_number() -> None:
    with receiving("--times", "2", "--status", "201") as (process, url):
        assert call(url + "hook?a=1", "r1") == 201
        assert call(url + "hook?a=1", "r1") == 201
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "POST /hook?a=1" in said
    assert "delivery seen 2×" in said
    assert "2 received, 1 of them repeated, 0 with something wrong." in said


def test_receive_fails_when_something_was_wrong() -> None:
    with receiving("--times", "1") as (process, url):
        call(url, "another")
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "✗ request_id another, but dg-request-id r1" in said


def test_receive_ends_at_a_signal() -> None:
    with receiving() as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


def test_receive_names_the_fix_when_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ringback("receive", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "choose another with --port" in done.stderr


def test_the_settings_that_are_printed_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "ringback.toml").write_text(ringback("settings").stdout)
    assert ringback("keys", "list").returncode == 0


def test_models_that_are_here() -> None:
    assert ringback("model", "list").stdout.startswith("tiny.en ")


def test_transcribe_writes_json_and_captions() -> None:
    clip = AUDIO / "librivox_0920.flac"
    document = json.loads(in_a_shell("transcribe", clip, "--format", "json", "-p", "tag=kept").stdout)
    assert document["metadata"]["duration"] == pytest.approx(6.05, abs=0.05)
    assert document["metadata"]["tags"] == ["kept"]
    assert "more amiable woman" in document["results"]["utterances"][0]["transcript"]
    captions = in_a_shell("transcribe", clip, "--format", "srt").stdout
    assert re.match(r"1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\n", captions)


def test_nothing_is_left_behind_or_reported_about_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime would write a device's identity and a queue of reports into these folders."""
    for folder in ("home", "temporary"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    done = in_a_shell("transcribe", AUDIO / "librivox_0920.flac")
    assert done.returncode == 0, done.stderr
    assert "more amiable woman" in done.stdout
    assert [*(tmp_path / "home").iterdir(), *(tmp_path / "temporary").iterdir()] == []


def test_transcribe_tells_what_is_wrong_with_the_audio_or_the_question(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("no sound at all")
    broken = in_a_shell("transcribe", "notes.wav")
    assert broken.returncode == 1
    assert "corrupt or unsupported data" in broken.stderr
    unknown = in_a_shell("transcribe", AUDIO / "librivox_0930.flac", "--model", "no-such")
    assert unknown.returncode == 2
    assert "ringback model pull no-such" in unknown.stderr
    assert "Traceback" not in broken.stderr + unknown.stderr


def test_doctor_says_that_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_PORT", "0")
    monkeypatch.setenv("RINGBACK_CALLBACK_ALLOW", "127.0.0.1")
    done = in_a_shell("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail" not in done.stdout
    assert "tiny.en is loaded and works" in done.stdout


def test_doctor_names_the_fix_of_each_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RINGBACK_DATA_DIR", str(tmp_path / "file" / "below"))
    monkeypatch.setenv("RINGBACK_CALLBACK_ALLOW", "0.0.0.0/0")
    monkeypatch.setenv("RINGBACK_MODEL", "no-such")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("RINGBACK_PORT", str(taken.getsockname()[1]))
        done = ringback("doctor")
    assert done.returncode == 1
    assert "name another folder in RINGBACK_DATA_DIR" in done.stdout
    assert "set RINGBACK_PORT to a free port" in done.stdout
    assert "name only the networks" in done.stdout
    assert "ringback model pull no-such" in done.stdout
