"""`ringback backup`, beside a server at work: consistent, private, and enough to start again with."""

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from ringback.blobs import BlobKey, FolderBlobStore, single_chunk
from ringback.blobs.packs import PACKS
from ringback.blobs.snapshot import snapshot
from support.blobs import bytes_below, keys_of
from support.cluster import scripted
from support.program import RINGBACK, Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE

AUDIO = (Path(__file__).parent.parent / "audio" / "librivox_0880.flac").read_bytes()


def backup(data_dir: Path, target: Path, umask: int = 0o022) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    return subprocess.run(
        [RINGBACK, "backup", "--data-dir", data_dir, target],
        env=clean,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        umask=umask,
        check=False,
    )


def test_what_was_accepted_before_a_backup_is_delivered_from_it(tmp_path: Path) -> None:
    ready = threading.Event()

    def answer(_: Received) -> int:
        return 200 if ready.is_set() else 503

    settings = {"RINGBACK_CALLBACK_RETRY_DELAY": "0.5", "RINGBACK_CALLBACK_RETRIES": "1000"}
    target = tmp_path / "backups" / "today"
    with Receiver(answer) as receiver:
        with Program(tmp_path / "data", settings) as program:
            accepted = [
                program.listen(AUDIO, f"callback={receiver.url}").json()["request_id"] for _ in range(8)
            ]
            done = backup(program.data_dir, target)
            assert done.returncode == 0, done.stderr
            program.kill()
        assert list((tmp_path / "data" / "blobs" / "incoming").iterdir()) == []
        ready.set()
        with Program(target, settings) as restored:
            arrived = receiver.wait_for(
                lambda all_: set(accepted) <= {each.headers["dg-request-id"] for each in all_[-99:]}
            )
            assert restored.get(f"/v1/projects/{restored.project}/keys").status == 200, "the old key works"
            assert restored.stop() == 0
    said = {each.headers["dg-request-id"]: each.headers["ringback-status"] for each in arrived}
    assert {said[request_id] for request_id in accepted} == {"200"}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("used")
    with Program(folder) as program:
        assert program.listen(AUDIO).status == 200
        assert program.stop() == 0
    (folder / "ringback.toml").write_text("# of the operator\n")
    return folder


def test_only_its_owner_can_read_it_whatever_the_umask(used: Path, tmp_path: Path) -> None:
    done = backup(used, tmp_path / "copy", umask=0)
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(tmp_path / "copy"): path for path in (tmp_path / "copy").rglob("*")}
    assert {str(name) for name in found} >= {"ringback.db", "secret.key", "ringback.toml", "blobs"}
    for path in (tmp_path / "copy", *found.values()):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    assert not [name for name in found if "unfinished" in str(name)]


def test_a_folder_in_use_is_refused(used: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = backup(used, tmp_path)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_ledger_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    done = backup(tmp_path / "nothing", tmp_path / "copy")
    assert done.returncode == 2
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_ledger_makes_no_backup(used: Path, tmp_path: Path) -> None:
    subprocess.run(["cp", "-a", f"{used}/.", tmp_path / "data"], check=True)
    with (tmp_path / "data" / "ringback.db").open("r+b") as file:
        file.seek(5 * 4096)
        file.write(os.urandom(4 * 4096))
    done = backup(tmp_path / "data", tmp_path / "copy")
    assert done.returncode == 2, done.stderr
    assert "ackup" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "copy" / "ringback.db").exists()


def test_a_waiting_recording_that_is_lost_is_reported(tmp_path: Path) -> None:
    """The server is killed with recordings that wait, and one of them is deleted behind its back."""
    settings = {"RINGBACK_MODEL": scripted(tmp_path, "never said", delay=600)}
    with Receiver(lambda _: 503) as receiver, Program(tmp_path / "data", settings) as program:
        for _ in range(4):
            program.listen(AUDIO, f"callback={receiver.url}")
        program.kill()  # before any is recognised
    for pack in (tmp_path / "data" / "blobs" / PACKS).glob("0*"):
        pack.unlink()
    done = backup(tmp_path / "data", tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    assert "4 recordings" in done.stderr
    assert "are lost" in done.stderr


def test_a_snapshot_keeps_what_is_deleted_and_leaves_nothing(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "first").write_bytes(b"1")
    with snapshot(tmp_path) as links:
        links.take()
        (audio / "first").unlink()
        (audio / "second").write_bytes(b"22")
        links.take()
        assert links.sizes() == {"audio/first": 1, "audio/second": 2}
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_a_snapshot_keeps_what_is_deleted_from_a_pack(tmp_path: Path) -> None:
    keys = [BlobKey(f"audio/{number}") for number in range(3)]
    async with FolderBlobStore(tmp_path) as blobs:
        await blobs.put(keys[0], single_chunk(b"first"), limit=100)
        with snapshot(tmp_path) as links:
            links.take()
            await blobs.delete(keys[0])
            await blobs.put(keys[1], single_chunk(b"second"), limit=100)
            links.take()
            assert links.sizes() == {keys[0]: 5, keys[1]: 6}
            assert (links.holds(keys[0]), links.holds(keys[2])) == (True, False)
            with links.open(keys[0]) as first, links.open(keys[1]) as second:
                assert (first.read(), second.read()) == (b"first", b"second")
            with pytest.raises(KeyError):
                await blobs.get(keys[0])
        assert await keys_of(blobs, "audio") == [keys[1]]
        assert b"first" not in bytes_below(tmp_path)
