"""Findings of `ringback doctor` about the database and the object store that nodes share."""

import time
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ringback.blobs import BlobKey, blob_store_at, single_chunk
from ringback.bootstrap.ledger import examine_database
from ringback.cli.doctor_ledger import secret_key
from ringback.cli.output import Finding, Grade
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.jobs.store import LedgerUnavailable
from ringback.settings import Settings

if TYPE_CHECKING:
    from ringback.bootstrap.ledger import Node  # there with the extra alone

OLDEST_SERVER = 15
SILENT_SECONDS, LISTED_SECONDS = 60.0, 3_600.0
"""Since a node's last sign of life: it has gone, or hangs; it is no longer worth a line."""
SLOW_QUESTION, SLOW_OBJECT = 0.01, 0.5
"""Seconds. Every accepted request waits for some of the one, and for one of the other."""


async def shared_store_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Nothing, where all lies in the data folder."""
    if settings.database_url:
        for finding in await _database(settings):
            yield finding
    if settings.blobs_url:
        yield await _objects(settings)


async def _database(settings: Settings) -> list[Finding]:
    try:
        found = await examine_database(settings)
    except Misconfigured as error:
        return [Finding(Grade.FAIL, "database", str(error))]
    except LedgerUnavailable as error:
        fix = "start PostgreSQL, or correct RINGBACK_DATABASE_URL; can this machine reach it?"
        if getattr(error.__cause__, "sqlstate", None):  # it was reached, and has said this
            fix = "PostgreSQL's log says more: has it connections left, and may it be written to?"
        return [Finding(Grade.FAIL, "database", str(error), fix)]
    what = f"PostgreSQL {found.server} answers in {found.seconds * 1000:.1f} ms"
    if found.server < OLDEST_SERVER:
        return [Finding(Grade.FAIL, "database", what, f"it must be {OLDEST_SERVER} or newer")]
    if found.seconds > SLOW_QUESTION:
        answer = Finding(Grade.WARN, "database", what, "every accepted request waits for it: move it nearer")
    else:
        answer = Finding(Grade.OK, "database", what)
    findings = [answer, _schema(found.schema, found.newest)]
    if found.schema == found.newest:
        findings.append(await secret_key(settings))
    findings.append(Finding(Grade.OK, "role", ", ".join(settings.role)))
    findings += [_node(node) for node in found.nodes if node.silent < LISTED_SECONDS]
    return findings


def _node(node: "Node") -> Finding:
    facts = node.facts
    who = f"{', '.join(facts.roles)} on {facts.host}, version {facts.version}"
    if node.silent < SILENT_SECONDS:
        return Finding(Grade.OK, "node", who)
    hint = "if it was stopped for good, nothing: what it had in work is taken up by the others"
    return Finding(Grade.WARN, "node", f"{who}, not heard of for {node.silent:.0f} s", hint)


def _schema(schema: int, newest: int) -> Finding:
    if schema > newest:
        what = f"version {schema}, made by a newer Ringback: this one knows {newest}"
        return Finding(Grade.FAIL, "schema", what, "install that version, or restore a backup")
    if schema < newest:
        what = f"version {schema} of {newest}" if schema else "there is none yet"
        return Finding(
            Grade.OK, "schema", what, "`ringback serve` brings it up to date; `ringback migrate` does now"
        )
    return Finding(Grade.OK, "schema", f"version {schema}, up to date")


async def _objects(settings: Settings) -> Finding:
    """Write, read and delete a small one."""
    key = BlobKey(f"doctor/{uuid.uuid4().hex}")
    started = time.monotonic()
    try:
        async with blob_store_at(settings.blobs_url, settings.data_path, SystemClock()) as blobs:
            await blobs.put(key, single_chunk(b"ringback doctor"))
            same = await blobs.get(key) == b"ringback doctor"
            await blobs.delete(key)
    except Misconfigured as error:
        return Finding(Grade.FAIL, "objects", str(error))
    except (OSError, KeyError) as error:
        fix = "check the bucket, its rights (read, write, delete, list), the credentials and the network"
        return Finding(Grade.FAIL, "objects", f"the object store does not serve: {error}", fix)
    seconds = time.monotonic() - started
    what = f"an object is written, read and deleted in {seconds * 1000:.0f} ms"
    if not same:
        return Finding(Grade.FAIL, "objects", "an object came back changed", "look at what lies in between")
    if seconds > SLOW_OBJECT:
        return Finding(Grade.WARN, "objects", what, "every accepted upload waits for it: choose a nearer one")
    return Finding(Grade.OK, "objects", what)
