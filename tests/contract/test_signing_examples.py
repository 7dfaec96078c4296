"""The verifiers of docs/signing.md, as they stand there, against the callbacks of the installed server."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.ports import free_port
from support.program import Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE, wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "signing.md").read_text()
NODE_MODULES = Path(__file__).parent / "js" / "node_modules"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def secret(server: Program) -> str:
    """What the callbacks of the server's key are signed with."""
    key = server.get("/v1/auth/token").json()
    place = f"/v1/projects/{key['project_id']}/keys/{key['api_key_id']}/signing-secret"
    return str(server.get(place).json()["signing_secrets"][0]["secret"])


@pytest.fixture
def called_back(server: Program, receiver: Receiver, clip: Path) -> Received:
    """A callback as it arrived."""
    request_id = ordered(server, clip, receiver.url)
    # By the header: among what came before are the messages of live streams, which do not all name it.
    arrived = receiver.wait_for(
        lambda all_: any(each.headers["dg-request-id"] == request_id for each in all_)
    )
    return next(each for each in arrived if each.headers["dg-request-id"] == request_id)


def ordered(server: Program, clip: Path, callback: str) -> str:
    return str(server.listen(clip.read_bytes(), f"callback={callback}").json()["request_id"])


@contextmanager
def running(
    command: Sequence[str], secret: str, folder: Path
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """An example that listens, and its URL."""
    port = free_port()
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: answers(process, port), PATIENCE, "the example does not listen")
            yield process, f"http://127.0.0.1:{port}/"
        finally:
            process.kill()


def answers(process: "subprocess.Popen[str]", port: int) -> bool:
    assert process.poll() is None
    return post(f"http://127.0.0.1:{port}/", b"{}", {}) is not None


def post(url: str, body: bytes, headers: dict[str, str]) -> int | None:
    """The status; None while the port is closed."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except urllib.error.URLError:
        return None


def assert_it_verifies(
    server: Program, clip: Path, called_back: Received, process: "subprocess.Popen[str]", url: str
) -> None:
    request_id = ordered(server, clip, url)
    assert process.stdout is not None
    assert process.stdout.readline() == f"verified: {request_id} result\n"
    failed = ordered(server, Path(__file__), url)
    assert process.stdout.readline() == f"verified: {failed} Bad Request\n"
    signed = {name: value for name, value in called_back.headers.items() if name.startswith("webhook-")}
    assert post(url, called_back.body, signed) == 200
    assert post(url, called_back.body + b" ", signed) == 401
    assert post(url, called_back.body, signed | {"webhook-timestamp": str(int(time.time()) - 301)}) == 401


def test_python(server: Program, clip: Path, secret: str, called_back: Received, tmp_path: Path) -> None:
    with running([sys.executable, "-c", examples("python")[0]], secret, tmp_path) as (process, url):
        assert_it_verifies(server, clip, called_back, process, url)


def test_javascript(server: Program, clip: Path, secret: str, called_back: Received, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "standardwebhooks").exists():
        pytest.skip("there is no node here, or `make test` has not fetched standardwebhooks")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    program = tmp_path / "example.mjs"
    program.write_text(examples("javascript")[0])
    with running([node, str(program)], secret, tmp_path) as (process, url):
        assert_it_verifies(server, clip, called_back, process, url)


def test_the_public_key(server: Program, called_back: Received) -> None:
    defined: dict[str, Any] = {}
    exec(examples("python")[1], defined)
    keys = defined["public_keys"](server.url)
    assert len(keys) == len(json.loads(server.get("/.well-known/ringback/webhook-keys").body)["keys"]) == 1
    defined["verify"](keys, called_back.headers, called_back.body)
    with pytest.raises(ValueError, match="no signature fits"):
        defined["verify"](keys, called_back.headers, called_back.body + b" ")
