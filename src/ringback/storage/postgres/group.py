"""A group of moves in one transaction: lock, look, decide, write. A handful of statements for them all.

Locks are taken in one order by everybody (sequences, lanes by their ids, what accessors use), so that
nodes do not wait for each other in a circle. Whoever moves a live job holds its lane: a lane's counters
and the states of its jobs are read and written as if there were one writer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ringback.jobs.job import Allowance, Attempt, JobId, Lease, NewJob, Signal, State
from ringback.jobs.lane import Health
from ringback.jobs.store import AlreadyAsked, OverAllowance
from ringback.storage.postgres.database import Connection
from ringback.storage.postgres.queries import load
from ringback.storage.postgres.rows import Live, LockedLane, Parked, tags_to_json
from ringback.storage.postgres.wanted import Wanted

_SQL = load("moves.sql")
_COUNT_AUDIO = load("daily_audio.sql")["count"]

DAY = 86_400.0


@dataclass(slots=True)
class Changes:
    """What a commit may have brought for those who wait."""

    ended: list[JobId] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    """Kinds of which a job may now be ready."""


class LaneGone(Exception):
    """A lane was dropped between its making and its locking; the group starts again."""


class Group:
    """What the moves of one transaction see, and what they shall write."""

    def __init__(self, fixed_caps: Mapping[str, int]) -> None:
        self._fixed_caps = fixed_caps
        self.moment = 0.0
        self.transaction = ""
        self.live: dict[JobId, Live] = {}
        self.parked: dict[JobId, Parked] = {}
        self.changes = Changes()
        self._lanes: dict[int, LockedLane] = {}
        self._lanes_by_name: dict[tuple[str, str], LockedLane] = {}
        self._numbers: list[int] = []
        self._words: dict[tuple[str, str], tuple[JobId, bytes]] = {}
        self._used: dict[tuple[str, str], tuple[int, int]] = {}
        self._new: list[tuple[Any, ...]] = []
        self._said: list[tuple[Any, ...]] = []
        self._ended: list[tuple[Any, ...]] = []
        self._attempts: list[tuple[Any, ...]] = []
        self._queued: list[tuple[Any, ...]] = []
        self._extended: list[tuple[Any, ...]] = []
        self._revived: list[Parked] = []
        self._parked_in_order: list[tuple[str, int]] = []
        self._sequences: set[str] = set()
        self._usage: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._audio: dict[str, float] = {}

    # Locking and looking.

    async def look(self, connection: Connection, wanted: Wanted) -> None:
        """Lock what the moves concern, and read how it stands. Raises `LaneGone`."""
        await self._lock(connection, wanted)
        if wanted.live:
            rows = await connection.fetch(_SQL["live"], list(wanted.live))
            self.live = {row[0]: Live(*row) for row in rows}
        if wanted.parked:
            rows = await connection.fetch(_SQL["parked"], list(wanted.parked))
            self.parked = {row[0]: Parked(*row) for row in rows}
        if wanted.words:
            rows = await connection.fetch(_SQL["words"], *_columns(wanted.words, 2), self.moment)
            self._words = {(accessor, word): (job, wish) for accessor, word, job, wish in rows}
        if wanted.checks_usages:
            await self._lock_usage(connection, wanted)

    async def _lock_usage(self, connection: Connection, wanted: Wanted) -> None:
        """All that the group may change, not only what it checks: in one go, and in one order."""
        moved: list[Live | Parked] = [*self.live.values(), *self.parked.values()]
        places = {(job.accessor, job.kind) for job in moved if job.accessor is not None}
        asked = _columns(sorted(wanted.usages | places), 2)
        await connection.fetch(_SQL["make_usage"], *asked)
        rows = await connection.fetch(_SQL["usage"], *asked)
        self._used = {(accessor, kind): (jobs, weight) for accessor, kind, jobs, weight in rows}

    async def _lock(self, connection: Connection, wanted: Wanted) -> None:
        kinds = [kind for kind, _name in wanted.lanes]
        names = [name for _kind, name in wanted.lanes]
        [row] = await connection.fetch(
            _SQL["lock"],
            list(wanted.sequences), kinds, names, list(wanted.lanes.values()),
            [*wanted.live, *wanted.parked], wanted.new,
        )  # fmt: skip
        self.moment, self.transaction, numbers, *lanes = row
        self._numbers = list(reversed(numbers or ()))
        columns = (column or () for column in lanes)
        for lane, kind, name, *health in zip(*columns, strict=True):
            locked = LockedLane(lane, kind, Health(*health))
            self._lanes[lane] = self._lanes_by_name[kind, name] = locked
        if wanted.lanes.keys() - self._lanes_by_name.keys():
            raise LaneGone

    # What moves ask and tell.

    def check(self, jobs: Sequence[NewJob], allowance: Allowance | None) -> None:
        """`AlreadyAsked`, `OverAllowance`, or `ValueError` for a word that is said twice."""
        said: set[tuple[str, str]] = set()
        for job in jobs:
            if job.once is None:
                continue
            place = (job.accessor or "", job.once.word)
            if place in said:
                raise ValueError(f"two jobs with the word {job.once.word!r}")
            said.add(place)
            if place in self._words:
                known, wish = self._words[place]
                raise AlreadyAsked(known, wish == job.once.wish)
        if allowance is not None:
            self._check_allowance(jobs, allowance)

    def held(self, lease: Lease) -> Live | None:
        """The job of a lease, if it is still held."""
        live = self.live.get(lease.job.id)
        if live is None or live.token != lease.token or live.state != State.LEASED:
            return None
        return live

    def add(self, job: NewJob) -> None:
        state = State.QUEUED if job.sequence is None else State.HELD
        self._remember(job, (state.value, self.moment + job.delay, 0, None, None))
        if job.sequence is None:
            self.changes.kinds.add(job.kind)
        else:
            self._sequences.add(job.sequence)

    def begin(self, job: NewJob, holder: int, lease_until: float) -> None:
        self._remember(job, (State.LEASED.value, self.moment, 1, holder, lease_until))
        self._lanes_by_name[job.kind, job.lane].begun += 1

    def end(
        self,
        live: Live,
        state: State,
        *,
        tries: int,
        losses: int,
        code: int | None,
        result: bytes | None = None,
    ) -> None:
        self._ended.append(
            (
                live.number, live.day, live.kind, live.project, live.lane, state.value, tries, losses,
                live.due_at, live.token, code, result,
            )
        )  # fmt: skip
        self._use(live.accessor, live.kind, -1, -live.weight, 0)
        self.changes.ended.append(live.id)
        if live.sequence is not None:
            self._sequences.add(live.sequence)
            if state is State.PARKED:
                self._parked_in_order.append((live.sequence, live.number))

    def queue(self, live: Live, due_at: float, tries: int, losses: int, code: int | None) -> None:
        self._queued.append((live.number, due_at, tries, losses, code))
        if live.sequence is not None:
            self._sequences.add(live.sequence)

    def extend(self, live: Live, until: float) -> None:
        self._extended.append((live.number, until))

    def revive(self, parked: Parked) -> None:
        self._revived.append(parked)
        self._use(parked.accessor, parked.kind, 1, parked.weight, 0)
        self.changes.kinds.add(parked.kind)
        if parked.sequence is not None:
            self._sequences.add(parked.sequence)

    def record(self, live: Live, token: int, attempt: Attempt) -> None:
        self._attempts.append(
            (
                live.number, live.day, token, attempt.started_at, attempt.ended_at, attempt.outcome,
                attempt.code, attempt.detail,
            )
        )  # fmt: skip

    def count_audio(self, holders: Sequence[str | None], seconds: float) -> None:
        """These have used so much more today."""
        for holder in holders:
            if holder is not None:
                self._audio[holder] = self._audio.get(holder, 0.0) + seconds

    def release(self, live: Live, signal: Signal) -> None:
        """A job of a lane is no longer in flight, and its attempt said this of the lane's health."""
        lane = self._lanes[live.lane]
        lane.released += 1
        if live.kind not in self._fixed_caps:
            lane.health = lane.health.after(signal, self.moment)
        self.changes.kinds.add(live.kind)

    # Writing.

    async def write(self, connection: Connection) -> None:
        """What was told, in an order in which each finds what it needs."""
        moment = self.moment
        if self._new:
            await connection.fetch(_SQL["add"], moment, *_columns(self._new, 17))
        if self._said:
            await connection.fetch(_SQL["remember"], moment, *_columns(self._said, 5))
        if self._ended:
            await connection.fetch(_SQL["end"], moment, *_columns(self._ended, 12))
        if self._attempts:
            await connection.fetch(_SQL["record"], *_columns(self._attempts, 8))
        if self._queued:
            await connection.fetch(_SQL["queue"], *_columns(self._queued, 5))
        if self._extended:
            await connection.fetch(_SQL["extend"], *_columns(self._extended, 2))
        if self._revived:
            await self._write_revived(connection)
        if self._parked_in_order:
            await self._park_behind(connection)
        if self._audio:
            await connection.fetch(_COUNT_AUDIO, moment, list(self._audio), list(self._audio.values()))
        await self._finish(connection)

    async def _write_revived(self, connection: Connection) -> None:
        places = [(parked.number, parked.day) for parked in self._revived]
        await connection.fetch(_SQL["leave_parked"], *_columns(places, 2))
        rows = [
            (
                parked.number, parked.lane, (State.QUEUED if parked.sequence is None else State.HELD).value,
                parked.token, parked.sequence, parked.weight,
            )
            for parked in self._revived
        ]  # fmt: skip
        await connection.fetch(_SQL["enter_live"], self.moment, *_columns(rows, 6))

    async def _park_behind(self, connection: Connection) -> None:
        behind = await connection.fetch(_SQL["park_behind"], self.moment, *_columns(self._parked_in_order, 2))
        for job, kind, accessor, weight in behind:
            self._use(accessor, kind, -1, -weight, 0)
            self.changes.ended.append(job)

    async def _finish(self, connection: Connection) -> None:
        usage = [(*place, *change) for place, change in sorted(self._usage.items())]
        lanes = [
            (
                lane.id, lane.begun, lane.released, lane.health.cap, lane.health.successes,
                lane.health.failures, lane.health.openings, lane.health.open_until,
            )
            for lane in self._lanes.values()
        ]  # fmt: skip
        [(woken,)] = await connection.fetch(
            _SQL["finish"], self.moment, sorted(self._sequences), *_columns(usage, 5), *_columns(lanes, 8)
        )
        self.changes.kinds.update(woken)

    def _remember(self, job: NewJob, stands: tuple[Any, ...]) -> None:
        number = self._numbers.pop()
        lane = self._lanes_by_name[job.kind, job.lane]
        self._new.append(
            (
                number, job.id, job.kind, lane.id, job.project, job.payload, job.parent, job.accessor,
                job.method, tags_to_json(job.tags), job.sequence, job.weight, *stands,
            )
        )  # fmt: skip
        if job.once is not None:
            accessor, until = job.accessor or "", self.moment + job.once.seconds
            self._said.append((accessor, job.once.word, number, job.once.wish, until))
            self._words[accessor, job.once.word] = (job.id, job.once.wish)
        self._use(job.accessor, job.kind, 1, job.weight, 1)

    def _check_allowance(self, jobs: Sequence[NewJob], allowance: Allowance) -> None:
        sums: dict[tuple[str, str], tuple[int, int]] = {}
        for job in jobs:
            if job.accessor is not None:
                place = (job.accessor, job.kind)
                count, weight = sums.get(place, (0, 0))
                sums[place] = (count + 1, weight + job.weight)
        for place, (count, weight) in sums.items():
            used, used_weight = self._used.get(place, (0, 0))
            more, more_weight, _kept = self._usage.get(place, (0, 0, 0))
            if allowance.jobs is not None and used + more + count > allowance.jobs:
                raise OverAllowance(f"{used + more} jobs of {allowance.jobs} are live")
            if allowance.weight is not None and used_weight + more_weight + weight > allowance.weight:
                raise OverAllowance(f"{used_weight + more_weight} of {allowance.weight} are live")

    def _use(self, accessor: str | None, kind: str, jobs: int, weight: int, kept: int) -> None:
        if accessor is None:
            return
        before = self._usage.get((accessor, kind), (0, 0, 0))
        self._usage[accessor, kind] = (before[0] + jobs, before[1] + weight, before[2] + kept)


def _columns(rows: Any, width: int) -> list[list[Any]]:
    """Rows as the arrays that `unnest` makes rows of again."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
