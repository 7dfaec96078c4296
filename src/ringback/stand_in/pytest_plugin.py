"""The fixture `deepgram_stand_in`, for every pytest run where Ringback is installed.

Nothing but pytest is imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ringback.stand_in.server import StandIn


@pytest.fixture(scope="session")
def _deepgram_stand_in() -> Iterator[StandIn]:
    """One for all tests of a process: it starts in milliseconds, once Python has read it."""
    from ringback.stand_in.server import StandIn  # noqa: PLC0415 - runs without such tests pay nothing

    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def deepgram_stand_in(_deepgram_stand_in: StandIn) -> StandIn:
    """A Deepgram that answers what the test tells it, without a script and with nothing recorded yet."""
    from ringback.stand_in.script import Script  # noqa: PLC0415 - as above

    _deepgram_stand_in.use(Script())
    return _deepgram_stand_in
