"""Where the commands that ask a server find it, and what they say when they do not."""

import pytest
from click.testing import CliRunner, Result

from ringback.cli import main


def run(*arguments: str, **environment: str) -> Result:
    clean = {"RINGBACK_API_KEY": None, "RINGBACK_DATA_DIR": "/nowhere", "RINGBACK_CONFIG": None}
    return CliRunner().invoke(main, ["requests", *arguments], env={**clean, **environment})


@pytest.mark.parametrize("server", ["nonsense", "ftp://127.0.0.1", "http://"])
def test_what_is_no_address_is_said(server: str) -> None:
    done = run("list", "--server", server, "--key", "k")
    assert done.exit_code == 2
    assert "write it like http://127.0.0.1:8080" in done.output


def test_a_key_is_needed() -> None:
    done = run("list", "--server", "http://127.0.0.1:9")
    assert done.exit_code == 2
    assert "--key" in done.output


def test_the_server_of_this_machine_is_the_default() -> None:
    done = run("list", RINGBACK_HOST="0.0.0.0", RINGBACK_PORT="9", RINGBACK_API_KEY="k")
    assert done.exit_code == 1
    assert "No answer from http://127.0.0.1:9 " in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("redeliver", "id", "--tag", "x"),
        ("redeliver", "id", "--dry-run"),
        ("redeliver", "--url", "http://x/"),
        ("redeliver", "--state", "waiting"),
    ],
)
def test_one_or_many_but_not_both(arguments: tuple[str, ...]) -> None:
    assert run(*arguments, "--server", "http://127.0.0.1:9", "--key", "k").exit_code == 2
