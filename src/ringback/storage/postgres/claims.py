"""Claims, by any node."""

from typing import Any

from ringback.jobs.job import Lease
from ringback.jobs.lane import Shares, deal, lanes_to_look_at
from ringback.storage.postgres.database import Database
from ringback.storage.postgres.queries import load
from ringback.storage.rows import lease_from

_SQL = load("batches.sql")


async def claim(
    database: Database, kind: str, limit: int, shares: Shares | None, *, seconds: float, holder: int
) -> list[Lease]:
    """Deal slots to lanes that look ready, then lock these and lease what is still due: another node may have
    claimed in between. Repeated while some lanes had fewer due jobs than their share."""
    claimed: list[dict[str, Any]] = []
    while len(claimed) < limit:
        free = limit - len(claimed)
        lanes = await database.fetch(_SQL["ready_lanes"], kind, lanes_to_look_at(free, shares))
        dealt = deal([(lane["name"], lane["room"]) for lane in lanes], free, shares)
        chosen = [(lane["id"], share) for lane, share in zip(lanes, dealt, strict=True) if share]
        if not chosen:
            break
        ids, counts = [lane for lane, _share in chosen], [share for _lane, share in chosen]
        rows = await database.execute_once(_SQL["claim_from"], ids, counts, seconds, holder)
        claimed += rows
        shares = shares and shares.after(row["lane"] for row in rows)
        if not rows or sum(dealt) < free:
            break  # other nodes have claimed them, or every ready lane was dealt all its room
    return [lease_from(row) for row in claimed]
