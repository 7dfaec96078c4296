"""Other people's clients, each in an environment of its own, run as scripts of tests/contract."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
VENVS = ROOT / ".venvs"
PLACES = ROOT / "tests" / "contract" / "places"
JS = ROOT / "tests" / "contract" / "js"


def python(place: str, script: str) -> list[str]:
    interpreter = VENVS / place / "bin" / "python"
    if not interpreter.exists():
        pytest.skip(f"{place} is not installed: run `make test`")
    return [str(interpreter), str(PLACES / script)]


def node(script: str, package: str) -> list[str]:
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no node on this machine")
    if not (JS / "node_modules" / package).exists():
        pytest.skip(f"{package} is not installed: run `make test`")
    return [found, str(JS / script)]


def answers_of(command: Sequence[str], given: dict[str, str]) -> Any:
    """What a client's script printed last, as JSON."""
    done = subprocess.run(
        [*command, json.dumps(given)], capture_output=True, text=True, timeout=180, check=False, cwd=JS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
