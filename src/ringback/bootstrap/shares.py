"""What one project may have in work over all nodes: most of what those that transcribe can hold, not all."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from ringback import telemetry
from ringback.jobs.store import LedgerUnavailable
from ringback.transcription.request import KIND as TRANSCRIBE

EVERY = 15.0
"""Seconds until a node that came, or went, counts."""

SILENT_SECONDS = 60.0
"""A node that has not been heard of for so long has gone."""


class Facts(Protocol):
    @property
    def roles(self) -> tuple[str, ...]: ...


class Node(Protocol):
    @property
    def facts(self) -> Facts: ...
    @property
    def silent(self) -> float: ...


class Nodes(Protocol):
    """The ledger's side of it."""

    async def nodes(self) -> Sequence[Node]: ...

    async def fix_caps(self, caps: Mapping[str, int]) -> None: ...

    async def take_turn(self, name: str, every: float) -> bool: ...


class Shares:
    """A service. The share of one node times the nodes there are; they are taken to be alike."""

    name = "shares"

    def __init__(self, ledger: Nodes, caps: dict[str, int]) -> None:
        """`caps`: what the ledger reads for new lanes; one node's share now, and all nodes' from now on."""
        self._ledger = ledger
        self._caps = caps
        self._of_one_node = caps[TRANSCRIBE]

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self.settle()
            except LedgerUnavailable as error:
                telemetry.problem("shares.not_settled", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await stopping.wait()

    async def settle(self) -> None:
        nodes = await self._ledger.nodes()
        hearing = sum(
            node.silent < SILENT_SECONDS and not {"transcribe", "all"}.isdisjoint(node.facts.roles)
            for node in nodes
        )
        share = self._of_one_node * max(1, hearing)
        moved = share != self._caps[TRANSCRIBE]
        self._caps[TRANSCRIBE] = share
        if moved or await self._ledger.take_turn("shares", EVERY):
            await self._ledger.fix_caps(self._caps)
