"""What may happen to jobs, carried out: one method per operation of the port, run by the writer.

Each runs inside the writer's transaction, so that whatever it does is done whole or not at all.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import assert_never

from ringback.jobs.job import (
    Allowance,
    Done,
    GivenUp,
    Interrupted,
    Job,
    JobId,
    Lease,
    NewJob,
    Outcome,
    Retry,
    Signal,
    State,
)
from ringback.jobs.lane import FIRST_CAP, MOST_CALLERS, Shares, fair_shares
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.recovery import Recovery
from ringback.storage.sqlite.retention import Retention
from ringback.storage.sqlite.rows import Live, lease_from, tags_to_json
from ringback.storage.sqlite.sequences import Sequences
from ringback.storage.sqlite.transaction import Changes, Transaction
from ringback.storage.sqlite.words import Words

_SQL = load("transitions.sql")
_LANE_BY_NAME = _SQL["lane_by_name"]
_OPEN_LANE = _SQL["open_lane"]
_ADD_JOB = _SQL["add_job"]
_QUEUE_JOB = _SQL["queue_job"]
_HOLD_JOB = _SQL["hold_job"]
_BEGIN_JOB = _SQL["begin_job"]
_LANE_BEGUN = _SQL["lane_begun"]
_LAST_HOUR = _SQL["last_hour"]
_OPEN_HOUR = _SQL["open_hour"]
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
_REQUEUE_LEASED = _SQL["requeue_leased"]
_LANE_RELEASED = _SQL["lane_released"]
_LANE_FIRST_DUE = _SQL["lane_first_due"]
_PARKED_JOB = _SQL["parked_job"]
_LEAVE_PARKED = _SQL["leave_parked"]
_ENTER_LIVE = _SQL["enter_live"]
_LAST_SERVED = _SQL["last_served"]

HOUR = 3600.0


class Transitions:
    """Used by the writer's thread alone. `fixed_caps`: kinds whose lanes have a fixed cap and no health."""

    def __init__(self, connection: sqlite3.Connection, fixed_caps: Mapping[str, int]) -> None:
        self.transaction = Transaction(connection)
        self.retention = Retention(self.transaction)
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._sequences = Sequences(self.transaction)
        self._recovery = Recovery(self.transaction, self._sequences)
        self._words = Words(connection)
        self._fixed_caps = fixed_caps
        self._boot: int | None = None
        self._served = 0

    @property
    def changes(self) -> Changes:
        return self.transaction.changes

    def take_over(self) -> int:
        """This process serves from now on. How many jobs an earlier one had in work when it ended."""
        self._boot, interrupted = self._recovery.take_over(self._fixed_caps)
        [(self._served,)] = self._execute(_LAST_SERVED).fetchall()
        return interrupted

    def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        self._check(jobs, allowance)
        for job in jobs:
            self._add(job)

    def begin(self, job: NewJob, lease_seconds: float, allowance: Allowance | None = None) -> Lease:
        if job.sequence is not None or job.delay:
            raise ValueError("a job that is begun waits for nothing: it has no sequence and no delay")
        boot = self._serving()
        self._check([job], allowance)
        now = self.transaction.now
        lane = self._lane_for(job, None)
        number = self._remember(job, lane)
        self._execute(_BEGIN_JOB, (number, lane, now, boot, now + lease_seconds, job.weight))
        self._execute(_LANE_BEGUN, (lane,))
        begun = Job(
            job.id, job.kind, job.lane, job.project, job.payload, job.parent, job.accessor, job.method,
            job.tags, State.LEASED, 0, 0, now, now, None, None, None,
        )  # fmt: skip
        return Lease(begun, 1)

    def claim(self, kind: str, limit: int, lease_seconds: float, shares: Shares | None = None) -> list[Lease]:
        self._serving()
        self.transaction.settled.write()
        leases: list[Lease] = []
        now = self.transaction.now
        # A lane may have had fewer due jobs than its share; then the slots left are dealt out again.
        while len(leases) < limit:
            left = limit - len(leases)
            most = left if shares is None else MOST_CALLERS
            lanes = self._execute(_READY_LANES, {"kind": kind, "now": now, "limit": most}).fetchall()
            if shares is None:
                dealt = fair_shares([room for _lane, _name, room in lanes], left)
            else:
                dealt = shares.deal([(name, room) for _lane, name, room in lanes], left)
            if not any(dealt):
                break
            for (lane, name, _room), share in zip(lanes, dealt, strict=True):
                if share:
                    claimed = self._claim_in_lane(kind, lane, name, share, now + lease_seconds)
                    leases += claimed
                    shares = shares and shares.after(lease.job.lane for lease in claimed)
        return leases

    def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        until = self.transaction.now + lease_seconds
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
        job = lease.job
        held = Live._make((*found[0], job.id, job.kind, job.project, job.accessor))
        match outcome:
            case Done():
                self._end(held, State.DONE, outcome)
                if outcome.audio_seconds:
                    self._count_audio(held, outcome.audio_seconds)
                self._follow_up(outcome.follow_ups)
            case GivenUp():
                self._end(held, State.PARKED, outcome)
            case Retry():
                self._queue(held, outcome.delay, tries=held.tries + 1, losses=0, code=outcome.code)
            case Interrupted():
                self._queue(held, outcome.delay, tries=held.tries, losses=held.losses, code=held.code)
                self._release(held, Signal.NEUTRAL)
                return True
            case _:
                assert_never(outcome)
        if outcome.attempt is not None:
            self.transaction.settled.record(held.number, lease.token, outcome.attempt)
        self._release(held, outcome.signal)
        return True

    def rescue(self) -> int:
        return self._recovery.rescue()

    def cancel(self, job: JobId) -> bool:
        row = self._execute(_LIVE_JOB, (job,)).fetchone()
        if row is None:
            return False
        live = Live(*row)
        self._execute(_LEAVE_LIVE, (live.number,))
        self.transaction.end(live, State.CANCELLED, tries=live.tries, losses=live.losses, code=live.code)
        if live.state == State.LEASED:
            self._execute(_LANE_RELEASED, {"lane": live.lane, "now": self.transaction.now})
            self.changes.kinds.add(live.kind)
        elif live.state == State.QUEUED:
            self._execute(_LANE_FIRST_DUE, {"lane": live.lane})
        if live.sequence is not None:
            self._sequences.put_in_order(live.sequence)
        return True

    def requeue(self, job: JobId) -> bool:
        self.transaction.settled.write()
        row = self._execute(_PARKED_JOB, (job,)).fetchone()
        if row is None:
            return False
        number, token, lane, kind, accessor, sequence, weight = row
        now = self.transaction.now
        self._execute(_LEAVE_PARKED, (number,))
        state = (State.QUEUED if sequence is None else State.HELD).value
        self._execute(_ENTER_LIVE, (number, lane, state, now, token, sequence, weight))
        self.transaction.usage.revived(accessor, kind, weight)
        if sequence is None:
            self._execute(_LANE_DUE_EARLIER, {"lane": lane, "due_at": now})
            self.changes.kinds.add(kind)
        else:
            self._sequences.put_in_order(sequence)
        return True

    def _serving(self) -> int:
        if self._boot is None:
            raise RuntimeError("only a ledger that was opened for serving may be claimed from")
        return self._boot

    def _check(self, jobs: Sequence[NewJob], allowance: Allowance | None) -> None:
        """Whatever may be refused is refused before anything is written: see `writer`."""
        self._words.check(jobs, self.transaction.now)
        if allowance is not None:
            self.transaction.usage.check(jobs, allowance)

    def _follow_up(self, jobs: Sequence[NewJob]) -> None:
        for job in jobs:
            if job.once is not None:
                raise ValueError("nobody asked for a follow-up: it has no word")
            self._add(job)

    def _add(self, job: NewJob) -> None:
        due_at = self.transaction.now + job.delay
        if job.sequence is not None:
            lane = self._lane_for(job, None)
            number = self._remember(job, lane)
            self._execute(_HOLD_JOB, (number, lane, due_at, job.sequence, job.weight))
            self._sequences.put_in_order(job.sequence)
            return
        lane = self._lane_for(job, due_at)
        self._execute(_QUEUE_JOB, (self._remember(job, lane), lane, due_at, job.weight))
        self.changes.kinds.add(job.kind)

    def _remember(self, job: NewJob, lane: int) -> int:
        """What was asked; the job's number."""
        now = self.transaction.now
        try:
            added = self._execute(
                _ADD_JOB,
                (
                    job.id, job.kind, lane, job.project, job.payload, job.parent, job.accessor, job.method,
                    tags_to_json(job.tags), now, job.sequence, job.weight,
                ),
            )  # fmt: skip
        except sqlite3.IntegrityError as error:
            if "job.id" in str(error):
                raise ValueError(f"there is a job {job.id} already") from None
            raise
        number = added.lastrowid
        assert number is not None
        if not self.transaction.hour_is_marked:
            self._mark_hour(number)
        if job.once is not None:
            self._words.remember(number, job, job.once, now)
        self.transaction.usage.added(job)
        return number

    def _mark_hour(self, number: int) -> None:
        """With the first job that a transaction adds: all of them are added at one moment."""
        hour = int(self.transaction.now // HOUR)
        if self._execute(_LAST_HOUR).fetchone() != (hour,):
            self._execute(_OPEN_HOUR, (number, hour))
        self.transaction.hour_is_marked = True

    def _lane_for(self, job: NewJob, due_at: float | None) -> int:
        """The lane's id; it knows that a job due at `due_at` is coming."""
        row = self._execute(_LANE_BY_NAME, {"kind": job.kind, "name": job.lane}).fetchone()
        if row is None:
            cap = self._fixed_caps.get(job.kind, FIRST_CAP)
            opening = {"kind": job.kind, "name": job.lane, "cap": cap, "next_due": due_at}
            [(lane,)] = self._execute(_OPEN_LANE, opening).fetchall()
            return int(lane)
        lane, next_due = row
        if due_at is not None and (next_due is None or due_at < next_due):
            self._execute(_LANE_DUE_EARLIER, {"lane": lane, "due_at": due_at})
        return int(lane)

    def _claim_in_lane(self, kind: str, lane: int, name: str, share: int, until: float) -> list[Lease]:
        now = self.transaction.now
        due = self._execute(_DUE_JOBS, {"lane": lane, "now": now, "limit": share}).fetchall()
        self._executemany(_LEASE_JOB, [(self._boot, until, row[0]) for row in due])
        self._served += 1
        self._execute(_LANE_SERVED, {"lane": lane, "claimed": len(due), "now": now, "served": self._served})
        return [lease_from(kind, name, row) for row in due]

    def _end(self, held: Live, state: State, outcome: Done | GivenUp) -> None:
        self.transaction.end(
            held, state, tries=held.tries + 1, losses=0, code=outcome.code, result=outcome.result
        )
        if held.sequence is not None:
            if state is State.PARKED:
                self._sequences.park_behind(held)
            self._sequences.put_in_order(held.sequence)

    def _count_audio(self, held: Live, seconds: float) -> None:
        holders = (held.accessor, held.project)
        used = {holder: seconds for holder in holders if holder is not None}
        self.transaction.daily_audio.count(used, self.transaction.now)

    def _queue(self, held: Live, delay: float, tries: int, losses: int, code: int | None) -> None:
        due_at = self.transaction.now + delay
        self._execute(_REQUEUE_LEASED, (due_at, tries, losses, code, held.number))
        self._execute(_LANE_DUE_EARLIER, {"lane": held.lane, "due_at": due_at})
        if held.sequence is not None:
            self._sequences.put_in_order(held.sequence)

    def _release(self, held: Live, signal: Signal) -> None:
        self.changes.kinds.add(held.kind)
        said = Signal.NEUTRAL if held.kind in self._fixed_caps else signal
        self.transaction.settled.release(held.lane, said, self.transaction.now)
