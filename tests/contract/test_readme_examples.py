"""The README's examples, as they stand there: the curl, both SDKs, the live streams."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.ports import free_port
from support.program import KEY, RINGBACK, Program
from support.receiver import Receiver
from support.waiting import PATIENCE

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
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def assert_called_back(request_id: str, receiver: Receiver) -> None:
    received = receiver.wait_for(lambda all_: any(r.headers["dg-request-id"] == request_id for r in all_))
    (callback,) = [each for each in received if each.headers["dg-request-id"] == request_id]
    assert_said(callback.json()["results"]["channels"][0]["alternatives"][0]["transcript"])


def assert_said(transcript: str) -> None:
    assert transcript.lower().rstrip(".") == SAID.lower().rstrip(".")


NOT_IN_THE_SESSION = ("make demo", "make setup", "make test", "docker ")
"""What sets this environment up, takes minutes, or needs what is not here."""


def session(ports: dict[str, str]) -> str:
    """All shell commands of the README, from its top to its bottom, on ports that are free."""
    blocks = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    runnable = [
        line for line in lines if not line.startswith((*NOT_IN_THE_SESSION, "make bench", "make chaos"))
    ]
    text = "\n".join(runnable).replace(".venv/bin/ringback", str(RINGBACK))
    for written, meant in ports.items():
        text = text.replace(written, meant)
    return text.replace("ringback receive", f"ringback receive --port {ports['8443']}")


def test_every_command_works_as_printed_in_one_session(tmp_path: Path) -> None:
    """Each `&` goes on to the end, as in a terminal; the first command that fails ends it."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    ports = {"8080": str(free_port()), "8443": str(free_port())}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    here = {
        "RINGBACK_DATA_DIR": str(tmp_path),
        "RINGBACK_PORT": ports["8080"],
        "RINGBACK_CALLBACK_PORTS": "any",
    }
    done = subprocess.run(
        ["bash", "-ec", f"trap 'kill $(jobs -p)' EXIT\n{session(ports)}"],
        cwd=REPOSITORY,
        env=clean | here,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '{"request_id":' in done.stdout
    assert SAID.lower().rstrip(".") in done.stdout.lower()
    assert re.search(r"^whsec_", done.stdout, re.MULTILINE)
    assert "POST /transcripts" in done.stdout


def test_the_python_sdk(there: dict[str, str], receiver: Receiver) -> None:
    accepted = printed(sys.executable, "-c", example("python", "transcribe_file", there))
    assert_called_back(accepted, receiver)


def test_a_live_stream_with_the_python_sdk(there: dict[str, str]) -> None:
    assert_said(printed(sys.executable, "-c", example("python", "send_media", there)))


def test_the_javascript_sdk(there: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "@deepgram").exists():
        pytest.skip("there is no node here, or `make test` has not fetched @deepgram/sdk")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    program = tmp_path / "example.mjs"
    program.write_text(example("js", "transcribeFile", there))
    assert_called_back(printed(node, str(program)), receiver)
