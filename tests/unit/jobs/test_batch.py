"""What a batch decides, over rows that stand here instead of in a ledger."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from ringback.jobs.batch import JobBatch
from ringback.jobs.commands import (
    Add,
    Begin,
    Cancel,
    ExpiredLease,
    Extend,
    JobCommand,
    Requeue,
    Rescue,
    Settle,
)
from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Allowance,
    Attempt,
    Done,
    GivenUp,
    IdempotencyKey,
    Interrupted,
    Job,
    JobId,
    Lane,
    Lease,
    NewJob,
    Retry,
    Signal,
    State,
)
from ringback.jobs.lane import FIRST_CAP, Health
from ringback.jobs.records import (
    AddedJob,
    AttemptRecord,
    EndedJob,
    KeyRecord,
    KnownKey,
    LaneRecord,
    LiveJob,
    ParkedJob,
    ReadSet,
    RowSet,
    WriteSet,
)
from ringback.jobs.store import AlreadyRequested, OverAllowance
from ringback.jobs.usage import UsageAmount
from support.usage import used

NOW = 1_000.0
HELD, QUEUED, LEASED, DONE, PARKED, CANCELLED = State


def live(number: int, state: State, sequence: str | None = None) -> LiveJob:
    leased = state is LEASED
    return LiveJob(
        number=number, id=JobId(str(number)), kind="deliver", project="p", accessor="key", lane=1,
        state=state, tries=0, losses=0, due_at=NOW - 5.0, code=None, token=int(leased),
        lease_until=NOW if leased else None, sequence=sequence, weight=2,
    )  # fmt: skip


def lane(inflight: int = 1, next_due: float | None = None) -> LaneRecord:
    return LaneRecord(1, "deliver", "a", Health(), inflight, next_due, roomy_at=0.0)


def snapshot(*jobs: LiveJob, of: LaneRecord | None = None, **fields: Any) -> RowSet:
    return replace(
        RowSet(NOW, numbers=range(100, 200), lanes={1: of or lane()}, live={job.id: job for job in jobs}),
        **fields,
    )


def lease(job: LiveJob) -> Lease:
    requested = Job(
        id=job.id, kind=job.kind, lane=Lane("a"), project="p", payload=b"", parent=None, accessor="key",
        method="sync", tags=(), state=LEASED, tries=0, losses=0, created_at=NOW, due_at=NOW, finished_at=None,
        code=None, result=None, sequence=job.sequence,
    )  # fmt: skip
    return Lease(requested, 1)


def new(number: int, sequence: str | None = None, **fields: Any) -> NewJob:
    job = NewJob(JobId(f"new {number}"), "deliver", Lane("a"), "p", b"", accessor="key", sequence=sequence)
    return structs.replace(job, **fields)


def decided(rows: RowSet, *commands: JobCommand[Any]) -> tuple[list[Any], WriteSet]:
    batch = JobBatch(rows, {})
    answers = [command.decide(batch) for command in commands]
    return answers, batch.finish()


def moved(writes: WriteSet) -> dict[int, State]:
    return {job.number: job.state for job in writes.moved.values()}


def ended(writes: WriteSet) -> dict[int, State]:
    return {end.live.number: end.live.state for end in writes.ended}


def added(writes: WriteSet) -> dict[int, State]:
    return {add.live.number: add.live.state for add in writes.added}


class TestSequences:
    def test_the_end_of_one_lets_the_next_go_at_once(self) -> None:
        first, second = live(1, LEASED, "s"), live(2, HELD, "s")
        answers, writes = decided(snapshot(first, second), Settle(lease(first), Done(200)))
        assert answers == [True]
        assert (ended(writes), moved(writes)) == ({1: DONE}, {2: QUEUED})
        assert second.due_at == NOW

    def test_of_several_that_leave_in_one_batch(self) -> None:
        jobs = [live(1, LEASED, "s"), live(2, HELD, "s"), live(3, HELD, "s")]
        commands = [Settle(lease(jobs[0]), Done(200)), Cancel(jobs[1].id)]
        _answers, writes = decided(snapshot(*jobs), *commands)
        assert (ended(writes), moved(writes)) == ({1: DONE, 2: CANCELLED}, {3: QUEUED})

    def test_a_new_one_starts_queued_when_those_before_it_leave(self) -> None:
        first = live(1, LEASED, "s")
        _answers, writes = decided(snapshot(first), Settle(lease(first), Done(200)), Add([new(1, "s")], None))
        assert (added(writes), moved(writes)) == ({100: QUEUED}, {})

    @pytest.mark.parametrize(("order", "state"), [((0, 1), PARKED), ((1, 0), QUEUED)])
    def test_one_that_is_added_before_another_is_parked_is_parked_with_it(
        self, order: Sequence[int], state: State
    ) -> None:
        first = live(1, LEASED, "s")
        commands: list[JobCommand[Any]] = [Add([new(1, "s")], None), Settle(lease(first), GivenUp(410))]
        _answers, writes = decided(snapshot(first), *(commands[place] for place in order))
        assert added(writes) == {100: state}
        assert ended(writes) == ({1: PARKED, 100: PARKED} if state is PARKED else {1: PARKED})

    def test_an_older_one_takes_its_turn_from_a_later_one_whose_lease_is_lost(self) -> None:
        older, later = live(1, HELD, "s"), live(2, LEASED, "s")
        expired = ExpiredLease(later.id, "s", 0)
        answers, writes = decided(snapshot(older, later), Rescue([expired]))
        assert answers == [1]
        assert moved(writes) == {1: QUEUED, 2: HELD}

    def test_a_parked_one_waits_while_a_later_one_is_in_work(self) -> None:
        later = live(2, LEASED, "s")
        parked = ParkedJob(1, JobId("1"), "deliver", "p", "key", 1, token=4, sequence="s", weight=2)
        answers, writes = decided(snapshot(later, parked={parked.id: parked}), Requeue(parked.id))
        assert answers == [True]
        [revived] = writes.revived
        assert (revived.state, revived.token, moved(writes)) == (HELD, 4, {})


class TestRescue:
    def test_parks_what_was_lost_too_often_with_all_behind_it(self) -> None:
        jobs = [live(1, LEASED, "s"), live(2, HELD, "s")]
        jobs[0].losses = LOSSES_BEFORE_PARKING - 1
        expired = ExpiredLease(jobs[0].id, "s", jobs[0].losses)
        reads = ReadSet({})
        Rescue([expired]).read(reads)
        assert reads.whole_sequences == {"s"}
        assert ended(decided(snapshot(*jobs), Rescue([expired]))[1]) == {1: PARKED, 2: PARKED}

    def test_leaves_to_the_next_sweep_what_it_did_not_read_whole(self) -> None:
        job = live(1, LEASED, "s")
        job.losses = LOSSES_BEFORE_PARKING - 1
        answers, writes = decided(snapshot(job), Rescue([ExpiredLease(job.id, "s", job.losses - 1)]))
        assert (answers, writes.ended, writes.moved) == ([0], [], {})

    def test_leaves_a_lease_that_was_prolonged_meanwhile(self) -> None:
        job = live(1, LEASED)
        job.lease_until = NOW + 1.0
        assert decided(snapshot(job), Rescue([ExpiredLease(job.id, None, 0)]))[0] == [0]


class TestLanes:
    def test_know_the_first_due_job_that_joins(self) -> None:
        of = lane(next_due=NOW + 10.0)
        decided(snapshot(of=of), Add([new(1, delay=20.0), new(2, delay=5.0)], None))
        assert (of.next_due, of.next_due_stale) == (NOW + 5.0, False)

    def test_are_looked_at_when_a_queued_job_leaves(self) -> None:
        of = lane(next_due=NOW - 5.0)
        decided(snapshot(live(1, QUEUED), of=of), Cancel(JobId("1")))
        assert of.next_due_stale

    def test_know_since_when_they_have_room(self) -> None:
        full, roomy = lane(inflight=FIRST_CAP), lane(inflight=FIRST_CAP - 1)
        for of, roomy_at in ((full, NOW), (roomy, 0.0)):
            job = live(1, LEASED)
            decided(snapshot(job, of=of), Settle(lease(job), Retry(1.0)))
            assert of.roomy_at == roomy_at

    def test_of_kinds_with_a_fixed_cap_have_no_health(self) -> None:
        of, job = lane(), live(1, LEASED)
        batch = JobBatch(snapshot(job, of=of), {"deliver": 3})
        Settle(lease(job), Retry(1.0, signal=Signal.BAD)).decide(batch)
        assert of.health == Health()

    def test_that_nothing_happened_to_are_not_written(self) -> None:
        assert decided(snapshot(live(1, HELD, "s"), live(2, LEASED, "s")), Cancel(JobId("1")))[1].lanes == []


class TestRefusals:
    def test_come_before_anything_is_done(self) -> None:
        known = {("key", "k"): KnownKey(JobId("1"), b"same")}
        batch = JobBatch(snapshot(keys=known), {})
        with pytest.raises(AlreadyRequested) as requested:
            Add([new(1), new(2, idempotency=IdempotencyKey("k", b"same"))], None).decide(batch)
        assert (requested.value.job, requested.value.same_request) == (JobId("1"), True)
        assert batch.finish() == WriteSet(lanes=[])

    def test_a_follow_up_has_no_key(self) -> None:
        job = live(1, LEASED)
        batch = JobBatch(snapshot(job), {})
        settle = Settle(lease(job), Done(200, follow_ups=(new(1, idempotency=IdempotencyKey("k", b"")),)))
        with pytest.raises(ValueError, match="no idempotency key"):
            settle.decide(batch)
        assert batch.finish() == WriteSet(lanes=[])

    def test_a_key_that_was_given_earlier_in_the_batch_is_known(self) -> None:
        batch = JobBatch(snapshot(keys={}), {})
        Add([new(1, idempotency=IdempotencyKey("k", b"a"))], None).decide(batch)
        with pytest.raises(AlreadyRequested) as known:
            Add([new(2, idempotency=IdempotencyKey("k", b"b"))], None).decide(batch)
        assert (known.value.job, known.value.same_request) == (JobId("new 1"), False)

    def test_an_allowance_counts_what_the_batch_did_before(self) -> None:
        job = live(1, LEASED)
        batch = JobBatch(snapshot(job, usages={("key", "deliver"): (2, 4)}), {})
        Add([new(1)], Allowance(jobs=3)).decide(batch)
        with pytest.raises(OverAllowance):
            Add([new(2)], Allowance(jobs=3)).decide(batch)
        Settle(lease(job), Done(200)).decide(batch)
        Add([new(3)], Allowance(jobs=3)).decide(batch)

    def test_a_job_that_is_begun_waits_for_nothing(self) -> None:
        for waiting in (new(1, "s"), new(1, delay=1.0)):
            with pytest.raises(ValueError, match="no sequence and no delay"):
                Begin(waiting, 30.0, None, 1)


def test_a_lease_with_an_old_token_moves_nothing() -> None:
    job = live(1, LEASED)
    job.token = 2
    answers, writes = decided(snapshot(job), Settle(lease(job), Interrupted()))
    assert (answers, writes) == ([False], WriteSet(lanes=[]))


class TestWrites:
    """All that one command writes, and what those who wait learn of it."""

    def test_of_an_added_job(self) -> None:
        of = lane(inflight=0)
        key = IdempotencyKey("k", b"print", 60.0)
        job = new(1, weight=3, delay=5.0, idempotency=key)
        batch = JobBatch(snapshot(of=of), {})
        Add([job], None).decide(batch)
        live = LiveJob(
            number=100, id=job.id, kind="deliver", project="p", accessor="key", lane=1, state=QUEUED, tries=0,
            losses=0, due_at=NOW + 5.0, code=None, token=0, lease_until=None, sequence=None, weight=3,
        )  # fmt: skip
        assert batch.finish() == WriteSet(
            added=[AddedJob(job, live, None)],
            keys=[KeyRecord("key", "k", 100, b"print", NOW + 60.0)],
            usages={("key", "deliver"): (1, 3, 1)},
            lanes=[of],
        )
        assert (set(batch.changes.ready), batch.changes.ended) == ({"deliver"}, [])
        assert (of.inflight, of.next_due) == (0, NOW + 5.0)

    def test_of_a_job_that_is_begun(self) -> None:
        of = lane(inflight=2)
        job = new(1, weight=3, parent=JobId("parent"), method="POST", tags=("a",), payload=b"what")
        batch = JobBatch(snapshot(of=of), {})
        begun = Begin(job, 30.0, None, 7).decide(batch)
        assert begun == Lease(
            Job(
                id=job.id, kind="deliver", lane=Lane("a"), project="p", payload=b"what",
                parent=JobId("parent"), accessor="key", method="POST", tags=("a",), state=LEASED, tries=0,
                losses=0, created_at=NOW, due_at=NOW, finished_at=None, code=None, result=None,
            ),
            1,
        )  # fmt: skip
        live = LiveJob(
            number=100, id=job.id, kind="deliver", project="p", accessor="key", lane=1, state=LEASED, tries=0,
            losses=0, due_at=NOW, code=None, token=1, lease_until=NOW + 30.0, sequence=None, weight=3,
        )  # fmt: skip
        assert batch.finish() == WriteSet(
            added=[AddedJob(job, live, 7)], usages={("key", "deliver"): (1, 3, 1)}, lanes=[of]
        )
        assert of.inflight == 3

    def test_of_a_settled_job(self) -> None:
        of, job = lane(), live(1, LEASED)
        attempt = Attempt(NOW - 2.0, NOW, "delivered", 200)
        batch = JobBatch(snapshot(job, of=of), {})
        assert Settle(lease(job), Done(201, b"result", attempt=attempt, audio_seconds=7.5)).decide(batch)
        assert (job.state, job.tries, job.losses, job.code) == (DONE, 1, 0, 201)
        assert batch.finish() == WriteSet(
            ended=[EndedJob(job, b"result")],
            attempts=[AttemptRecord(job, 1, attempt)],
            usages={("key", "deliver"): (-1, -2, 0)},
            audio={"key": 7.5, "p": 7.5},
            lanes=[of],
        )
        assert batch.changes.ended == [job.id]
        assert batch.changes.ends == {("deliver", "done"): 1}
        assert set(batch.changes.ready) == {"deliver"}
        assert of.inflight == 0

    def test_audio_of_several_jobs_adds_up_and_a_job_without_a_key_counts_for_its_project(self) -> None:
        first, second = live(1, LEASED), live(2, LEASED)
        second.accessor = None
        settles = [Settle(lease(each), Done(200, audio_seconds=2.0)) for each in (first, second)]
        _answers, writes = decided(snapshot(first, second, of=lane(inflight=2)), *settles)
        assert writes.audio == {"key": 2.0, "p": 4.0}
        assert writes.usages == {("key", "deliver"): (-1, -2, 0)}

    def test_of_a_retry(self) -> None:
        of, job = lane(), live(1, LEASED)
        job.losses = 2
        _answers, writes = decided(snapshot(job, of=of), Settle(lease(job), Retry(3.0, 503)))
        assert writes == WriteSet(moved={1: job}, lanes=[of])
        assert (job.state, job.lease_until, job.due_at) == (QUEUED, None, NOW + 3.0)
        assert (job.tries, job.losses, job.code) == (1, 0, 503)
        assert (of.inflight, of.next_due) == (0, NOW + 3.0)

    def test_of_a_prolonged_lease(self) -> None:
        ours, lost = live(1, LEASED), live(2, LEASED)
        lost.token = 9
        answers, writes = decided(snapshot(ours, lost), Extend([lease(ours), lease(lost)], 45.0))
        assert answers == [{ours.id}]
        assert writes == WriteSet(moved={1: ours}, lanes=[])
        assert (ours.lease_until, lost.lease_until) == (NOW + 45.0, NOW)

    def test_of_a_cancelled_job(self) -> None:
        of, job = lane(), live(1, LEASED)
        job.tries, job.losses, job.code = 3, 2, 503
        answers, writes = decided(snapshot(job, of=of), Cancel(job.id))
        assert answers == [True]
        assert writes.ended == [EndedJob(job, None)]
        assert (job.state, job.tries, job.losses, job.code) == (CANCELLED, 3, 2, 503)
        assert of.inflight == 0
        assert decided(snapshot(structs.replace(job)), Cancel(job.id))[0] == [False], "it has ended"

    @pytest.mark.parametrize("sequence", [None, "s"])
    def test_of_a_parked_job_that_is_asked_for_again(self, sequence: str | None) -> None:
        of = lane(inflight=0)
        parked = ParkedJob(
            1, JobId("1"), "deliver", "p", "key", 1, token=4, sequence=sequence, weight=2, partition=8
        )
        batch = JobBatch(snapshot(of=of, parked={parked.id: parked}), {})
        assert Requeue(parked.id).decide(batch)
        revived = LiveJob(
            number=1, id=JobId("1"), kind="deliver", project="p", accessor="key", lane=1, state=QUEUED,
            tries=0, losses=0, due_at=NOW, code=None, token=4, lease_until=None, sequence=sequence, weight=2,
            partition=8,
        )  # fmt: skip
        assert batch.finish() == WriteSet(
            revived=[revived], usages={("key", "deliver"): (1, 2, 0)}, lanes=[of]
        ), "it has no live row yet, so that nothing has moved"
        assert set(batch.changes.ready) == {"deliver"}
        assert of.next_due == NOW

    def test_of_those_that_are_parked_behind_another(self) -> None:
        first, behind = live(1, LEASED, "s"), live(2, HELD, "s")
        batch = JobBatch(snapshot(first, behind), {})
        Settle(lease(first), GivenUp(410, b"why")).decide(batch)
        writes = batch.finish()
        assert writes.ended == [EndedJob(first, b"why"), EndedJob(behind, None)]
        assert writes.usages == {("key", "deliver"): (-2, -4, 0)}
        assert batch.changes.ended == [first.id, behind.id]
        assert batch.changes.ends == {("deliver", "parked"): 2}

    def test_an_older_job_is_not_parked_with_a_later_one_nor_one_that_has_ended(self) -> None:
        older, later, over = live(1, HELD, "s"), live(2, LEASED, "s"), live(3, CANCELLED, "s")
        _answers, writes = decided(snapshot(older, later, over), Settle(lease(later), GivenUp(410)))
        assert (ended(writes), moved(writes)) == ({2: PARKED}, {1: QUEUED})

    def test_two_jobs_of_one_call_have_keys_of_their_own(self) -> None:
        key = IdempotencyKey("k", b"a")
        add = Add([new(1, idempotency=key), new(2, idempotency=key)], None)
        with pytest.raises(ValueError, match="two jobs with the idempotency key 'k'"):
            add.decide(JobBatch(snapshot(), {}))
        other = new(2, idempotency=key, accessor="another")
        assert added(decided(snapshot(), Add([new(1, idempotency=key), other], None))[1]) == {
            100: QUEUED,
            101: QUEUED,
        }

    @pytest.mark.parametrize(
        ("allowance", "text"),
        [(Allowance(jobs=2), "1 jobs of 2 are live"), (Allowance(weight=9), "5 of 9 are live")],
    )
    def test_a_refusal_names_what_is_live(self, allowance: Allowance, text: str) -> None:
        rows = snapshot(usages={("key", "deliver"): (1, 5)})
        with pytest.raises(OverAllowance, match=text):
            decided(rows, Add([new(1, weight=2), new(2, weight=3)], allowance))
        decided(rows, Add([new(1, weight=4)], allowance))

    def test_an_allowance_may_be_used_up_and_counts_each_key_alone(self) -> None:
        rows = snapshot(usages={("key", "deliver"): (1, 5)})
        jobs = [new(1, weight=2), new(2, weight=3)]
        unknown, keyless = new(3, weight=10, accessor="another"), new(4, weight=99, accessor=None)
        batch = JobBatch(rows, {})
        Add([*jobs, unknown, keyless], Allowance(jobs=3, weight=10)).decide(batch)
        with pytest.raises(OverAllowance, match="10 of 10 are live"):
            Add([new(5, weight=1)], Allowance(weight=10)).decide(batch)
        with pytest.raises(OverAllowance, match="3 jobs of 3 are live"):
            Add([new(5)], Allowance(jobs=3)).decide(batch)


class TestUsage:
    def test_what_requests_have_used_is_merged_by_key(self) -> None:
        jobs = [live(number, LEASED) for number in (1, 2, 3)]
        mine, others = used(seconds=2.0, channels=2), used(accessor="l")
        outcomes = [Done(200, used=mine), Done(500, used=mine), Done(200, used=others)]
        commands = [Settle(lease(job), outcome) for job, outcome in zip(jobs, outcomes, strict=True)]
        _answers, writes = decided(snapshot(*jobs, of=lane(inflight=3)), *commands)
        assert writes.used == {mine.key: UsageAmount(2, 4.0, 8.0), others.key: others.amount}

    def test_a_lost_lease_and_an_end_without_usage_count_nothing(self) -> None:
        queued, held = live(1, QUEUED), live(2, LEASED)
        answers, writes = decided(
            snapshot(queued, held),
            Settle(lease(queued), Done(200, used=used())),
            Settle(lease(held), Done(200)),
        )
        assert (answers, writes.used) == ([False, True], {})
