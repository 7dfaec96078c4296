"""Claims, by any node: alone, or after the commands of a batch in its transaction."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ringback.jobs.job import Lease
from ringback.jobs.lane import Shares, deal, lanes_to_look_at
from ringback.storage.postgres.queries import load
from ringback.storage.rows import Row, lease_from

_SQL = load("batches.sql")

Ask = Callable[..., Awaitable[Sequence[Any]]]
"""Runs a statement with its arguments; its rows."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Up to `limit` due jobs of a kind, leased for `seconds`."""

    kind: str
    limit: int
    seconds: float
    shares: Shares | None
    holder: int
    """The number of the node that has the leases."""


class Claiming:
    """Claims of different kinds, and what they have got so far.

    Slots are dealt to lanes that look ready, then these are locked and what is still due there is leased:
    another node may have claimed in between. Repeated while some lanes had fewer due jobs than their share.
    """

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._claims = [_OneClaim(claim) for claim in claims]

    def to_look_at(self) -> tuple[list[str], list[int]]:
        """The kinds that go on, and how many ready lanes of each are to be looked at."""
        going = [one for one in self._claims if not one.over]
        return [one.kind for one in going], [lanes_to_look_at(one.free, one.shares) for one in going]

    async def carry_out(self, ask: Ask, ready: Sequence[Any], *, waits: bool) -> list[list[Lease] | None]:
        """`ready`: what the statement `ready_lanes` says of `to_look_at`.

        None for a claim that found nothing but lanes that other nodes hold; with `waits` it waits for them:
        for callers that hold no lane themselves."""
        while dealt := [part for one in self._claims if not one.over for part in one.deal(ready)]:
            lanes, shares, seconds, holders = zip(*dealt, strict=True)
            rows = await ask(_SQL["claim_from"], lanes, shares, seconds, holders[0], waits)
            for one in self._claims:
                one.take([dict(row) for row in rows if row["kind"] == one.kind])
            if all(one.over for one in self._claims):
                break
            ready = await look(ask, self)
        return [
            [lease_from(row) for row in one.rows] if one.rows or waits or not one.missed else None
            for one in self._claims
        ]


async def look(ask: Ask, claiming: Claiming) -> Sequence[Any]:
    """The lanes that are ready for these claims."""
    return await ask(_SQL["ready_lanes"], *claiming.to_look_at())


class _OneClaim:
    def __init__(self, claim: Claim) -> None:
        self.kind = claim.kind
        self.shares = claim.shares
        self.rows: list[Row] = []
        self.over = False
        self.missed = False
        """Whether the last lanes that looked ready gave nothing."""
        self._claim = claim

    @property
    def free(self) -> int:
        return self._claim.limit - len(self.rows)

    def deal(self, ready: Sequence[Any]) -> list[tuple[int, int, float, int]]:
        """Lane, jobs, seconds and holder: what is to be leased."""
        lanes = [lane for lane in ready if lane["kind"] == self.kind]
        dealt = deal([(lane["name"], lane["room"]) for lane in lanes], self.free, self.shares)
        # Every ready lane may be dealt all its room: then no second look finds more.
        self.over = sum(dealt) < self.free
        self.missed = any(dealt)
        return [
            (lane["id"], share, self._claim.seconds, self._claim.holder)
            for lane, share in zip(lanes, dealt, strict=True)
            if share
        ]

    def take(self, rows: list[Row]) -> None:
        self.rows += rows
        self.shares = self.shares and self.shares.after(row["lane"] for row in rows)
        self.missed = self.missed and not rows
        # Without any row, other nodes have claimed them or hold their lanes.
        self.over = self.over or not rows or not self.free
