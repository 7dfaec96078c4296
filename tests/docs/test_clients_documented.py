"""docs/clients.md names the versions of the clients that the suite runs."""

import json
import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_every_tested_version_is_named() -> None:
    groups = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]
    others = [*groups["livekit"], *groups["pipecat"], *_of(groups["dev"], "deepctl")]
    sdks = [entry.partition("==")[2] for entry in [*_of(groups["dev"], "deepgram-sdk"), *groups["deepgram5"]]]
    package = json.loads((REPOSITORY / "tests" / "contract" / "js" / "package.json").read_text())
    text = (REPOSITORY / "docs" / "clients.md").read_text()
    assert f"| {', '.join(sdks)} |" in text
    assert f"| {package['dependencies']['@deepgram/sdk']} (Node" in text
    for entry in others:
        name, _, version = re.sub(r"\[.*\]", "", entry).partition("==")
        assert f"| {name} {version} |" in text


def _of(entries: list[str], name: str) -> list[str]:
    return [entry for entry in entries if entry.startswith(f"{name}==")]
