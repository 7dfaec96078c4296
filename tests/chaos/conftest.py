"""The long form has the time that it needs."""

import os

import pytest

LONG_SECONDS = 14_400.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's own time limit is that of its everyday form: in the long one it must not end it, on whatever
    machine."""
    if not os.environ.get("CHAOS_ROUNDS"):
        return
    for item in items:
        if item.get_closest_marker("chaos"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS), append=False)
