"""Recognisers of other packages.

The server finds them, and tells the engine process, which so need not read what is installed: that takes
2 MB (`importlib.metadata`).
"""

from importlib.metadata import entry_points

ENTRY_POINTS = "ringback.engines"
"""Entry points of this group name classes like `base.RecogniserKind`; models are written `KIND:NAME`."""


def kinds_of_other_packages() -> dict[str, str]:
    """Kinds of recogniser that are installed beside our own: name → `MODULE:CLASS`."""
    return {point.name: f"{point.module}:{point.attr}" for point in entry_points(group=ENTRY_POINTS)}
