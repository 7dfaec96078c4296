"""What the live jobs of each accessor amount to: counters, kept in the transactions that move the jobs."""

import sqlite3
from collections.abc import Mapping, Sequence

from ringback.jobs.job import Allowance, NewJob
from ringback.jobs.store import OverAllowance
from ringback.storage.sqlite.queries import load

_SQL = load("allowances.sql")
_USAGE = _SQL["usage"]
_USE = _SQL["use"]
_FORGET_USAGE = _SQL["forget_usage"]
_RECOUNT_USAGE = _SQL["recount_usage"]

_NOTHING = (0, 0, 0)


class Usage:
    """Used by the writer's thread alone. What a group of operations adds up to is written at its end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._changes: dict[tuple[str, str], tuple[int, int, int]] = {}

    def check(self, jobs: Sequence[NewJob], allowance: Allowance) -> None:
        """`OverAllowance` when these would be too many, or too heavy."""
        for (accessor, kind), (more, weight, _kept) in _summed(jobs).items():
            used, used_weight = self._used(accessor, kind)
            if allowance.jobs is not None and used + more > allowance.jobs:
                raise OverAllowance(f"{used} jobs of {allowance.jobs} are live")
            if allowance.weight is not None and used_weight + weight > allowance.weight:
                raise OverAllowance(f"{used_weight} of {allowance.weight} are live")

    def added(self, job: NewJob) -> None:
        self._change(job.accessor, job.kind, 1, job.weight, 1)

    def ended(self, accessor: str | None, kind: str, weight: int) -> None:
        self._change(accessor, kind, -1, -weight, 0)

    def revived(self, accessor: str | None, kind: str, weight: int) -> None:
        self._change(accessor, kind, 1, weight, 0)

    def dropped(self, accessor: str | None, kind: str) -> None:
        self._change(accessor, kind, 0, 0, -1)

    def recount(self) -> None:
        """Count the live jobs anew: the truth behind the counters."""
        self._execute(_FORGET_USAGE)
        self._execute(_RECOUNT_USAGE)

    def write(self) -> None:
        """Before the end of the transaction."""
        for (accessor, kind), change in self._changes.items():
            self._execute(_USE, (accessor, kind, *change))
        self.forget()

    def forget(self) -> None:
        """A transaction begins, or was undone."""
        self._changes.clear()

    def _used(self, accessor: str, kind: str) -> tuple[int, int]:
        jobs, weight = self._execute(_USAGE, (accessor, kind)).fetchone() or (0, 0)
        more, more_weight, _kept = self._changes.get((accessor, kind), _NOTHING)
        return jobs + more, weight + more_weight

    def _change(self, accessor: str | None, kind: str, jobs: int, weight: int, kept: int) -> None:
        if accessor is None:
            return
        before = self._changes.get((accessor, kind), _NOTHING)
        self._changes[accessor, kind] = (before[0] + jobs, before[1] + weight, before[2] + kept)


def _summed(jobs: Sequence[NewJob]) -> Mapping[tuple[str, str], tuple[int, int, int]]:
    sums: dict[tuple[str, str], tuple[int, int, int]] = {}
    for job in jobs:
        if job.accessor is not None:
            place = (job.accessor, job.kind)
            more, weight, kept = sums.get(place, _NOTHING)
            sums[place] = (more + 1, weight + job.weight, kept + 1)
    return sums
