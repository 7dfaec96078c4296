"""The processes that serve from one database: each has a row, and updates it every few seconds."""

import importlib.metadata
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ringback.storage.postgres.database import Database
from ringback.storage.postgres.queries import load

BEAT_SECONDS = 15.0
REMEMBERED_SECONDS = 86_400.0
"""For so long a node that died is listed."""

_SQL = load("upkeep.sql")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """How a process describes itself. `id` is new at every start."""

    id: str
    host: str
    roles: tuple[str, ...]
    version: str

    @classmethod
    def of_this_process(cls, roles: tuple[str, ...] = ("all",)) -> "NodeFacts":
        return cls(str(uuid.uuid4()), socket.gethostname(), roles, importlib.metadata.version("ringback"))


@dataclass(frozen=True, slots=True)
class Node:
    """A process as the others see it. Times are Unix seconds by the database's clock."""

    facts: NodeFacts
    started_at: float
    beat_at: float
    silent: float
    """Seconds since its last beat. A node that serves beats every `BEAT_SECONDS`."""


async def join(database: Database, facts: NodeFacts) -> int:
    """The number by which its leases are known."""
    roles = msgspec.json.encode(facts.roles).decode()
    [row] = await database.execute_once(_SQL["join"], facts.id, facts.host, roles, facts.version)
    return int(row["number"])


async def beat(database: Database, number: int) -> None:
    await database.fetch(_SQL["beat"], number)


async def leave(database: Database, number: int) -> None:
    """Its leases expire at once: the next sweep of any node returns their jobs to the queue."""
    await database.fetch(_SQL["expire_leases"], number)
    await database.fetch(_SQL["leave"], number)


async def nodes(database: Database) -> Sequence[Node]:
    """Those that serve, and those that died within a day."""
    return [
        Node(
            NodeFacts(
                id=row["id"],
                host=row["host"],
                roles=msgspec.json.decode(row["roles"], type=tuple[str, ...]),
                version=row["version"],
            ),
            started_at=row["started_at"],
            beat_at=row["beat_at"],
            silent=row["silent"],
        )
        for row in await database.fetch(_SQL["nodes"])
    ]


async def forget(database: Database) -> None:
    await database.fetch(_SQL["forget_nodes"], REMEMBERED_SECONDS)
