"""How much audio a key and a project may use in a day of UTC, and the refusal beyond that.

Only what has such a limit is counted: all others cost nothing. Audio is counted when it has been heard, so
that what is in work when the limit is reached goes beyond it: one recording, or five seconds of a stream, for
each that is in work at once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from ringback.clock import Clock
from ringback.errors import Refusal
from ringback.jobs.daily_audio import DAY, DailyAudioStore
from ringback.keys import KeyLimits, KeyStore


class QuotaStore(DailyAudioStore, KeyStore, Protocol):
    """What was used, and the limits of keys."""


class Holder(msgspec.Struct, frozen=True):
    """The key and the project that audio counts for."""

    project: str
    key: str

    @property
    def ids(self) -> tuple[str, str]:
        return self.key, self.project


class DailyLimits(msgspec.Struct, frozen=True):
    """Seconds of audio, every channel counted; 0: no limit."""

    key: int = 0
    project: int = 0

    @classmethod
    def of(cls, own: KeyLimits, server: "DailyLimits") -> "DailyLimits":
        """The key's own limit, where it has one, and else the server's."""
        key = own.daily_audio_seconds
        return cls(server.key if key is None else key, server.project)

    def reached(self, holder: Holder, used: Mapping[str, float]) -> str | None:
        """Which of them, in words for the caller; None: there is audio left."""
        for what, limit, who in (("key", self.key, holder.key), ("project", self.project, holder.project)):
            if limit and used[who] >= limit:
                return f"this {what} has used its {limit} seconds of audio for today, until midnight UTC"
        return None


class AudioQuota:
    """Asked before audio is taken, and given what was used while it still is."""

    def __init__(self, store: QuotaStore, server: DailyLimits, clock: Clock) -> None:
        self._store = store
        self._server = server
        self._clock = clock

    def limits(self, own: KeyLimits) -> DailyLimits | None:
        """What counts for a key with these limits; None: nothing is counted."""
        limits = DailyLimits.of(own, self._server)
        return None if limits == DailyLimits() else limits

    async def check(self, holder: Holder, limits: DailyLimits | None) -> None:
        """Raises `Refusal` (429, until tomorrow) when the day's audio is used up; and `LedgerUnavailable`."""
        if limits is not None and (refusal := await self._refusal(holder, limits)):
            raise refusal

    async def refusal_now(self, holder: Holder) -> Refusal | None:
        """For what was admitted before: by the limits as they stand now, which may have been changed."""
        keys = await self._store.keys(holder.project)
        own = next((key.limits for key in keys if key.id == holder.key), KeyLimits())
        return await self._refusal(holder, DailyLimits.of(own, self._server))

    async def count(self, used: Iterable[tuple[Holder, float]]) -> None:
        """Seconds more, of jobs that are not at their end: that counts for itself, in its transaction."""
        sums: dict[str, float] = {}
        for holder, seconds in used:
            for one in holder.ids:
                sums[one] = sums.get(one, 0.0) + seconds
        await self._store.count_audio(sums)

    async def audio_used(self, holders: Sequence[str]) -> Mapping[str, float]:
        """Seconds that these keys and projects have used today, as far as they are limited."""
        return await self._store.audio_used(holders)

    async def _refusal(self, holder: Holder, limits: DailyLimits) -> Refusal | None:
        why = limits.reached(holder, await self._store.audio_used(holder.ids))
        return None if why is None else used_up(why, self._clock.now())


def used_up(why: str, now: float) -> Refusal:
    """In the words of https://developers.deepgram.com/docs/errors."""
    text = f"Too many requests. Please try again later ({why})"
    return Refusal(429, "TOO_MANY_REQUESTS", text, retry_after=seconds_to_tomorrow(now))


def seconds_to_tomorrow(now: float) -> int:
    """Until the next day of UTC begins; whole seconds, at least one."""
    return math.ceil(DAY - now % DAY)
