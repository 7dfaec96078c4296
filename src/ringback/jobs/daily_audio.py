"""The ledger's port for the audio that keys and projects use in a day; `quota` limits it.

A job's audio is counted with its end (`Done.audio_seconds`), in the same transaction. Days are those of UTC,
by the ledger's clock.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

DAY = 86_400.0

DAYS_RETAINED = 7
"""Days after which a holder's figure is deleted."""


class DailyAudioStore(Protocol):
    """A holder is a key or a project, by its id."""

    async def audio_used(self, holders: Sequence[str]) -> Mapping[str, float]:
        """Seconds that each of these has used today, the sum of all channels."""
        ...

    async def count_audio(self, seconds: Mapping[str, float]) -> None:
        """Add to what these holders have used today; for jobs that have not ended yet."""
        ...
