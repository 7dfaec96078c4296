"""Findings of `ringback doctor` about the ledger in the data folder and its secret key."""

from collections.abc import Iterator
from pathlib import Path

from ringback.bootstrap.ledger import SQLITE_FILE, LedgerFileReport, examine_ledger_file, open_beside
from ringback.callbacks.signers import SERVER, Signers
from ringback.cli.output import Finding, Grade
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.jobs.store import LedgerUnavailable
from ringback.sealing import SECRET_KEY_FILE, Seal
from ringback.settings import Settings

SERVED = "server"
"""The subject of the finding that a server works with this data folder now."""

RESTORE = "restore the last backup of it (docs/operations.md), or move it away to begin anew"


def ledger_findings(settings: Settings) -> tuple[list[Finding], LedgerFileReport | None]:
    """Findings, and the file, where there is one that can be read; nothing for a ledger in PostgreSQL."""
    if settings.database_url:
        return [], None
    path = settings.data_path / SQLITE_FILE
    if not path.exists():
        return [Finding(Grade.OK, "ledger", "there is none yet: the first start makes it")], None
    try:
        file = examine_ledger_file(settings)
    except (Misconfigured, LedgerUnavailable) as error:  # each says its fix
        return [Finding(Grade.FAIL, "ledger", str(error))], None
    return list(_file_findings(file, path)), file


async def secret_key_findings(settings: Settings, ledger: LedgerFileReport | None) -> list[Finding]:
    """Whether the secret key opens what the ledger holds; where that cannot be tried, whether it is a key."""
    if ledger is not None and ledger.schema == ledger.newest and not ledger.damage:
        return [await secret_key(settings)]
    file = settings.data_path / SECRET_KEY_FILE
    if not settings.database_url and not settings.secret_key and file.exists():
        try:
            Seal.of(settings.secret_key, file)
        except Misconfigured as error:
            return [Finding(Grade.FAIL, "secret key", str(error))]
    return []


async def secret_key(settings: Settings) -> Finding:
    """Whether the secret key opens what the ledger holds. The ledger must have the newest schema."""
    clock = SystemClock()
    file = settings.data_path / SECRET_KEY_FILE
    try:
        async with await open_beside(settings, clock) as ledger:
            if not settings.secret_key and not file.exists():
                if await ledger.signing_secrets(SERVER, clock.now()):
                    return Finding(
                        Grade.FAIL,
                        "secret key",
                        f"{file} is gone, and the ledger was sealed with it",
                        "put back the copy that was made of it, or set RINGBACK_SECRET_KEY to what it was",
                    )
                return Finding(Grade.OK, "secret key", "there is none yet: the first start makes it")
            sealed = await Signers(ledger, Seal.of(settings.secret_key, file), clock).check()
    except Misconfigured as error:
        return Finding(Grade.FAIL, "secret key", str(error))
    except LedgerUnavailable as error:
        return Finding(Grade.FAIL, "secret key", f"it could not be compared with the ledger: {error}")
    return Finding(Grade.OK, "secret key", "opens what the ledger holds" if sealed else "well formed")


def _file_findings(file: LedgerFileReport, path: Path) -> Iterator[Finding]:
    if file.schema > file.newest:
        what = f"{path} was written by a newer Ringback (schema {file.schema}; this one knows {file.newest})"
        yield Finding(Grade.FAIL, "ledger", what, "install that version, or restore a backup")
    elif file.damage is not None:
        yield Finding(Grade.FAIL, "ledger", f"{path} is damaged: {file.damage}", RESTORE)
    elif file.schema < file.newest:
        what = f"schema {file.schema} of {file.newest}"
        yield Finding(Grade.OK, "ledger", what, "the next start brings it up to date: take a backup before")
    else:
        checked = "whole" if file.checked_whole else "sound as far as ten seconds of checking went"
        yield Finding(Grade.OK, "ledger", f"schema {file.schema}, up to date, {checked}")
    if file.served:
        yield Finding(Grade.OK, SERVED, f"one works with {path.parent} now")
