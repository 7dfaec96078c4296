"""The README's examples, as they stand there: the curl, both SDKs, the live streams."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.program import KEY, RINGBACK, Program
from support.receiver import Receiver

REPOSITORY = Path(__file__).parents[2]
NODE_MODULES = Path(__file__).parent / "js" / "node_modules"
SAID = "He might even have been made amiable himself."


@pytest.fixture
def there(server: Program, receiver: Receiver) -> dict[str, str]:
    """What the README's addresses and key are in this run."""
    return {
        "http://127.0.0.1:8443/transcripts": receiver.url,
        "http://127.0.0.1:8080": server.url,
        "http://localhost:8080": server.url,
        "ws://localhost:8080": server.url.replace("http", "ws", 1),
        "Token secret": f"Token {KEY}",
        '"secret"': f'"{KEY}"',
    }


def example(language: str, about: str, there: dict[str, str]) -> str:
    """The one example in this language that has these words."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    (text,) = [str(block) for block in blocks if about in block]
    for written, meant in there.items():
        text = text.replace(written, meant)
    return text


def printed(*command: str, **settings: str) -> str:
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def assert_called_back(request_id: str, receiver: Receiver) -> None:
    received = receiver.wait_for(lambda all_: any(r.headers["dg-request-id"] == request_id for r in all_))
    (callback,) = [each for each in received if each.headers["dg-request-id"] == request_id]
    assert_said(callback.json()["results"]["channels"][0]["alternatives"][0]["transcript"])


def assert_said(heard: str) -> None:
    assert heard.lower().rstrip(".") == SAID.lower().rstrip(".")


def test_the_curl(there: dict[str, str], receiver: Receiver) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    assert_called_back(json.loads(printed("sh", "-c", example("sh", "curl", there)))["request_id"], receiver)


def test_the_commands_about_callbacks(
    server: Program, there: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = {"RINGBACK_DATA_DIR": str(server.data_dir), "RINGBACK_PORT": str(server.port)}
    here |= {
        "RINGBACK_API_KEY": KEY,
        "RINGBACK_CALLBACK_ALLOW": "127.0.0.1",
        "RINGBACK_CALLBACK_PORTS": "any",
    }
    printed(str(RINGBACK), "keys", "create", "of the README", **here)
    (key_id,) = re.findall(r"^(\S+)\s.*of the README", printed(str(RINGBACK), "keys", "list", **here), re.M)
    commands = example(
        "sh", "doctor callback", there | {".venv/bin/ringback": str(RINGBACK), "KEY_ID": key_id}
    )
    tried, *_, secret = printed("sh", "-ec", commands, **here).splitlines()
    assert tried.startswith("✓ url")
    assert secret.startswith("whsec_")


def test_the_python_sdk(there: dict[str, str], receiver: Receiver) -> None:
    accepted = printed(sys.executable, "-c", example("python", "transcribe_file", there))
    assert_called_back(accepted, receiver)


def test_a_live_stream_with_the_python_sdk(there: dict[str, str]) -> None:
    assert_said(printed(sys.executable, "-c", example("python", "send_media", there)))


def test_a_live_stream_from_the_command_line(server: Program) -> None:
    command = example("sh", "ringback listen", {".venv/bin/ringback": str(RINGBACK), "secret": KEY})
    assert_said(printed("sh", "-c", command, RINGBACK_PORT=str(server.port)))


def test_the_javascript_sdk(there: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "@deepgram").exists():
        pytest.skip("there is no node here, or `make test` has not fetched @deepgram/sdk")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    program = tmp_path / "example.mjs"
    program.write_text(example("js", "transcribeFile", there))
    assert_called_back(printed(node, str(program)), receiver)
