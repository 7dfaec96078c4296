"""A disk that runs full under uploads: new work is refused, what was accepted ends, and then all goes on."""

import subprocess
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest

from support.program import Program
from support.receiver import Receiver

DISK = 48 << 20
RESERVE = 24 << 20
RECORDING = 8 << 20
"""Bytes; three of them reach the reserve, before a sweep makes room again."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def silence() -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(bytes(RECORDING))
    return file.getvalue()


@pytest.mark.chaos
def test_what_was_accepted_ends_on_a_full_disk(small_disk: Path) -> None:
    settings = {"RINGBACK_LIMITS_DISK_RESERVE_BYTES": str(RESERVE)}
    recording = silence()
    with Program(small_disk, settings) as program, Receiver() as receiver:
        query = f"callback={quote(receiver.url)}"
        replies = [program.listen(recording, query) for _ in range(12)]
        accepted = {reply.json()["request_id"] for reply in replies if reply.status == 200}
        refused = [reply for reply in replies if reply.status == 503]
        assert accepted
        assert refused, "the disk never ran into its reserve"
        assert len(accepted) + len(refused) == len(replies)
        assert all(int(reply.headers["retry-after"]) > 0 for reply in refused)

        arrived = receiver.wait_for(lambda received: len(received) >= len(accepted))
        assert {callback.headers["dg-request-id"] for callback in arrived} == accepted
        assert {callback.headers["ringback-status"] for callback in arrived} == {"200"}
        program.wait_until(lambda: program.listen(recording, query).status == 200, 60, "no room again")
        print(f"{len(accepted)} accepted and delivered, {len(refused)} refused")
