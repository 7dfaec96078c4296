"""The ledger's port for the audio that keys and projects use in a day; `quota` decides what follows from it.

What a job has used is counted with its end (`Done.audio_seconds`), in the same transaction. Days are those of
UTC, by the ledger's clock.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

DAY = 86_400.0

DAYS_KEPT = 7
"""Days after which a holder's figure is forgotten."""


class DailyAudioStore(Protocol):
    """A holder is a key or a project, by its id."""

    async def audio_used(self, holders: Sequence[str]) -> Mapping[str, float]:
        """Seconds that each of these has used today, every channel counted."""
        ...

    async def count_audio(self, seconds: Mapping[str, float]) -> None:
        """Add what these holders have used by now; for jobs that are not at their end yet."""
        ...
