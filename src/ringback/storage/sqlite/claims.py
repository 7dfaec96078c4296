"""Claims, by the one process that serves from the file."""

from collections.abc import Mapping, Sequence
from typing import Any

from ringback.jobs.commands import ExpiredLease, Rescue
from ringback.jobs.job import JobId, Lease
from ringback.jobs.lane import Shares, deal, lanes_to_look_at
from ringback.storage.rows import lease_from
from ringback.storage.sqlite.execute import fetch, write_all
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.transaction import Transaction

_CLAIMS = load("claims.sql")
_UPKEEP = load("upkeep.sql")


class Claims:
    """Used by the writer's thread alone; made by `take_over`."""

    def __init__(self, boot: int, interrupted: int, served: int) -> None:
        self.boot = boot
        """Of this process: the holder of its leases."""
        self.interrupted = interrupted
        """Jobs that an earlier process was working on when it ended."""
        self._served = served

    def claim(
        self, transaction: Transaction, kind: str, limit: int, seconds: float, shares: Shares | None
    ) -> list[Lease]:
        leases: list[Lease] = []
        # A lane may have had fewer due jobs than its share; then the free slots are dealt out again.
        while len(leases) < limit:
            free = limit - len(leases)
            parameters = {"kind": kind, "now": transaction.now, "limit": lanes_to_look_at(free, shares)}
            lanes = fetch(transaction.connection, _CLAIMS["ready_lanes"], parameters)
            dealt = deal([(lane["name"], lane["room"]) for lane in lanes], free, shares)
            if not any(dealt):
                break
            chosen = [
                {"kind": kind, "lane": lane["id"], "name": lane["name"], "share": share}
                for lane, share in zip(lanes, dealt, strict=True)
                if share
            ]
            claimed = self._claim_in(transaction, chosen, transaction.now + seconds)
            leases += claimed
            shares = shares and shares.after(lease.job.lane for lease in claimed)
        return leases

    def _claim_in(
        self, transaction: Transaction, lanes: Sequence[Mapping[str, Any]], until: float
    ) -> list[Lease]:
        """From each of these lanes as many due jobs as are its share."""
        claimed, served = [], []
        for lane in lanes:
            due = fetch(transaction.connection, _CLAIMS["due_jobs"], {**lane, "now": transaction.now})
            claimed += due
            self._served += 1
            served.append(
                {"lane": lane["lane"], "claimed": len(due), "now": transaction.now, "served": self._served}
            )
        leased = [{"holder": self.boot, "until": until, "number": job.pop("number")} for job in claimed]
        write_all(transaction.connection, _CLAIMS["lease_job"], leased)
        write_all(transaction.connection, _CLAIMS["lane_served"], served)
        return [lease_from(job) for job in claimed]


def take_over(transaction: Transaction) -> Claims:
    """Start serving: every lease that is found belonged to a process that has ended, and is released."""
    execute, now = transaction.execute, transaction.now
    [ledger] = fetch(transaction.connection, _UPKEEP["raise_boot"])
    if ledger["seen_at"] > now:
        for shift in ("shift_due", "shift_lanes", "shift_keys"):
            execute(_UPKEEP[shift], {"seconds": ledger["seen_at"] - now})
    execute(_UPKEEP["expire_all_leases"], {"now": now})
    interrupted = rescue(transaction)
    execute(_UPKEEP["recount_lanes"], {"now": now})
    fix_caps(transaction, transaction.fixed_caps)
    execute(_UPKEEP["forget_usage"])
    execute(_UPKEEP["recount_usage"])
    [last] = fetch(transaction.connection, _CLAIMS["last_served"])
    return Claims(ledger["boot"], interrupted, last["served"])


def rescue(transaction: Transaction) -> int:
    """Return the jobs of expired leases to the queue; the number of these jobs."""
    now = transaction.now
    rows = fetch(transaction.connection, _UPKEEP["expired_leases"], {"now": now})
    expired = [ExpiredLease(JobId(row["id"]), row["sequence"], row["losses"]) for row in rows]
    rescued = transaction.do(Rescue(expired)) if expired else 0
    transaction.execute(_UPKEEP["repair_inflight"])
    transaction.execute(_UPKEEP["record_time"], {"now": now})
    return rescued


def fix_caps(transaction: Transaction, caps: Mapping[str, int]) -> None:
    for kind, cap in caps.items():
        transaction.execute(_UPKEEP["fix_caps"], {"kind": kind, "cap": cap})
