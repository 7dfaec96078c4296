"""How many live streams one process may have, and each key and project of them. No I/O."""

from collections import Counter
from dataclasses import dataclass

from ringback.errors import Refusal


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Live streams at once: of all, of one key, of one project. 0 for the last two: the default share."""

    most: int
    per_key: int = 0
    per_project: int = 0

    @property
    def of_key(self) -> int:
        """Three quarters: one key alone can use the machine, and cannot keep it from others."""
        return self.per_key or self.most - self.most // 4

    @property
    def of_project(self) -> int:
        """Seven eighths."""
        return self.per_project or self.most - self.most // 8


class StreamSlots:
    """Counts the slots in use, by key and by project."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._keys: Counter[str] = Counter()
        self._projects: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        return self._projects.total()

    def take_slot(self, project: str, key: str) -> None:
        """Raises `Refusal` (429) where no slot is free for this key."""
        limits = self._limits
        if self.taken >= limits.most:
            raise _full(f"all {limits.most} live streams are in use")
        if self._keys[key] >= limits.of_key:
            raise _full(f"this key has as many live streams as it may: {limits.of_key}")
        if self._projects[project] >= limits.of_project:
            raise _full(f"this project has as many live streams as it may: {limits.of_project}")
        self._keys[key] += 1
        self._projects[project] += 1

    def release_slot(self, project: str, key: str) -> None:
        for counter, name in ((self._keys, key), (self._projects, project)):
            counter[name] -= 1
            if not counter[name]:
                del counter[name]


def _full(why: str) -> Refusal:
    return Refusal(429, "TOO_MANY_REQUESTS", f"Too many requests. Please try again later ({why})")
