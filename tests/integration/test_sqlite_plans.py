"""The hot statements walk along their indexes, whatever the number of rows: SQLite's own plans say so."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.schema import connect, prepare

WRITES = {
    **load("batches.sql"),
    **load("claims.sql"),
    **load("upkeep.sql"),
    **load("retention.sql"),
    **load("usage.sql"),
}
READS = {**load("reads.sql"), **load("pages.sql"), **load("retention.sql")}


JOBS, LIVE = 1_000_000, 200_000

FILL = f"""
pragma synchronous = off;
begin;
create temp table n as with recursive n (n) as (select 1 union all select n + 1 from n where n < {JOBS})
    select n from n;
insert into lane (id, kind, name, cap, next_due)
    select n, 'deliver', 'host ' || n, 4, 1 from n where n <= 1000;
insert into job (number, id, kind, lane, project, payload, method, tags, created_at)
    select n, 'job ' || n, 'deliver', 1 + n % 1000, 'p', x'', 'sync', '[]', n from n;
insert into live_job (number, lane, state, tries, losses, due_at, token, weight)
    select number, lane, 'queued', 0, 0, number, 0, 0 from job where number > {JOBS - LIVE};
insert into ended_job (number, kind, project, lane, state, tries, losses, due_at, token, finished_at, code)
    select number, kind, project, lane, iif(number % 1000, 'done', 'parked'), 1, 0, number, 1, number,
        iif(number % 1000, 200, 503)
    from job where number <= {JOBS - LIVE};
insert into usage_hour
    select 'p' || (n % 100), n / 100, 'k', 'listen', 'sync', 'm', '', 'en', '[]', '[]', '[]', 1, 1, 1.0, 1.0,
        0, 0
    from n where n <= 200000;
commit;
"""


@pytest.fixture(scope="module", params=["as it was made", "with a million jobs and their statistics"])
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    """Without statistics SQLite plans from the schema alone, however many rows there are; an operator's
    `analyze` must not lead it astray either."""
    path = tmp_path_factory.mktemp("plans") / "ledger.db"
    prepare(path)
    with closing(connect(path)) as connection:
        if request.param != "as it was made":
            connection.executescript(FILL)
            connection.execute("analyze")
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
        ("lanes_by_name", ["sqlite_autoindex_lane_1 (kind=? AND name=?)"]),
        ("lanes_by_id", ["lane USING INTEGER PRIMARY KEY"]),
        ("ready_lanes", ["USING INDEX lane_ready (kind=? AND ready_at<?)"]),
        ("due_jobs", ["INDEX live_job_queued (lane=? AND due_at<?)", "job USING INTEGER PRIMARY KEY"]),
        ("lease_job", ["live_job USING INTEGER PRIMARY KEY"]),
        ("lane_served", ["lane USING INTEGER PRIMARY KEY", "COVERING INDEX live_job_queued (lane=?)"]),
        ("find_next_due", ["lane USING INTEGER PRIMARY KEY", "COVERING INDEX live_job_queued (lane=?)"]),
        ("change_lane", ["lane USING INTEGER PRIMARY KEY"]),
        ("live_jobs", ["sqlite_autoindex_job_1 (id=?)", "live_job USING INTEGER PRIMARY KEY"]),
        ("move_live", ["live_job USING INTEGER PRIMARY KEY"]),
        ("leave_live", ["live_job USING INTEGER PRIMARY KEY"]),
        ("next_in_sequence", ["live_job_in_turn (sequence=?)", "live_job_by_sequence (sequence=?)"]),
        ("whole_sequence", ["live_job_by_sequence (sequence=?)", "job USING INTEGER PRIMARY KEY"]),
        ("parked_jobs", ["sqlite_autoindex_job_1 (id=?)", "ended_job USING INTEGER PRIMARY KEY"]),
        ("leave_parked", ["ended_job USING INTEGER PRIMARY KEY"]),
        ("usages", ["usage USING PRIMARY KEY (accessor=? AND kind=?)"]),
        ("known_keys", ["idempotency_key USING PRIMARY KEY (accessor=? AND key=?)"]),
        ("number_of", ["sqlite_autoindex_job_1 (id=?)"]),
        ("strip_end", ["ended_job USING INTEGER PRIMARY KEY", "sqlite_autoindex_job_1 (id=?)"]),
        ("old", ["ended_job_by_age (stripped=? AND kind=? AND finished_at>? AND finished_at<?)"]),
        ("childless", ["job USING INTEGER PRIMARY KEY", "job_by_parent (parent=?)"]),
        ("drop_attempts", ["attempt USING PRIMARY KEY (job=?)"]),
        ("drop_keys", ["idempotency_key_by_job (job=?)"]),
        ("drop_end", ["ended_job USING INTEGER PRIMARY KEY"]),
        ("drop_job", ["idempotency_key_by_job (job=?)", "attempt USING PRIMARY KEY (job=?)"]),
        ("drop_lane", ["lane USING INTEGER PRIMARY KEY", "job_by_lane (lane=?)"]),
        ("drop_usage", ["usage USING PRIMARY KEY (accessor=? AND kind=?)"]),
        ("drop_secrets", ["signing_secret_by_key (key=?)", "usage USING PRIMARY KEY (accessor=?)"]),
        (
            "drop_old_keys",
            ["idempotency_key_by_age (until<?)", "idempotency_key USING PRIMARY KEY (accessor=? AND key=?)"],
        ),
        ("expired_leases", ["INDEX live_job_leased (lease_until<?)", "job USING INTEGER PRIMARY KEY"]),
        ("subtract", ["usage_hour USING PRIMARY KEY (project=? AND hour=? AND accessor=? AND endpoint=?"]),
        ("drop_empty", ["usage_hour USING PRIMARY KEY (project=? AND hour=? AND accessor=?)"]),
        ("forget", ["usage_hour USING PRIMARY KEY (project=? AND hour<?)"]),
        ("forget_project", ["usage_hour USING PRIMARY KEY (project=?)"]),
    ],
)
def test_writes_search_and_do_not_scan(ledger: sqlite3.Connection, name: str, walks: list[str]) -> None:
    steps = plan(ledger, WRITES[name])
    for walk in walks:
        assert any(walk in step for step in steps), steps
    made = ("SCAN given", "SCAN json_each", "SCAN next", "SCAN old", "SCAN (subquery")
    scanned = [step for step in steps if step.startswith("SCAN") and not step.startswith(made)]
    assert not [*scanned, *(step for step in steps if "TEMP B-TREE" in step and "UNION" not in step)]


@pytest.mark.parametrize(
    ("name", "walks"),
    [
        ("job_by_id", ["sqlite_autoindex_job_1 (id=?)"]),
        ("jobs_by_parent", ["job_by_parent (parent=?)"]),
        ("walk_children", ["COVERING INDEX job_by_parent (parent=? AND rowid>? AND rowid<?)"]),
        ("waiting", ["COVERING INDEX live_job_by_sequence (sequence=?)"]),
        ("ended", ["ended_job_by_age (stripped=? AND kind=? AND finished_at<?)"]),
        ("walk_all", ["COVERING INDEX job_by_project (project=? AND kind=? AND number>? AND number<?)"]),
        ("walk_lane", ["COVERING INDEX job_by_lane (lane=? AND rowid>? AND rowid<?)"]),
        ("walk_live", ["live_job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]),
        (
            "walk_apart",
            ["COVERING INDEX ended_job_apart (project=? AND kind=? AND state=? AND rowid>? AND rowid<?)"],
        ),
        (
            "walk_apart_by_lane",
            ["COVERING INDEX ended_job_apart_by_lane (lane=? AND state=? AND rowid>? AND rowid<?)"],
        ),
        (
            "walk_code",
            ["COVERING INDEX ended_job_by_code (project=? AND kind=? AND code=? AND rowid>? AND rowid<?)"],
        ),
        ("walk_live_code", ["COVERING INDEX live_job_by_code (code=? AND rowid>? AND rowid<?)"]),
        ("walk_failed", ["ended_job_failed (project=? AND kind=? AND rowid>? AND rowid<?)"]),
        ("matching", ["SCAN candidate", "job USING INTEGER PRIMARY KEY"]),
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


def test_a_list_of_what_is_in_work_reads_only_leases(ledger: sqlite3.Connection) -> None:
    steps = plan(ledger, READS["walk_leased"])
    assert any("live_job USING" in step and "live_job_leased" in step for step in steps), steps


def test_counting_what_waits_reads_the_index_alone(ledger: sqlite3.Connection) -> None:
    steps = plan(ledger, READS["queued_by_kind"])
    assert any("USING COVERING INDEX live_job_queued" in step for step in steps), steps


def test_counting_use_anew_reads_the_live_jobs_alone(ledger: sqlite3.Connection) -> None:
    steps = plan(ledger, WRITES["recount_usage"])
    assert steps[0].startswith("SCAN live_job")
    assert any("job USING INTEGER PRIMARY KEY" in step for step in steps), steps


@pytest.mark.parametrize(
    ("name", "walks"),
    [
        ("parked_by_kind", ["ended_job USING COVERING INDEX ended_job_apart"]),
        (
            "lane_reports",
            [
                "live_job_queued (lane=?",
                "ended_job_apart_by_lane (lane=? AND state=?)",
                "job_by_lane (lane=?)",
            ],
        ),
        ("lane_standing", ["lane"]),
    ],
)
def test_what_lanes_do_is_counted_along_indexes(
    ledger: sqlite3.Connection, name: str, walks: list[str]
) -> None:
    steps = plan(ledger, READS[name])
    for walk in walks:
        assert any(walk in step for step in steps), steps
    tables = ("job", "live_job", "ended_job", "attempt")
    assert not [step for step in steps if step in {f"SCAN {table}" for table in tables}], steps


def test_counting_leases_reads_only_leases(ledger: sqlite3.Connection) -> None:
    steps = plan(ledger, READS["leased_by_kind"])
    assert any("live_job USING" in step and "live_job_leased" in step for step in steps), steps


@pytest.mark.parametrize("name", ["daily_usage", "used_labels"])
def test_usage_reads_the_hours_of_one_project_alone(ledger: sqlite3.Connection, name: str) -> None:
    steps = plan(ledger, WRITES[name])
    assert any("usage_hour USING PRIMARY KEY (project=? AND hour>? AND hour<?)" in step for step in steps), (
        steps
    )
    assert not [step for step in steps if step == "SCAN usage_hour"], steps
