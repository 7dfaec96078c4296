"""What may happen to jobs, carried out: one method per operation of the port, run by the writer.

Each runs inside the writer's transaction, so that whatever it does is done whole or not at all.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, assert_never

import msgspec

from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Done,
    GivenUp,
    Interrupted,
    Job,
    JobId,
    Lane,
    Lease,
    NewJob,
    Outcome,
    Retry,
    Signal,
    State,
)
from ringback.jobs.lane import FIRST_CAP, fair_shares
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.settled import Settled

_SQL = load("transitions.sql")
_LANE_BY_NAME = _SQL["lane_by_name"]
_OPEN_LANE = _SQL["open_lane"]
_ADD_JOB = _SQL["add_job"]
_QUEUE_JOB = _SQL["queue_job"]
_LANE_DUE_EARLIER = _SQL["lane_due_earlier"]
_READY_LANES = _SQL["ready_lanes"]
_DUE_JOBS = _SQL["due_jobs"]
_LEASE_JOB = _SQL["lease_job"]
_LANE_SERVED = _SQL["lane_served"]
_LEASED_JOB = _SQL["leased_job"]
_LEAVE_LEASED = _SQL["leave_leased"]
_LIVE_JOB = _SQL["live_job"]
_EXTEND_LEASE = _SQL["extend_lease"]
_LEAVE_LIVE = _SQL["leave_live"]
_ENTER_ENDED = _SQL["enter_ended"]
_REQUEUE_LEASED = _SQL["requeue_leased"]
_LANE_RELEASED = _SQL["lane_released"]
_LANE_FIRST_DUE = _SQL["lane_first_due"]
_EXPIRED_LEASES = _SQL["expired_leases"]
_PARKED_JOB = _SQL["parked_job"]
_LEAVE_PARKED = _SQL["leave_parked"]
_QUEUE_AGAIN = _SQL["queue_again"]
_REPAIR_INFLIGHT = _SQL["repair_inflight"]
_SEEN = _SQL["seen"]
_RAISE_BOOT = _SQL["raise_boot"]
_SEEN_AT = _SQL["seen_at"]
_EXPIRE_ALL_LEASES = _SQL["expire_all_leases"]
_SHIFT_DUE = _SQL["shift_due"]
_SHIFT_LANES = _SQL["shift_lanes"]
_RECOUNT_LANES = _SQL["recount_lanes"]
_FIX_CAPS = _SQL["fix_caps"]
_LAST_SERVED = _SQL["last_served"]


@dataclass(slots=True)
class Changes:
    """What a commit may have brought for those who wait."""

    ended: list[JobId] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    """Kinds of which a job may now be ready."""


class Transitions:
    """Used by the writer's thread alone. `fixed_caps`: kinds whose lanes have a fixed cap and no health."""

    def __init__(self, connection: sqlite3.Connection, fixed_caps: Mapping[str, int]) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._settled = Settled(connection)
        self._fixed_caps = fixed_caps
        self._boot: int | None = None
        self._served = 0
        self._now = 0.0
        self.changes = Changes()

    def begin(self, now: float) -> None:
        """A transaction has begun; all that happens in it happens at `now`."""
        self._now = now
        self._settled.forget()
        self.changes = Changes()

    def finish(self) -> None:
        """Write what was gathered; to be called before the transaction, or a savepoint in it, ends."""
        self._settled.write()

    def undo(self) -> None:
        """The operation since the last `finish` was rolled back."""
        self._settled.forget()

    def take_over(self) -> None:
        """This process serves from now on: whoever held a lease before is dead."""
        [(self._boot,)] = self._execute(_RAISE_BOOT).fetchall()
        [(seen_at,)] = self._execute(_SEEN_AT).fetchall()
        if seen_at > self._now:
            self._execute(_SHIFT_DUE, {"seconds": seen_at - self._now})
            self._execute(_SHIFT_LANES, {"seconds": seen_at - self._now})
        self._execute(_EXPIRE_ALL_LEASES, {"now": self._now})
        self.rescue()
        self._execute(_RECOUNT_LANES, {"now": self._now})
        for kind, cap in self._fixed_caps.items():
            self._execute(_FIX_CAPS, {"kind": kind, "cap": cap})
        [(self._served,)] = self._execute(_LAST_SERVED).fetchall()

    def add(self, jobs: Sequence[NewJob]) -> None:
        for job in jobs:
            due_at = self._now + job.delay
            lane = self._lane_for(job, due_at)
            try:
                added = self._execute(
                    _ADD_JOB,
                    (
                        job.id, job.kind, lane, job.project, job.payload, job.parent, job.accessor,
                        job.method, _to_json(job.tags), self._now,
                    ),
                )  # fmt: skip
            except sqlite3.IntegrityError as error:
                if "job.id" in str(error):
                    raise ValueError(f"there is a job {job.id} already") from None
                raise
            self._execute(_QUEUE_JOB, (added.lastrowid, lane, due_at))
            self.changes.kinds.add(job.kind)

    def claim(self, kind: str, limit: int, lease_seconds: float) -> list[Lease]:
        if self._boot is None:
            raise RuntimeError("only a ledger that was opened for serving may be claimed from")
        self._settled.write()
        leases: list[Lease] = []
        until = self._now + lease_seconds
        # A lane may have had fewer due jobs than its share; then the slots left are dealt out again.
        while len(leases) < limit:
            left = limit - len(leases)
            lanes = self._execute(_READY_LANES, {"kind": kind, "now": self._now, "limit": left}).fetchall()
            if not lanes:
                break
            shares = fair_shares([room for _lane, _name, room in lanes], left)
            for (lane, name, _room), share in zip(lanes, shares, strict=True):
                leases += self._claim_in_lane(kind, lane, name, share, until)
        return leases

    def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        until = self._now + lease_seconds
        return {
            lease.job.id
            for lease in leases
            if self._execute(
                _EXTEND_LEASE, {"until": until, "id": lease.job.id, "token": lease.token}
            ).rowcount
        }

    def settle(self, lease: Lease, outcome: Outcome) -> bool:
        ends = isinstance(outcome, Done | GivenUp)
        found = self._execute(_LEAVE_LEASED if ends else _LEASED_JOB, (lease.job.id, lease.token)).fetchall()
        if not found:
            return False
        held = _Held(*found[0])
        match outcome:
            case Done():
                self._end(lease, held, State.DONE, outcome)
                self.add(outcome.follow_ups)
            case GivenUp():
                self._end(lease, held, State.PARKED, outcome)
            case Retry():
                self._queue(held, outcome.delay, tries=held.tries + 1, losses=0, code=outcome.code)
            case Interrupted():
                self._queue(held, outcome.delay, tries=held.tries, losses=held.losses, code=held.code)
                self._release(lease, held, Signal.NEUTRAL)
                return True
            case _:
                assert_never(outcome)
        if outcome.attempt is not None:
            self._settled.record(held.number, lease.token, outcome.attempt)
        self._release(lease, held, outcome.signal)
        return True

    def rescue(self) -> int:
        self._settled.write()
        expired = [_Expired(*row) for row in self._execute(_EXPIRED_LEASES, {"now": self._now})]
        for lost in expired:
            self._rescue(lost)
        self._execute(_REPAIR_INFLIGHT)
        self._execute(_SEEN, {"now": self._now})
        return len(expired)

    def cancel(self, job: JobId) -> bool:
        row = self._execute(_LIVE_JOB, (job,)).fetchone()
        if row is None:
            return False
        live = _Live(*row)
        self._execute(_LEAVE_LIVE, (live.number,))
        self._execute(
            _ENTER_ENDED,
            (
                live.number, State.CANCELLED, live.tries, live.losses, live.due_at, live.token, self._now,
                live.code, None,
            ),
        )  # fmt: skip
        if live.state == State.LEASED:
            self._execute(_LANE_RELEASED, (live.lane,))
            self.changes.kinds.add(live.kind)
        else:
            self._execute(_LANE_FIRST_DUE, {"lane": live.lane})
        self.changes.ended.append(job)
        return True

    def requeue(self, job: JobId) -> bool:
        self._settled.write()
        row = self._execute(_PARKED_JOB, (job,)).fetchone()
        if row is None:
            return False
        number, token, lane, kind = row
        self._execute(_LEAVE_PARKED, (number,))
        self._execute(_QUEUE_AGAIN, (number, lane, self._now, token))
        self._execute(_LANE_DUE_EARLIER, {"lane": lane, "due_at": self._now})
        self.changes.kinds.add(kind)
        return True

    def _lane_for(self, job: NewJob, due_at: float) -> int:
        """The lane's id; it knows that a job due at `due_at` is coming."""
        row = self._execute(_LANE_BY_NAME, {"kind": job.kind, "name": job.lane}).fetchone()
        if row is None:
            cap = self._fixed_caps.get(job.kind, FIRST_CAP)
            opening = {"kind": job.kind, "name": job.lane, "cap": cap, "next_due": due_at}
            [(lane,)] = self._execute(_OPEN_LANE, opening).fetchall()
            return int(lane)
        lane, next_due = row
        if next_due is None or due_at < next_due:
            self._execute(_LANE_DUE_EARLIER, {"lane": lane, "due_at": due_at})
        return int(lane)

    def _claim_in_lane(self, kind: str, lane: int, name: str, share: int, until: float) -> list[Lease]:
        due = self._execute(_DUE_JOBS, {"lane": lane, "now": self._now, "limit": share}).fetchall()
        self._executemany(_LEASE_JOB, [(self._boot, until, row[0]) for row in due])
        self._served += 1
        self._execute(
            _LANE_SERVED, {"lane": lane, "claimed": len(due), "now": self._now, "served": self._served}
        )
        return [_leased(kind, name, row) for row in due]

    def _end(self, lease: Lease, held: "_Held", state: State, outcome: Done | GivenUp) -> None:
        self._settled.end(
            (
                held.number, state, held.tries + 1, 0, held.due_at, lease.token, self._now, outcome.code,
                outcome.result,
            )
        )  # fmt: skip
        self.changes.ended.append(lease.job.id)

    def _queue(
        self, held: "_Held | _Expired", delay: float, tries: int, losses: int, code: int | None
    ) -> None:
        due_at = self._now + delay
        self._execute(_REQUEUE_LEASED, (due_at, tries, losses, code, held.number))
        self._execute(_LANE_DUE_EARLIER, {"lane": held.lane, "due_at": due_at})

    def _rescue(self, lost: "_Expired") -> None:
        losses = lost.losses + 1
        if losses < LOSSES_BEFORE_PARKING:
            self._queue(lost, 0.0, lost.tries, losses, lost.code)
        else:
            self._execute(_LEAVE_LIVE, (lost.number,))
            self._execute(
                _ENTER_ENDED,
                (
                    lost.number, State.PARKED, lost.tries, losses, lost.due_at, lost.token, self._now,
                    lost.code, None,
                ),
            )  # fmt: skip
            self.changes.ended.append(lost.id)
        self._execute(_LANE_RELEASED, (lost.lane,))
        self.changes.kinds.add(lost.kind)

    def _release(self, lease: Lease, held: "_Held", signal: Signal) -> None:
        kind = lease.job.kind
        self.changes.kinds.add(kind)
        self._settled.release(held.lane, Signal.NEUTRAL if kind in self._fixed_caps else signal, self._now)


class _Held(NamedTuple):
    """A row of `leased_job` or `leave_leased`."""

    number: int
    tries: int
    losses: int
    due_at: float
    code: int | None
    lane: int


class _Live(NamedTuple):
    """A row of `live_job`."""

    number: int
    tries: int
    losses: int
    due_at: float
    code: int | None
    token: int
    lane: int
    state: str
    kind: str


class _Expired(NamedTuple):
    """A row of `expired_leases`."""

    number: int
    tries: int
    losses: int
    due_at: float
    code: int | None
    token: int
    lane: int
    id: JobId
    kind: str


def _leased(kind: str, lane: str, row: tuple[Any, ...]) -> Lease:
    """The lease from a row of `due_jobs`, which shows the job as it was before the claim."""
    (
        _number, job_id, project, payload, parent, accessor, method, tags, tries, losses, created_at, due_at,
        code, token,
    ) = row  # fmt: skip
    job = Job(
        job_id, kind, Lane(lane), project, payload, parent, accessor, method, tags_from_json(tags),
        State.LEASED, tries, losses, created_at, due_at, None, code, None,
    )  # fmt: skip
    return Lease(job, token + 1)


def tags_from_json(text: str) -> tuple[str, ...]:
    return () if text == "[]" else msgspec.json.decode(text, type=tuple[str, ...])


def _to_json(tags: tuple[str, ...]) -> str:
    return msgspec.json.encode(tags).decode() if tags else "[]"
