"""After a loss: leases that ran out, and a process that takes the file over from a dead one."""

from collections.abc import Mapping

from ringback.jobs.job import LOSSES_BEFORE_PARKING, State
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.rows import Live
from ringback.storage.sqlite.sequences import Sequences
from ringback.storage.sqlite.transaction import Transaction

_SQL = load("transitions.sql")
_EXPIRED_LEASES = _SQL["expired_leases"]
_LEAVE_LIVE = _SQL["leave_live"]
_REQUEUE_LEASED = _SQL["requeue_leased"]
_LANE_DUE_EARLIER = _SQL["lane_due_earlier"]
_LANE_RELEASED = _SQL["lane_released"]
_REPAIR_INFLIGHT = _SQL["repair_inflight"]
_SEEN = _SQL["seen"]
_RAISE_BOOT = _SQL["raise_boot"]
_SEEN_AT = _SQL["seen_at"]
_EXPIRE_ALL_LEASES = _SQL["expire_all_leases"]
_SHIFT_DUE = _SQL["shift_due"]
_SHIFT_LANES = _SQL["shift_lanes"]
_SHIFT_WORDS = _SQL["shift_words"]
_RECOUNT_LANES = _SQL["recount_lanes"]
_FIX_CAPS = _SQL["fix_caps"]


class Recovery:
    """Used by the writer's thread alone."""

    def __init__(self, transaction: Transaction, sequences: Sequences) -> None:
        self._transaction = transaction
        self._execute = transaction.execute
        self._sequences = sequences

    def take_over(self, fixed_caps: Mapping[str, int]) -> tuple[int, int]:
        """Every lease is of a process that has ended. The number of this boot, and how many leases."""
        now = self._transaction.now
        [(boot,)] = self._execute(_RAISE_BOOT).fetchall()
        [(seen_at,)] = self._execute(_SEEN_AT).fetchall()
        if seen_at > now:
            for shift in (_SHIFT_DUE, _SHIFT_LANES, _SHIFT_WORDS):
                self._execute(shift, {"seconds": seen_at - now})
        self._execute(_EXPIRE_ALL_LEASES, {"now": now})
        interrupted = self.rescue()
        self._execute(_RECOUNT_LANES, {"now": now})
        for kind, cap in fixed_caps.items():
            self._execute(_FIX_CAPS, {"kind": kind, "cap": cap})
        self._transaction.write()
        self._transaction.usage.recount()
        return int(boot), interrupted

    def rescue(self) -> int:
        """Return what leases that ran out left behind; how many."""
        self._transaction.write()
        now = self._transaction.now
        expired = [Live(*row) for row in self._execute(_EXPIRED_LEASES, {"now": now})]
        for lost in expired:
            self._rescue(lost)
        self._execute(_REPAIR_INFLIGHT)
        self._execute(_SEEN, {"now": now})
        return len(expired)

    def _rescue(self, lost: Live) -> None:
        losses = lost.losses + 1
        parks = losses >= LOSSES_BEFORE_PARKING
        if parks:
            self._execute(_LEAVE_LIVE, (lost.number,))
            self._transaction.end(lost, State.PARKED, tries=lost.tries, losses=losses, code=lost.code)
        else:
            now = self._transaction.now
            self._execute(_REQUEUE_LEASED, (now, lost.tries, losses, lost.code, lost.number))
            self._execute(_LANE_DUE_EARLIER, {"lane": lost.lane, "due_at": now})
        if lost.sequence is not None:
            if parks:
                self._sequences.park_behind(lost)
            self._sequences.put_in_order(lost.sequence)
        self._execute(_LANE_RELEASED, {"lane": lost.lane, "now": self._transaction.now})
        self._transaction.changes.kinds.add(lost.kind)
