"""When an event is due, and that two who see the same make the same one."""

import dataclasses

import pytest

from ringback.callbacks.operational import (
    Announced,
    Announcement,
    Condition,
    EventType,
    announced_in,
    announcements,
    event_job,
)
from ringback.jobs.job import JobId, State
from support.attempts import job_of
from support.operational import receiver

BEFORE = JobId("the event before")


def condition(level: int, subject: str = "destination:https://a.example p") -> Condition:
    return Condition(subject, level, {"failures": level})


@pytest.mark.parametrize(
    ("reported", "level", "due"),
    [
        (None, 0, None),
        (None, 1, EventType.DESTINATION_FAILING),
        (1, 1, None),
        (1, 2, EventType.DESTINATION_FAILING),
        (2, 1, None),
        (1, 0, EventType.DESTINATION_RECOVERED),
        (0, 0, None),
        (0, 1, EventType.DESTINATION_FAILING),
    ],
)
def test_an_event_follows_a_rise_and_an_end(reported: int | None, level: int, due: EventType | None) -> None:
    looked_at = condition(level)
    announced = {} if reported is None else {looked_at.subject: Announced(reported, BEFORE)}
    found = announcements([looked_at], announced)
    assert [each.type for each in found] == ([] if due is None else [due])
    assert [each.after for each in found] == ([] if due is None else [BEFORE if announced else None])


def test_what_happens_once_has_no_end() -> None:
    subject = "node:n1"
    assert announcements([condition(0, subject)], {subject: Announced(1, BEFORE)}) == []
    assert [each.type for each in announcements([condition(1, subject)], {})] == [EventType.NODE_LOST]


def test_two_nodes_that_see_the_same_make_the_same_job() -> None:
    due = Announcement(EventType.DESTINATION_FAILING, condition(1), None)
    one, other = (event_job(due, receiver(), 7_200.0 + seconds, "t") for seconds in (1, 2))
    assert one.id == other.id
    later = event_job(dataclasses.replace(due, after=one.id), receiver(), 7_201.0, "t")
    assert later.id != one.id, "the next one about the same is another"


def test_the_newest_event_about_a_subject_tells_what_is_known() -> None:
    due = Announcement(EventType.DESTINATION_FAILING, condition(1), None)
    failing = event_job(due, receiver(), 0.0, "t")
    over = Announcement(EventType.DESTINATION_RECOVERED, condition(0), failing.id)
    recovered = event_job(over, receiver(), 0.0, "t")
    assert announced_in([job_of(recovered, State.QUEUED), job_of(failing, State.QUEUED)]) == {
        condition(0).subject: Announced(0, recovered.id)
    }
    assert announced_in([job_of(failing, State.QUEUED)]) == {condition(0).subject: Announced(1, failing.id)}
