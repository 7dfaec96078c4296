"""A server that is started before what it stands on: it waits, says so, and can be stopped meanwhile."""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ringback.settings import Settings
from support.ports import free_port
from support.postgres import PostgresServer, servers
from support.program import RINGBACK
from support.waiting import PATIENCE


@contextmanager
def starting(folder: Path, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    environment = clean | {
        "RINGBACK_DATA_DIR": str(folder),
        "RINGBACK_PORT": "0",
        "RINGBACK_LOG_FORMAT": "json",
        **settings,
    }
    with subprocess.Popen([RINGBACK, "serve"], env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def event(process: "subprocess.Popen[str]", name: str) -> dict[str, Any]:
    """The next event of this name."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{") and (found := json.loads(line))["event"] == name:
            return dict(found)
    raise AssertionError(f"it ended without {name}")


def with_database(url: str, folder: Path) -> dict[str, str]:
    return {
        "RINGBACK_DATABASE_URL": url,
        "RINGBACK_BLOBS_URL": f"file://{folder}/blobs",
        "RINGBACK_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "RINGBACK_ROLE": "deliver",
    }


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer(next(iter(servers().values()))) as server:
        yield server


def test_a_node_waits_for_postgres_and_then_serves(postgres: PostgresServer, tmp_path: Path) -> None:
    postgres.stop()
    with starting(tmp_path, **with_database(postgres.url(), tmp_path)) as process:
        waiting = event(process, "start.waiting")
        assert (waiting["name"], waiting["level"]) == ("ledger", "warning")
        assert 0 < waiting["gives_up_in"] <= Settings().limits.start_seconds
        postgres.start()
        event(process, "server.listening")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_node_that_waits_can_be_stopped(tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with starting(tmp_path, **with_database(url, tmp_path)) as process:
        event(process, "start.waiting")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("what", ["ledger", "blobs"])
def test_a_node_that_waited_in_vain_says_for_what(tmp_path: Path, what: str) -> None:
    if what == "ledger":
        settings = with_database(f"postgresql://nobody@127.0.0.1:{free_port()}/none", tmp_path)
        hint = "does PostgreSQL run"
    else:
        url = f"s3://b/p?endpoint=http://127.0.0.1:{free_port()}&allow_http=true"
        settings = {"RINGBACK_BLOBS_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        hint = "check its endpoint"
    with starting(tmp_path, RINGBACK_LIMITS_START_SECONDS="0", **settings) as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert hint in said
    assert "Traceback" not in said


def test_a_ledger_that_another_program_has_locked_is_waited_for(tmp_path: Path) -> None:
    with starting(tmp_path) as process:
        event(process, "server.listening")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    with closing(sqlite3.connect(tmp_path / "ringback.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        with starting(tmp_path) as process:
            waiting = event(process, "start.waiting")
            assert "locked" in waiting["error"]
            other.execute("rollback")
            event(process, "server.listening")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
