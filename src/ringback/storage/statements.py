"""SQL that stands in files, by name.

A file is a list of statements, each below a line `-- name: what_it_is_called` and a description.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def statements(folder: str, file: str) -> Mapping[str, str]:
    """Name → statement, of a file in the package `folder`; a name that is used twice raises `ValueError`."""
    text = files(folder).joinpath(file).read_text(encoding="utf-8")
    _preamble, *parts = _NAME.split(text)
    names, found = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        raise ValueError(f"{file} names a statement twice")
    return {name: _without_comments(statement) for name, statement in zip(names, found, strict=True)}


def _without_comments(statement: str) -> str:
    lines = statement.strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).rstrip(";")


_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")


def numbered(statement: str, sign: str = "$") -> tuple[str, tuple[str, ...]]:
    """A statement with numbers for parameters (`$1`) in place of names (`:kind`), and the names in order."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(statement)))
    return _PARAMETER.sub(lambda found: f"{sign}{names.index(found[1]) + 1}", statement), names
