"""Where `ringback serve` would refuse to start, `ringback doctor` says so, and names the fix."""

import asyncio
import os
import random
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ringback.cli.doctor import _port
from ringback.cli.doctor_ledger import ledger_findings, secret_key_findings
from ringback.cli.output import Finding, Grade
from ringback.settings import Settings, load
from support.ports import free_port
from support.program import RINGBACK, Program
from support.waiting import PATIENCE


def settings_of(folder: Path) -> Settings:
    return load(None, {"data_dir": str(folder)})


def examined(folder: Path) -> list[Finding]:
    settings = settings_of(folder)
    findings, file = ledger_findings(settings)
    return [*findings, *asyncio.run(secret_key_findings(settings, file))]


def serve(folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """A start that is expected to fail."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    environment = clean | {"RINGBACK_DATA_DIR": str(folder), "RINGBACK_PORT": "0"} | settings
    return subprocess.run(
        [RINGBACK, "serve"], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that a server has worked with."""
    folder = tmp_path_factory.mktemp("used")
    with Program(folder) as program:
        assert program.stop() == 0
    return folder


@pytest.fixture
def folder(used: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-a", f"{used}/.", tmp_path], check=True)
    return tmp_path


def lose_the_secret_key(folder: Path) -> None:
    (folder / "secret.key").unlink()


def replace_the_secret_key(folder: Path) -> None:
    (folder / "secret.key").write_bytes(os.urandom(32))


def damage_the_secret_key(folder: Path) -> None:
    (folder / "secret.key").write_bytes(b"x")


def damage_the_secret_key_of_no_ledger(folder: Path) -> None:
    damage_the_secret_key(folder)
    for file in folder.glob("ringback.db*"):
        file.unlink()


def write_text_over_the_ledger(folder: Path) -> None:
    (folder / "ringback.db").write_text("This is no database. " * 1_000)


def clear_the_header(folder: Path) -> None:
    with (folder / "ringback.db").open("r+b") as file:
        file.write(bytes(100))


def overwrite_pages(folder: Path) -> None:
    noise = random.Random(8)
    with (folder / "ringback.db").open("r+b") as file:
        for page in range(1, os.fstat(file.fileno()).st_size // 4_096):
            file.seek(page * 4_096)
            file.write(noise.randbytes(4_096))


def make_it_newer(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ringback.db")) as connection:
        connection.execute("pragma user_version = 9999")


@pytest.mark.parametrize(
    ("harm", "hint"),
    [
        (lose_the_secret_key, "put back the copy"),
        (replace_the_secret_key, "Put back the file secret.key"),
        (damage_the_secret_key, "put back the copy"),
        (damage_the_secret_key_of_no_ledger, "put back the copy"),
        (write_text_over_the_ledger, "restore"),
        (clear_the_header, "restore"),
        (overwrite_pages, "restore"),
        (make_it_newer, "install that version"),
    ],
)
def test_doctor_fails_where_serve_does(folder: Path, harm: Callable[[Path], None], hint: str) -> None:
    harm(folder)
    before = {path.name for path in folder.iterdir()}
    said = [str(finding) for finding in examined(folder) if finding.grade is Grade.FAIL]
    assert len(said) == 1, said
    assert hint in said[0]
    assert "room on the disk" not in said[0]
    assert ("secret.key" in before) == (folder / "secret.key").exists(), "doctor makes no key"
    refused = serve(folder)
    assert refused.returncode == 2, refused.stderr
    assert "Traceback" not in refused.stderr
    assert "room on the disk" not in refused.stderr


def test_a_sound_folder_is_sound(folder: Path) -> None:
    findings = examined(folder)
    assert [finding.grade for finding in findings] == [Grade.OK, Grade.OK]
    assert "opens what the ledger holds" in findings[1].what


def test_a_new_folder_is_left_as_it_is(tmp_path: Path) -> None:
    findings = examined(tmp_path)
    assert [finding.grade for finding in findings] == [Grade.OK]
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_works_here_is_no_fault(tmp_path: Path) -> None:
    with Program(tmp_path, port=free_port()) as program:
        findings = examined(tmp_path)
        address = list(_port(load(None, {"data_dir": str(tmp_path), "port": program.port}), served=True))
    assert {finding.grade for finding in [*findings, *address]} == {Grade.OK}
    assert "server" in {finding.subject for finding in findings}


def test_the_port_of_another_ringback_is_a_fault(tmp_path: Path) -> None:
    with Program(tmp_path / "theirs", port=free_port()) as program:
        settings = load(None, {"data_dir": str(tmp_path / "ours"), "port": program.port})
        (address,) = _port(settings, served=False)
        refused = serve(tmp_path / "ours", RINGBACK_PORT=str(program.port))
    assert refused.returncode == 2
    assert address.grade is Grade.FAIL
    assert "RINGBACK_PORT" in address.fix
