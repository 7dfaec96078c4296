"""SQL that stands in files, by name.

A file is a list of statements, each below a line `-- name: what_it_is_called` and a description. A part below
`-- fragment: name` is no statement: it is put in place of `{name}` in the statements after it.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

_HEADING = re.compile(r"^-- (name|fragment): (\w+)$", re.MULTILINE)
_FRAGMENT = re.compile(r"\{(\w+)\}")


def statements(folder: str, file: str) -> Mapping[str, str]:
    """Name → statement, of a file in the package `folder`. Raises `ValueError` for a name that is used twice,
    `KeyError` for a fragment that is not above."""
    text = files(folder).joinpath(file).read_text(encoding="utf-8")
    _preamble, *parts = _HEADING.split(text)
    found: dict[str, dict[str, str]] = {"name": {}, "fragment": {}}
    for heading, name, part in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if name in found[heading]:
            raise ValueError(f"{file} has the {heading} {name} twice")
        found[heading][name] = _FRAGMENT.sub(lambda mark: found["fragment"][mark[1]], _without_comments(part))
    return found["name"]


def _without_comments(statement: str) -> str:
    lines = statement.strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).rstrip(";")


PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
"""A named parameter of a statement."""


def numbered(statement: str, sign: str = "$") -> tuple[str, tuple[str, ...]]:
    """A statement with numbers for parameters (`$1`) in place of names (`:kind`), and the names in order."""
    names = tuple(dict.fromkeys(PARAMETER.findall(statement)))
    return PARAMETER.sub(lambda found: f"{sign}{names.index(found[1]) + 1}", statement), names
