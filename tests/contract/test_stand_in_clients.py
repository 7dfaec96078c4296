"""The examples of docs/stand-in.md, as they stand there: pytest with the Python SDK, JavaScript, LiveKit."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.clients import JS, ROOT, VENVS, node, python
from support.ports import free_port
from support.waiting import PATIENCE

PAGE = (ROOT / "docs" / "stand-in.md").read_text()
BIN = Path(sys.executable).parent


def example(section: str, language: str) -> str:
    """The first example of a language below a heading."""
    text = PAGE.partition(f"\n## {section}")[2].partition("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def run(command: list[str], folder: Path) -> str:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def stand_in(script: Path, port: int) -> Iterator[None]:
    command = [str(BIN / "ringback"), "mock", str(script), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"The stand-in listens on http://127.0.0.1:{port}\n"
        yield
        process.terminate()
    assert process.returncode == 0


def test_pytest_with_the_python_sdk(tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(example("In Python", "python"))
    assert "4 passed" in run([sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis"], tmp_path)


def test_javascript(tmp_path: Path) -> None:
    (interpreter, _) = node("conversation.mjs", "@deepgram/sdk")
    port = str(free_port())
    (tmp_path / "orders.test.mjs").write_text(example("In JavaScript", "js").replace("9000", port))
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    assert "# pass 1" in run([interpreter, "--test", "--test-reporter", "tap", "orders.test.mjs"], tmp_path)


def test_livekit(tmp_path: Path) -> None:
    (interpreter, _) = python("livekit", "livekit_stream.py")
    assert Path(interpreter).is_relative_to(VENVS)
    port = free_port()
    program = tmp_path / "order.py"
    program.write_text(example("With LiveKit", "python").replace("9000", str(port)))
    script = tmp_path / "order.json"
    script.write_text(example("With LiveKit", "json"))
    with stand_in(script, port):
        assert "['Two coffees, please.', 'With milk.']\n" in run([interpreter, str(program)], tmp_path)
