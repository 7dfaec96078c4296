"""What `ringback doctor` advises fits the fault that it found."""

import errno
import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from ringback.cli import doctor, doctor_cluster
from ringback.cli.doctor_ledger import ledger_findings
from ringback.cli.output import Grade
from ringback.jobs.store import LedgerUnavailable
from ringback.settings import Settings
from ringback.storage.sqlite import examination
from ringback.storage.sqlite.schema import prepare


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a data folder with a ledger."""
    prepare(tmp_path / "ringback.db")
    (tmp_path / "ringback.db.lock").touch()
    return Settings(data_dir=str(tmp_path))


def ledger_fault(settings: Settings) -> str:
    [finding], file = ledger_findings(settings)
    assert (finding.grade, file) == (Grade.FAIL, None)
    return str(finding)


def test_a_lock_that_cannot_be_had_is_no_matter_of_backups(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    said = ledger_fault(settings)
    assert "file system with locks" in said
    assert "backup" not in said


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_CANTOPEN, "rights of its folder"),
        (sqlite3.SQLITE_READONLY, "correct the rights"),
        (sqlite3.SQLITE_IOERR, "look at the disk"),
        (sqlite3.SQLITE_PROTOCOL, "file system with locks"),
        (sqlite3.SQLITE_NOMEM, "more memory"),
        (sqlite3.SQLITE_BUSY, "end the process"),
        (sqlite3.SQLITE_FULL, "make room"),
    ],
)
def test_a_ledger_that_is_whole_is_not_to_be_restored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int, advice: str
) -> None:
    def fail(path: Path) -> None:
        error = sqlite3.OperationalError("it failed")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(examination, "connect_for_reading", fail)
    said = ledger_fault(settings)
    assert advice in said
    assert "restore" not in said


def test_a_file_that_is_no_ledger_is_restored(settings: Settings) -> None:
    path = settings.data_path / "ringback.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = delete")
    path.write_text("This is no database. " * 1_000)
    assert "restore a backup" in ledger_fault(settings)


@pytest.mark.parametrize(
    ("code", "advice"), [(errno.ENOSPC, "free some below"), (errno.EIO, "the disk's health")]
)
def test_a_full_disk_needs_room(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int, advice: str
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(doctor, "sync", fail)
    [finding] = doctor._folder(settings)
    assert finding.grade is Grade.FAIL
    assert advice in finding.fix


def test_an_address_of_another_machine_is_no_matter_of_ports() -> None:
    [finding] = doctor._port(Settings(host="192.0.2.1", port=0), served=False)
    assert finding.grade is Grade.FAIL
    assert "RINGBACK_HOST" in finding.fix


@pytest.mark.parametrize(
    ("cause", "advice"), [(OSError("refused"), "start PostgreSQL"), (None, "PostgreSQL's log")]
)
async def test_a_database_that_answers_need_not_be_started(
    monkeypatch: pytest.MonkeyPatch, cause: OSError | None, advice: str
) -> None:
    class Refused(Exception):
        sqlstate = "53300"

    fault = LedgerUnavailable("too many clients")
    fault.__cause__ = cause or Refused()
    monkeypatch.setattr(doctor_cluster, "examine_database", AsyncMock(side_effect=fault))
    [finding] = await doctor_cluster._database(Settings(database_url="postgresql://host/name"))
    assert finding.grade is Grade.FAIL
    assert advice in finding.fix
