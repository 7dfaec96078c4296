"""The hot statements walk along their indexes, whatever the number of rows: SQLite's own plans say so."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.schema import connect, prepare

TRANSITIONS = load("transitions.sql")
READS = load("reads.sql")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """An empty ledger: without statistics SQLite plans from the schema alone, as it does in service."""
    path = tmp_path_factory.mktemp("plans") / "ledger.db"
    prepare(path)
    with closing(connect(path)) as connection:
        yield connection


def plan(ledger: sqlite3.Connection, statement: str) -> list[str]:
    """One line per step, with every parameter bound to null: as unknown as it is in service."""
    marks = statement.count("?")
    names = set(re.findall(r":(\w+)", statement))
    parameters = (None,) * marks if marks else dict.fromkeys(names)
    rows = ledger.execute(f"explain query plan {statement}", parameters)
    return [str(row[3]) for row in rows]


@pytest.mark.parametrize(
    ("name", "walks"),
    [
        ("lane_by_name", ["sqlite_autoindex_lane_1 (kind=? AND name=?)"]),
        ("ready_lanes", ["USING INDEX lane_ready (kind=? AND ready_at<?)"]),
        ("due_jobs", ["INDEX live_job_queued (lane=? AND due_at<?)", "job USING INTEGER PRIMARY KEY"]),
        ("lease_job", ["live_job USING INTEGER PRIMARY KEY"]),
        ("lane_served", ["lane USING INTEGER PRIMARY KEY", "COVERING INDEX live_job_queued (lane=?)"]),
        ("lane_first_due", ["lane USING INTEGER PRIMARY KEY", "COVERING INDEX live_job_queued (lane=?)"]),
        ("leased_job", ["sqlite_autoindex_job_1 (id=?)", "live_job USING INTEGER PRIMARY KEY"]),
        ("leave_leased", ["sqlite_autoindex_job_1 (id=?)", "live_job USING INTEGER PRIMARY KEY"]),
        ("live_job", ["sqlite_autoindex_job_1 (id=?)", "live_job USING INTEGER PRIMARY KEY"]),
        ("parked_job", ["sqlite_autoindex_job_1 (id=?)", "ended_job USING INTEGER PRIMARY KEY"]),
        ("extend_lease", ["live_job USING INTEGER PRIMARY KEY", "sqlite_autoindex_job_1 (id=?)"]),
        ("requeue_leased", ["live_job USING INTEGER PRIMARY KEY"]),
        ("leave_live", ["live_job USING INTEGER PRIMARY KEY"]),
        ("lane_released", ["lane USING INTEGER PRIMARY KEY"]),
        ("lane_health", ["lane USING INTEGER PRIMARY KEY"]),
        ("lane_settled", ["lane USING INTEGER PRIMARY KEY"]),
        ("expired_leases", ["INDEX live_job_leased (lease_until<?)", "job USING INTEGER PRIMARY KEY"]),
    ],
)
def test_writes_search_and_do_not_scan(ledger: sqlite3.Connection, name: str, walks: list[str]) -> None:
    steps = plan(ledger, TRANSITIONS[name])
    for walk in walks:
        assert any(walk in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("name", "walks"),
    [
        ("job_by_id", ["sqlite_autoindex_job_1 (id=?)"]),
        ("jobs_by_parent", ["job_by_parent (parent=?)"]),
        ("page", ["job_by_project (project=? AND kind=? AND number>? AND number<?)"]),
        ("attempts", ["attempt USING PRIMARY KEY (job=?)"]),
        ("next_ready", ["lane_ready (kind=?"]),
    ],
)
def test_reads_search_and_do_not_scan(ledger: sqlite3.Connection, name: str, walks: list[str]) -> None:
    steps = plan(ledger, READS[name])
    for walk in walks:
        assert any(walk in step for step in steps), steps
    tables = ("job", "live_job", "ended_job", "lane", "attempt")
    assert not [step for step in steps if step in {f"SCAN {table}" for table in tables}], steps
    assert not [step for step in steps if "TEMP B-TREE" in step], steps


def test_counting_what_waits_reads_the_index_alone(ledger: sqlite3.Connection) -> None:
    steps = plan(ledger, READS["queued_by_kind"])
    assert any("USING COVERING INDEX live_job_queued" in step for step in steps), steps


def test_counting_leases_reads_only_leases(ledger: sqlite3.Connection) -> None:
    steps = plan(ledger, READS["leased_by_kind"])
    assert any("live_job USING" in step and "live_job_leased" in step for step in steps), steps
