"""docs/clients.md names the versions of the clients that the suite runs."""

import json
import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
OPENAI = REPOSITORY / "docs" / "openai.md"


def test_every_tested_version_is_named() -> None:
    groups = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]
    others = [*groups["livekit"], *groups["pipecat"], *_of(groups["dev"], "deepctl")]
    places = [groups["dev"], *(groups[f"deepgram{generation}"] for generation in (6, 5, 4, 3))]
    sdks = [_of(entries, "deepgram-sdk")[0].partition("==")[2] for entries in places]
    package = json.loads((REPOSITORY / "tests" / "contract" / "js" / "package.json").read_text())
    text = (REPOSITORY / "docs" / "clients.md").read_text()
    assert f"| {', '.join(sdks[:3])} |" in text
    assert f"| {', '.join(sdks[3:])} |" in text
    scripts = package["dependencies"]
    assert f"| {scripts['@deepgram/sdk']} (Node" in text
    older = [scripts[f"deepgram-sdk-{generation}"].rpartition("@")[2] for generation in (4, 3)]
    assert f"| {', '.join(older)} |" in text
    for name in ("@ai-sdk/deepgram", "@livekit/agents-plugin-deepgram"):
        assert f"| {name} {scripts[name]} |" in text
    assert f"| {groups['litellm'][0].partition('==')[2]} |" in text
    (openai,) = groups["openai"]
    versions = f"Python {openai.partition('==')[2]}, JavaScript {scripts['openai']}"
    assert f"| {versions} |" in text
    assert all(f"client {version} |" in OPENAI.read_text() for version in re.findall(r"[0-9.]+", versions))
    for entry in others:
        name, _, version = re.sub(r"\[.*\]", "", entry).partition("==")
        assert f"| {name} {version} |" in text


def _of(entries: list[str], name: str) -> list[str]:
    return [entry for entry in entries if entry.startswith(f"{name}==")]
