"""The receivers of docs/receivers.md, as they stand there, get real callbacks over real sockets."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.ports import free_port
from support.program import Program
from support.waiting import PATIENCE, wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "receivers.md").read_text()
NODE_MODULES = Path(__file__).parent / "js" / "node_modules"
PYTHON = ["FastAPI", "Flask", "Django"]


def example(heading: str) -> str:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(r"```(?:python|javascript)\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def secret(server: Program) -> str:
    """What the callbacks of the server's key are signed with."""
    key = server.get("/v1/auth/token").json()
    place = f"/v1/projects/{key['project_id']}/keys/{key['api_key_id']}/signing-secret"
    return str(server.get(place).json()["signing_secrets"][0]["secret"])


@contextmanager
def running(command: list[str], secret: str, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """An example that listens, and its port; its own log goes to a file."""
    port = free_port()
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    with (
        (folder / "example.log").open("w") as log,
        subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield process, port
        finally:
            process.kill()


def wait_until_it_listens(server: Program, process: "subprocess.Popen[str]", port: int, folder: Path) -> None:
    """By a sample callback that it refuses or takes: its own connection, not one of ours."""

    def answers() -> bool:
        assert process.poll() is None, (folder / "example.log").read_text()
        tried = server.post("/v1/callbacks/test", {"url": f"http://127.0.0.1:{port}/hook"}).json()
        return tried["status"] is not None

    wait_until(answers, PATIENCE, "the example does not listen")


def printed(process: "subprocess.Popen[str]", beginning: str) -> str:
    """The next line that begins so; frameworks greet."""
    assert process.stdout is not None
    return next(line for line in process.stdout if line.startswith(beginning))


def check(server: Program, clip: Path, command: list[str], secret: str, folder: Path, spoken: str) -> None:
    """A transcript and a failure arrive, and what is not signed is refused with 401."""
    with running(command, secret, folder) as (process, port):
        wait_until_it_listens(server, process, port, folder)
        assert "This is a test of your callback." in printed(process, "transcript ")
        callback = f"callback=http://127.0.0.1:{port}/hook"
        requested = server.listen(clip.read_bytes(), callback).json()["request_id"]
        assert spoken.split()[1].lower() in printed(process, f"transcript {requested} ").lower()
        requested = server.listen(b"no audio at all", callback).json()["request_id"]
        assert printed(process, "failure ") == f"failure {requested} Bad Request\n"
        unsigned = Program(folder, port=port)
        assert unsigned.call("POST", "/hook", b"{}", {"Content-Type": "application/json"}).status == 401


@pytest.mark.parametrize("framework", PYTHON)
def test_python(
    server: Program, clip: Path, secret: str, tmp_path: Path, spoken: str, framework: str
) -> None:
    program = tmp_path / "example.py"
    program.write_text(example(framework))
    check(server, clip, [sys.executable, str(program)], secret, tmp_path, spoken)


def test_express(server: Program, clip: Path, secret: str, tmp_path: Path, spoken: str) -> None:
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "express").exists():
        pytest.skip("there is no node here, or `make setup-dev` has not fetched express")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    program = tmp_path / "example.mjs"
    program.write_text(example("Express"))
    check(server, clip, [node, str(program)], secret, tmp_path, spoken)
