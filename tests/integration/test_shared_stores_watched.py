"""The ledger and the blob store that nodes share: the wrong one is refused, and one that is away is told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.postgres import PostgresServer, servers
from support.program import RINGBACK, Program
from support.waiting import PATIENCE

AUDIO = (Path(__file__).parent.parent / "audio" / "librivox_0880.flac").read_bytes()


def refused(data_dir: Path, share: Path) -> str:
    """What a start says that must not succeed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    settings = {
        "RINGBACK_DATA_DIR": str(data_dir),
        "RINGBACK_PORT": "0",
        "RINGBACK_BLOBS_URL": f"file://{share}",
    }
    done = subprocess.run(
        [RINGBACK, "serve"],
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_another_store_is_refused_and_an_unmounted_one_takes_nothing(tmp_path: Path) -> None:
    share = tmp_path / "share"
    with Program(tmp_path / "data", {"RINGBACK_BLOBS_URL": f"file://{share}"}) as program:
        assert program.listen(AUDIO).status == 200
        share.rename(tmp_path / "unmounted")
        (share / "incoming").mkdir(parents=True)

        def status() -> int:
            return program.get("/v1/status").status

        program.wait_until(lambda: status() == 503, PATIENCE, "it was not noticed")
        assert "blobs_url" in program.get("/v1/status").json()["reason"]
        assert program.metric("ringback_blob_store_up") == 0
        taken = program.listen(AUDIO)
        assert taken.status == 503
        assert int(taken.headers["retry-after"]) > 0
        assert not any((share / "incoming").iterdir())
        shutil.rmtree(share)
        (tmp_path / "unmounted").rename(share)
        program.wait_until(lambda: status() == 200, PATIENCE, "it does not come back")
        assert program.metric("ringback_blob_store_up") == 1
        assert program.listen(AUDIO).status == 200
        assert program.stop() == 0
    assert "not mounted" in refused(tmp_path / "data", tmp_path / "another")
    assert "another installation" in refused(tmp_path / "new", share)


@pytest.fixture
def postgres() -> "PostgresServer":
    return PostgresServer(next(iter(servers().values())))


def test_with_the_database_down_a_node_says_so_and_still_counts(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    settings = {
        "RINGBACK_BLOBS_URL": f"file://{tmp_path}/share",
        "RINGBACK_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "RINGBACK_ROLE": "deliver",
    }
    with (
        postgres,
        Program(tmp_path / "data", {"RINGBACK_DATABASE_URL": postgres.url(), **settings}) as program,
    ):
        assert program.get("/v1/status").status == 200
        assert program.metric("ringback_ledger_up") == 1
        postgres.stop()
        status = program.get("/v1/status")
        assert status.status == 503
        assert status.json()["reason"] == "the ledger cannot be read"
        assert program.get("/metrics").status == 200
        assert program.metric("ringback_ledger_up") == 0
        postgres.start()
        program.wait_until(lambda: program.get("/v1/status").status == 200, 60, "it does not come back")
