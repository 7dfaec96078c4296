"""`ringback doctor --json`, and what it says of the clock."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from click.testing import CliRunner

from ringback import __version__
from ringback.cli import main
from ringback.cli.doctor import _clock
from ringback.cli.output import Grade


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
