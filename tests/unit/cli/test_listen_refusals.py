"""What `ringback listen` says before it sends anything: what is missing, and the fix."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli import main

CLIP = str(Path(__file__).parent.parent.parent / "audio" / "librivox_0930.flac")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGBACK_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("RINGBACK_API_KEY", raising=False)


def listen(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["listen", *arguments])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((CLIP,), "name one with RINGBACK_API_KEY or --key"),
        (("no-such.wav", "--key", "k"), "There is no file no-such.wav"),
        ((CLIP, "--key", "k", "--server", "127.0.0.1:8080"), "write it like http://127.0.0.1:8080"),
        ((CLIP, "--key", "k", "--encoding", "mulaw"), "name it with --sample-rate"),
        ((CLIP, "--key", "k", "--sample-rate", "8000"), "name its --encoding too"),
        (("-", "--key", "k", "--pace", "real-time"), "leave --pace out"),
    ],
)
def test_what_must_be_changed_first(arguments: tuple[str, ...], says: str) -> None:
    done = listen(*arguments)
    assert done.exit_code == 2
    assert says in done.output


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        done = listen(CLIP, "--key", "k", "--server", f"http://127.0.0.1:{reserved.getsockname()[1]}")
    assert done.exit_code == 1
    assert "is `ringback serve` running there? --server names another place." in done.output
