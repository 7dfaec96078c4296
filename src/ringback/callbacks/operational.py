"""Operational webhooks: which events the operator is sent, when, and in which form. Pure.

An event is a delivery like any other, in the first project: durable, retried, parked, sent again, and signed
by Standard Webhooks (https://www.standardwebhooks.com). The events in the ledger are the only record of what
was announced.

`delivery.parked` is added in the transaction that parks the delivery. The others announce conditions, for
which one node looks every few seconds (`callbacks.operational_watch`): a condition has a subject and a level,
and an event is added when its level has risen above the last announced one, or has returned to 0.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from ringback.blobs import StoredDocument
from ringback.callbacks.catcher import is_catchers
from ringback.callbacks.delivery import DeliveryOrder, OperationalEvent, order_job, order_of, split_lane
from ringback.callbacks.signers import OPERATOR
from ringback.egress.client import EgressClient
from ringback.egress.target import Target
from ringback.jobs.job import GivenUp, Job, JobId, Lane, NewJob


class EventType(StrEnum):
    """The `type` of an event."""

    DELIVERY_PARKED = "delivery.parked"
    DESTINATION_FAILING = "destination.failing"
    DESTINATION_RECOVERED = "destination.recovered"
    QUEUE_STALLED = "queue.stalled"
    QUEUE_RECOVERED = "queue.recovered"
    DISK_LOW = "disk.low"
    DISK_RECOVERED = "disk.recovered"
    KEY_EXPIRING = "key.expiring"
    NODE_LOST = "node.lost"


@dataclass(frozen=True, slots=True)
class OperatorReceiver:
    """Where events are sent. The operator has chosen it: it may be an address that callers may not name."""

    target: Target
    egress: EgressClient
    """With its own address policy."""
    project: str
    """The first project, which is the operator's."""
    types: Collection[str]
    """Of the events that are sent; empty: all of them."""

    @property
    def lane(self) -> Lane:
        """Of events alone: callbacks to the same destination have another lane."""
        return Lane(f"events to {self.target.origin} {self.project}")

    def wants(self, event_type: EventType) -> bool:
        return not self.types or event_type in self.types


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of a subject that is checked in every round."""

    subject: str
    """`kind:name`, with a kind of `_TYPES`."""
    level: int
    """0: no problem."""
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Announced:
    """The last event about a subject."""

    level: int
    job: JobId


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event that is due."""

    type: EventType
    condition: Condition
    after: JobId | None
    """The event about the same subject before it."""


_TYPES: Final[Mapping[str, tuple[EventType, EventType | None]]] = {
    "destination": (EventType.DESTINATION_FAILING, EventType.DESTINATION_RECOVERED),
    "queue": (EventType.QUEUE_STALLED, EventType.QUEUE_RECOVERED),
    "disk": (EventType.DISK_LOW, EventType.DISK_RECOVERED),
    "key": (EventType.KEY_EXPIRING, None),
    "node": (EventType.NODE_LOST, None),
}
"""Kind of subject → the types of the events for its rise and its end."""

_NAMESPACE = uuid.UUID("5f0a7f6e-5a0e-4c8e-9a53-7d7e1c1f7a10")


def announcements(conditions: Sequence[Condition], announced: Mapping[str, Announced]) -> list[Announcement]:
    """The events that are due."""
    due = []
    for condition in conditions:
        last = announced.get(condition.subject)
        announced_level = 0 if last is None else last.level
        raised, cleared = _TYPES[condition.subject.partition(":")[0]]
        after = None if last is None else last.job
        if condition.level > announced_level:
            due.append(Announcement(raised, condition, after))
        elif condition.level == 0 and announced_level > 0 and cleared is not None:
            due.append(Announcement(cleared, condition, after))
    return due


def announced_in(events: Sequence[Job]) -> dict[str, Announced]:
    """By subject, from events of the ledger, the newest first."""
    found: dict[str, Announced] = {}
    for job in events:
        event = order_of(job).event
        if event is not None and event.subject is not None:
            found.setdefault(event.subject, Announced(event.level, job.id))
    return found


def event_job(announcement: Announcement, receiver: OperatorReceiver, now: float, timestamp: str) -> NewJob:
    """The delivery of an announcement.

    The job's id follows from the event before it, so that nodes which announce the same at once make the same
    job, and the ledger accepts only one.
    """
    condition = announcement.condition
    seed = announcement.after or f"in hour {int(now // 3600)}"
    job_id = uuid.uuid5(_NAMESPACE, f"{condition.subject} {condition.level} after {seed}")
    event = OperationalEvent(announcement.type, condition.subject, condition.level)
    return _job(JobId(str(job_id)), event, condition.data, receiver, timestamp)


def parked_jobs(
    job: Job, token: int, outcome: GivenUp, receiver: OperatorReceiver, timestamp: str
) -> tuple[NewJob, ...]:
    """The event for a parked delivery; none if the delivery itself is an event, or went to the catcher."""
    destination, _ = split_lane(job.lane)
    is_ours = order_of(job).event is not None or is_catchers(destination)
    if is_ours or not receiver.wants(EventType.DELIVERY_PARKED):
        return ()
    data = {
        "delivery_id": job.id,
        "request_id": job.parent,
        "project_id": job.project,
        "key_id": job.accessor,
        "destination": destination,
        "attempts": job.tries + 1,
        "outcome": None if outcome.attempt is None else outcome.attempt.outcome,
        "code": outcome.code,
    }
    job_id = uuid.uuid5(_NAMESPACE, f"{job.id} parked by lease {token}")
    event = OperationalEvent(EventType.DELIVERY_PARKED)
    return (_job(JobId(str(job_id)), event, data, receiver, timestamp),)


def _job(
    job_id: JobId,
    event: OperationalEvent,
    data: Mapping[str, object],
    receiver: OperatorReceiver,
    timestamp: str,
) -> NewJob:
    body = msgspec.json.encode({"type": event.type, "timestamp": timestamp, "data": data}).decode()
    order = DeliveryOrder(
        request_id="",
        url="",  # the URL of the settings, when the event is sent
        method="POST",
        status=200,
        key_id=OPERATOR,
        body=StoredDocument(inline=body),
        destination=receiver.target.origin,
        event=event,
    )
    job = order_job(order, project=receiver.project, accessor=None)
    return replace(job, id=job_id, parent=None, lane=receiver.lane)
