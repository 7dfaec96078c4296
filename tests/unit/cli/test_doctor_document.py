"""`ringback doctor --json`, and what it says of the clock."""

from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import msgspec
import pytest
from click.testing import CliRunner

from ringback import __version__
from ringback.blobs import BlobKey, FolderBlobStore, packs, single_chunk
from ringback.cli import main
from ringback.cli.doctor import _clock
from ringback.cli.doctor_packs import pack_findings
from ringback.cli.output import Grade
from ringback.settings import Settings


def test_the_document_has_every_finding_and_the_verdict(tmp_path: Path) -> None:
    config = tmp_path / "ringback.toml"
    config.write_text("prot = 8080\n")
    ran = CliRunner().invoke(main, ["doctor", "--json", "--config", str(config)])
    assert ran.exit_code == 1
    document = msgspec.json.decode(ran.stdout)
    assert (document["version"], document["can_start"]) == (__version__, False)
    assert document["verdict"] == "The server cannot start like this."
    found = {finding["subject"]: finding for finding in document["findings"]}
    assert list(found) == ["version", "clock", "settings"]
    assert found["settings"]["grade"] == "fail"
    assert "did you mean 'port'" in found["settings"]["what"]


def test_a_clock_that_was_never_set_is_seen() -> None:
    assert _clock(datetime(1970, 1, 1, tzinfo=UTC)).grade is Grade.WARN
    assert _clock(datetime.now(UTC)).grade is Grade.OK


async def test_small_recordings_that_are_damaged_are_found(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    assert list(pack_findings(settings)) == []
    async with FolderBlobStore(tmp_path / "blobs") as blobs:
        await blobs.put(BlobKey("audio/1"), single_chunk(b"words"), limit=100)
        [good] = pack_findings(settings)
        assert (good.grade, good.what[:5]) == (Grade.OK, "1 sma")
        [pack] = (tmp_path / "blobs" / packs.PACKS).glob("0*")
        pack.write_bytes(pack.read_bytes().replace(b"words", b"wards"))
        [bad] = pack_findings(settings)
        assert (bad.grade, bad.what[:6]) == (Grade.WARN, "1 of 1")


def test_a_file_system_without_holes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "punch_hole", Mock(side_effect=OSError))
    [finding] = pack_findings(Settings(data_dir=str(tmp_path)))
    assert finding.grade is Grade.WARN
    assert "ext4" in finding.fix
