"""The decisions about jobs, over rows that were read before: what a batch of commands does to them. Pure.

The diagram of a job's states is in `jobs.job`; each method here is one of its transitions. Commands
(`jobs.commands`) call them one after the other, each seeing what those before it did; `finish` ends the
batch.
"""

from collections.abc import Iterable, Mapping, Sequence

from ringback.jobs.job import LIVE, Allowance, Attempt, Job, JobId, Lease, NewJob, Signal, State
from ringback.jobs.records import (
    AddedJob,
    AttemptRecord,
    Changes,
    EndedJob,
    KeyRecord,
    KnownKey,
    LaneRecord,
    LiveJob,
    ParkedJob,
    RowSet,
    WriteSet,
)
from ringback.jobs.store import AlreadyRequested, OverAllowance
from ringback.jobs.usage import UsageAmount, Used


class JobBatch:
    """Used once. `fixed_caps`: kinds whose lanes have a fixed cap, and no health."""

    def __init__(self, snapshot: RowSet, fixed_caps: Mapping[str, int]) -> None:
        self.now = snapshot.now
        self.writes = WriteSet()
        self.changes = Changes()
        self._snapshot = snapshot
        self._fixed_caps = fixed_caps
        self._numbers = iter(snapshot.numbers)
        self._lanes_by_name = {(lane.kind, lane.name): lane for lane in snapshot.lanes.values()}
        self._sequences: dict[str, list[LiveJob]] = {}
        for live in snapshot.live.values():
            if live.sequence is not None:
                self._sequences.setdefault(live.sequence, []).append(live)
        self._moved_sequences: set[str] = set()
        self._entering: set[int] = set()
        """Numbers of jobs without a live row: their state at the end of the batch is inserted."""

    # Reading.

    def live(self, job: JobId) -> LiveJob | None:
        """The job, if it is still live."""
        live = self._snapshot.live.get(job)
        return live if live is not None and live.state in LIVE else None

    def leased(self, lease: Lease) -> LiveJob | None:
        """The job of a lease that is still held."""
        live = self._snapshot.live.get(lease.job.id)
        if live is None or live.token != lease.token or live.state is not State.LEASED:
            return None
        return live

    def parked(self, job: JobId) -> ParkedJob | None:
        return self._snapshot.parked.get(job)

    def check(self, jobs: Sequence[NewJob], allowance: Allowance | None) -> None:
        """`AlreadyRequested`, `OverAllowance`, or `ValueError` for an idempotency key that is there twice.

        To be called before any change: a command that raises here has changed nothing.
        """
        checked: set[tuple[str, str]] = set()
        for job in jobs:
            if job.idempotency is None:
                continue
            key = (job.accessor or "", job.idempotency.key)
            if key in checked:
                raise ValueError(f"two jobs with the idempotency key {job.idempotency.key!r}")
            checked.add(key)
            known = self._snapshot.keys.get(key)
            if known is not None:
                raise AlreadyRequested(known.job, known.fingerprint == job.idempotency.fingerprint)
        if allowance is not None:
            self._check_allowance(jobs, allowance)

    # Transitions.

    def add(self, job: NewJob) -> None:
        """(new) → queued, or in a sequence: held, until it is its turn."""
        state = State.QUEUED if job.sequence is None else State.HELD
        live = self._enter(job, state, due_at=self.now + job.delay)
        if job.sequence is None:
            self._join_queue(live)
        else:
            self._moved_sequences.add(job.sequence)

    def begin(self, job: NewJob, holder: int, lease_until: float) -> Lease:
        """(new) → leased, by the process that adds it."""
        live = self._enter(
            job, State.LEASED, due_at=self.now, token=1, lease_until=lease_until, holder=holder
        )
        self._lane(live).begin()
        return Lease(_as_begun(job, self.now), live.token)

    def end(
        self,
        live: LiveJob,
        state: State,
        *,
        tries: int,
        losses: int,
        code: int | None,
        result: bytes | None = None,
    ) -> None:
        """held, queued or leased → done, parked or cancelled. Call `release` as well for a leased job."""
        if live.state is State.QUEUED:
            self._lane(live).leave()
        live.state, live.tries, live.losses, live.code = state, tries, losses, code
        self.writes.moved.pop(live.number, None)
        self.writes.ended.append(EndedJob(live, result))
        self._use(live.accessor, live.kind, -1, -live.weight, 0)
        self._note_end(live)
        if live.sequence is not None:
            self._moved_sequences.add(live.sequence)
            if state is State.PARKED:
                self._park_behind(live, live.sequence)

    def queue(self, live: LiveJob, due_at: float, *, tries: int, losses: int, code: int | None) -> None:
        """leased → queued. Call `release` as well."""
        live.state, live.lease_until, live.due_at = State.QUEUED, None, due_at
        live.tries, live.losses, live.code = tries, losses, code
        self._move(live)
        self._lane(live).queue(due_at)
        if live.sequence is not None:
            self._moved_sequences.add(live.sequence)

    def release(self, live: LiveJob, signal: Signal) -> None:
        """A job of a lane is no longer in flight; `signal` is its attempt's effect on the lane's health."""
        lane = self._lane(live)
        lane.release(Signal.NEUTRAL if live.kind in self._fixed_caps else signal, self.now)
        self.changes.note_ready(live.kind, (lane.name,))

    def extend(self, live: LiveJob, until: float) -> None:
        live.lease_until = until
        self._move(live)

    def revive(self, parked: ParkedJob) -> None:
        """parked → queued, or in a sequence: held. The token is kept, so that old leases stay invalid."""
        live = LiveJob(
            number=parked.number, id=parked.id, kind=parked.kind, project=parked.project,
            accessor=parked.accessor, lane=parked.lane,
            state=State.QUEUED if parked.sequence is None else State.HELD, tries=0, losses=0, due_at=self.now,
            code=None, token=parked.token, lease_until=None, sequence=parked.sequence, weight=parked.weight,
            partition=parked.partition,
        )  # fmt: skip
        self.writes.revived.append(live)
        self._entering.add(live.number)
        self._use(live.accessor, live.kind, 1, live.weight, 0)
        if live.sequence is None:
            self._join_queue(live)
        else:
            self._join_sequence(live, live.sequence)

    def record(self, live: LiveJob, token: int, attempt: Attempt) -> None:
        self.writes.attempts.append(AttemptRecord(live, token, attempt))

    def count_audio(self, live: LiveJob, seconds: float) -> None:
        """Add to what the job's accessor and project have used today."""
        for holder in (live.accessor, live.project):
            if holder is not None:
                self.writes.audio[holder] = self.writes.audio.get(holder, 0.0) + seconds

    def count_usage(self, used: Used) -> None:
        """A request was answered."""
        before = self.writes.used.get(used.key, UsageAmount())
        self.writes.used[used.key] = before.plus(used.amount)

    def finish(self) -> WriteSet:
        """All that is to be written."""
        for sequence in self._moved_sequences:
            self._put_in_order(self._sequences.get(sequence, ()))
        self.writes.lanes = [lane for lane in self._snapshot.lanes.values() if lane.changed]
        return self.writes

    # Sequences: strictly one at a time, in the order in which they were added.

    def _put_in_order(self, jobs: Iterable[LiveJob]) -> None:
        """Queue the first job of a sequence, and hold the others, unless one is leased. To be called when a
        job has joined or left, or has given its lease back."""
        live = [job for job in jobs if job.state in LIVE]
        if not live:
            return
        first = min(live, key=lambda job: job.number)
        in_turn = next((job for job in live if job.state is not State.HELD), None)
        if in_turn is first or (in_turn is not None and in_turn.state is State.LEASED):
            return
        if in_turn is not None:
            in_turn.state = State.HELD
            self._move(in_turn)
            self._lane(in_turn).leave()
        first.state, first.due_at = State.QUEUED, max(first.due_at, self.now)
        self._move(first)
        self._join_queue(first)

    def _park_behind(self, parked: LiveJob, sequence: str) -> None:
        """Park the jobs that are held behind a parked one: they could only be delivered out of order."""
        for live in sorted(self._sequences.get(sequence, ()), key=lambda job: job.number):
            if live.state is State.HELD and live.number > parked.number:
                live.state = State.PARKED
                self.writes.moved.pop(live.number, None)
                self.writes.ended.append(EndedJob(live, None))
                self._use(live.accessor, live.kind, -1, -live.weight, 0)
                self._note_end(live)

    def _join_sequence(self, live: LiveJob, sequence: str) -> None:
        self._sequences.setdefault(sequence, []).append(live)
        self._moved_sequences.add(sequence)

    # Steps of several transitions.

    def _enter(
        self,
        job: NewJob,
        state: State,
        *,
        due_at: float,
        token: int = 0,
        lease_until: float | None = None,
        holder: int | None = None,
    ) -> LiveJob:
        live = LiveJob(
            number=next(self._numbers), id=job.id, kind=job.kind, project=job.project, accessor=job.accessor,
            lane=self._lanes_by_name[job.kind, job.lane].id, state=state, tries=0, losses=0, due_at=due_at,
            code=None, token=token, lease_until=lease_until, sequence=job.sequence, weight=job.weight,
        )  # fmt: skip
        self.writes.added.append(AddedJob(job, live, holder))
        self._entering.add(live.number)
        if job.idempotency is not None:
            key, until = (job.accessor or "", job.idempotency.key), self.now + job.idempotency.seconds
            self.writes.keys.append(KeyRecord(*key, live.number, job.idempotency.fingerprint, until))
            self._snapshot.keys[key] = KnownKey(job.id, job.idempotency.fingerprint)
        self._use(job.accessor, job.kind, 1, job.weight, 1)
        if job.sequence is not None:
            self._join_sequence(live, job.sequence)
        return live

    def _move(self, live: LiveJob) -> None:
        if live.number not in self._entering:
            self.writes.moved[live.number] = live

    def _note_end(self, live: LiveJob) -> None:
        self.changes.ended.append(live.id)
        self.changes.ends[live.kind, live.state.value] += 1

    def _join_queue(self, live: LiveJob) -> None:
        lane = self._lane(live)
        lane.queue(live.due_at)
        self.changes.note_ready(live.kind, (lane.name,))

    def _lane(self, live: LiveJob) -> LaneRecord:
        return self._snapshot.lanes[live.lane]

    # Usages: live jobs of an accessor in a kind.

    def _check_allowance(self, jobs: Sequence[NewJob], allowance: Allowance) -> None:
        sums: dict[tuple[str, str], tuple[int, int]] = {}
        for job in jobs:
            if job.accessor is not None:
                usage = (job.accessor, job.kind)
                count, weight = sums.get(usage, (0, 0))
                sums[usage] = (count + 1, weight + job.weight)
        for usage, (count, weight) in sums.items():
            used, used_weight = self._snapshot.usages.get(usage, (0, 0))
            more, more_weight, _retained = self.writes.usages.get(usage, (0, 0, 0))
            if allowance.jobs is not None and used + more + count > allowance.jobs:
                raise OverAllowance(f"{used + more} jobs of {allowance.jobs} are live")
            if allowance.weight is not None and used_weight + more_weight + weight > allowance.weight:
                raise OverAllowance(f"{used_weight + more_weight} of {allowance.weight} are live")

    def _use(self, accessor: str | None, kind: str, jobs: int, weight: int, retained: int) -> None:
        if accessor is None:
            return
        before = self.writes.usages.get((accessor, kind), (0, 0, 0))
        self.writes.usages[accessor, kind] = (before[0] + jobs, before[1] + weight, before[2] + retained)


def _as_begun(job: NewJob, now: float) -> Job:
    return Job(
        id=job.id, kind=job.kind, lane=job.lane, project=job.project, payload=job.payload, parent=job.parent,
        accessor=job.accessor, method=job.method, tags=job.tags, state=State.LEASED, tries=0, losses=0,
        created_at=now, due_at=now, finished_at=None, code=None, result=None,
    )  # fmt: skip
