"""docs/storage.md knows each option of `blobs_url`, under its scheme."""

import re
from pathlib import Path

import pytest

from ringback.blobs.location import OPTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()


@pytest.mark.parametrize("scheme", OPTIONS)
def test_every_option_has_its_row(scheme: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", PAGE, re.MULTILINE)
    described = {name for name, schemes in rows if f"`{scheme}`" in schemes}
    assert described == set(OPTIONS[scheme])
