"""Why a delivery is not under way."""

import pytest

from ringback.jobs.job import Job, JobId, Lane, State
from ringback.jobs.lane import OpenBreaker
from ringback.server.delivery_routes import WaitReason, waiting_of

NOW = 1_000.0


def job(state: State, due_at: float) -> Job:
    return Job(
        id=JobId("d"), kind="deliver", lane=Lane("h p"), project="p", payload=b"", parent=None, accessor=None,
        method="async", tags=(), state=state, tries=0, losses=0, created_at=0.0, due_at=due_at,
        finished_at=None, code=None, result=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("due_at", "breaker", "waiting"),
    [
        (NOW + 9, None, WaitReason("schedule", NOW + 9)),
        (NOW - 9, None, WaitReason("turn", None)),
        (NOW - 9, OpenBreaker(NOW + 5, 7), WaitReason("breaker", NOW + 5, 7)),
        (NOW + 4, OpenBreaker(NOW + 5, 7), WaitReason("breaker", NOW + 5, 7)),
        (NOW + 9, OpenBreaker(NOW + 5, 7), WaitReason("schedule", NOW + 9)),
        # It is being tried, or about to be: the end of that is not known.
        (NOW - 9, OpenBreaker(NOW - 1, 7), WaitReason("breaker", None, 7)),
        (NOW - 1, OpenBreaker(NOW - 2, 7), WaitReason("breaker", None, 7)),
    ],
)
def test_what_is_queued_waits_for_its_time_its_destination_or_its_turn(
    due_at: float, breaker: OpenBreaker | None, waiting: WaitReason
) -> None:
    assert waiting_of(job(State.QUEUED, due_at), breaker, NOW) == waiting


def test_what_is_held_waits_for_those_before_it() -> None:
    assert waiting_of(job(State.HELD, NOW - 9), OpenBreaker(NOW + 5, 7), NOW) == WaitReason("order", None)


@pytest.mark.parametrize("state", [State.LEASED, State.DONE, State.PARKED, State.CANCELLED])
def test_what_runs_or_has_ended_does_not_wait(state: State) -> None:
    assert waiting_of(job(state, NOW - 9), OpenBreaker(NOW + 5, 7), NOW) is None
