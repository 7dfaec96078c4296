"""The SQL of this folder's files, by name."""

from collections.abc import Mapping

from ringback.storage.statements import statements


def load(file: str) -> Mapping[str, str]:
    """Name → statement."""
    return statements(__name__, file)
