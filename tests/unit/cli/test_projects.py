"""`ringback projects`, and the keys of several projects."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli import keys, projects
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.storage.sqlite import SqliteLedger


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGBACK_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    """`ringback projects …`; refusals are raised."""
    result = CliRunner().invoke(projects.command, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_keys(*arguments: str) -> Result:
    return CliRunner().invoke(keys.command, arguments)


def test_a_project_from_its_making_to_its_end() -> None:
    made = run("create", "acme").stdout.strip()
    assert [line.split("  ") for line in run("list").stdout.splitlines()][1:] == [[made, "acme"]]
    assert run("rename", "acme", "acme corp").exit_code == 0
    assert "acme corp" in run("list").stdout
    deleted = run("delete", "acme corp", "--yes")
    assert "is erased" in deleted.stderr
    assert made not in run("list").stdout
    with pytest.raises(Misconfigured, match="no project"):
        run("delete", made, "--yes")


def test_its_keys_end_with_it() -> None:
    first, made = run("list").stdout.split()[0], run("create", "acme").stdout.strip()
    assert run_keys("create", "theirs", "--project", "acme", "--scope", "owner").exit_code == 0
    assert run_keys("create", "ours", "--scope", "requests:own").exit_code == 0
    listed = run_keys("list").stdout
    assert "acme  owner  theirs" in listed
    assert "default  requests:own  ours" in listed
    assert "theirs" not in run_keys("list", "--project", first).stdout
    theirs = run_keys("list", "--project", made).stdout.split()[0]
    assert "requests            5" in run_keys("limits", theirs, "--requests", "5").stdout
    assert run_keys("signing-secret", theirs).stdout.startswith("whsec_")
    run("delete", made, "--yes")
    assert theirs not in run_keys("list").stdout
    assert isinstance(run_keys("revoke", theirs).exception, Misconfigured)


def test_a_deletion_asks_first() -> None:
    run("create", "acme")
    assert run("delete", "acme").exit_code == 1
    assert "acme" in run("list").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("delete", "default", "--yes"),
        ("create", "default"),
        ("rename", "default", "\x1b[2J"),
        ("create", "00000000-0000-4000-8000-000000000000"),
        ("rename", "nobody", "somebody"),
    ],
)
def test_what_cannot_be(arguments: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured):
        run(*arguments)


async def test_a_server_that_runs_does_the_erasing(data: Path) -> None:
    async with await SqliteLedger.open(data / "ringback.db", SystemClock(), serving=True) as ledger:
        deleted = await _beside("create", "acme"), await _beside("delete", "acme", "--yes")
        assert "the server that runs erases" in deleted[1].stderr
        assert len(await ledger.projects()) == 1


async def _beside(*arguments: str) -> Result:
    return await asyncio.to_thread(run, *arguments)
