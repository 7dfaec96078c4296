"""The statements by name: each is described, and each is used."""

import re
from importlib.resources import files

import pytest

from ringback.storage.sqlite import queries
from ringback.storage.sqlite.queries import load

FILES = [
    "batches.sql",
    "claims.sql",
    "daily_audio.sql",
    "erasing.sql",
    "keys.sql",
    "pages.sql",
    "reads.sql",
    "retention.sql",
    "upkeep.sql",
    "usage.sql",
]


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_described(file: str) -> None:
    text = files(queries).joinpath(file).read_text()
    undescribed = re.findall(r"^-- name: (\w+)\n(?!-- )", text, re.MULTILINE)
    assert undescribed == []


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_used(file: str) -> None:
    folders = (files("ringback.storage"), files("ringback.storage.sqlite"))
    modules = (module for folder in folders for module in folder.iterdir() if module.name.endswith(".py"))
    code = "".join(module.read_text() for module in modules)
    unused = [name for name in load(file) if f'"{name}"' not in code]
    assert unused == []
