"""Claims, by any of the nodes."""

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
    """Slots are dealt to lanes that look ready, which are then locked: what another node has taken meanwhile
    is not ours. Again while some of them had fewer due jobs than their share."""
    claimed: list[dict[str, Any]] = []
    while len(claimed) < limit:
        left = limit - len(claimed)
        lanes = await database.fetch(_SQL["ready_lanes"], kind, lanes_to_look_at(left, shares))
        dealt = deal([(lane["name"], lane["room"]) for lane in lanes], left, shares)
        chosen = [(lane["id"], share) for lane, share in zip(lanes, dealt, strict=True) if share]
        if not chosen:
            break
        ids, counts = [lane for lane, _share in chosen], [share for _lane, share in chosen]
        rows = await database.once(_SQL["claim_from"], ids, counts, seconds, holder)
        claimed += rows
        shares = shares and shares.after(row["lane"] for row in rows)
        if not rows or sum(dealt) < left:
            break  # others have taken them, or all lanes that had room were dealt all of it
    return [lease_from(row) for row in claimed]
