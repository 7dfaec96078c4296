"""What a relay counts: what may have been read, what may wait, what stands in the record."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import pytest

from ringback.callbacks.order import RequestOrder, with_callback
from ringback.egress.target import read_target
from ringback.errors import Failure
from ringback.jobs.job import Done, Job, JobId, Lane, NewJob, State
from ringback.jobs.store import LedgerUnavailable
from ringback.jobs.usage import UsageAmount
from ringback.listen.actions import CloseReason, MessageKind, SendMessage
from ringback.listen.options import ListenOptions
from ringback.sealing import Seal
from ringback.streaming import http_relay
from ringback.streaming.http_relay import HttpCallbackRelay
from ringback.streaming.record import StreamResult, ended, error_document, record_job
from ringback.streaming.relay import RelayLost
from ringback.streaming.websocket_relay import MAX_UNREAD, UnacknowledgedMessages
from ringback.transcription.request import order_of, result_of

REQUEST = JobId("f0b5a2e6-0f39-4a92-b2a5-000000000000")


def filled(count: int) -> UnacknowledgedMessages:
    unread = UnacknowledgedMessages()
    for number in range(1, count + 1):
        unread.add_message(str(number).encode())
    return unread


def test_a_pong_confirms_everything_before_its_ping() -> None:
    unread = filled(5)
    assert (unread.first, unread.ping_payload) == (1, b"5")
    unread.confirm_read(b"3")
    assert list(unread) == [b"4", b"5"]
    assert unread.first == 4
    unread.confirm_read(b"2")
    assert unread.first == 4
    unread.confirm_read(b"5")
    assert (list(unread), unread.first) == ([], 6)


@pytest.mark.parametrize("label", [b"", b"nonsense", b"-1", b"9" * 30, "٣".encode()])
def test_a_pong_that_is_not_ours_confirms_no_more_than_was_said(label: bytes) -> None:
    unread = filled(2)
    unread.confirm_read(label)
    assert unread.first in (1, 3)


def test_what_is_kept_for_sending_again_is_bounded() -> None:
    unread = filled(MAX_UNREAD)
    with pytest.raises(RelayLost) as lost:
        unread.add_message(b"one more")
    assert lost.value.ending is CloseReason.CALLBACK_BEHIND
    large = UnacknowledgedMessages()
    for _ in range(8):
        large.add_message(b"x" * 1_000_000)
    with pytest.raises(RelayLost):
        large.add_message(b"x" * 1_000_000)


@dataclass
class Ledger:
    """The two methods of the store that the callback of a stream uses."""

    added: list[NewJob] = field(default_factory=list)
    counted: int = 0
    away: int = 0
    done: int = 0

    async def add(self, jobs: Sequence[NewJob]) -> None:
        if self.away:
            self.away -= 1
            raise LedgerUnavailable("locked")
        self.added += jobs

    async def waiting(self, sequence: str, most: int) -> int:
        self.counted += 1
        assert sequence == REQUEST
        return min(most, len(self.added) - self.done)


def callback(ledger: Ledger, backlog: int) -> HttpCallbackRelay:
    def delivery(number: int, message: bytes) -> NewJob:
        return NewJob(JobId(str(number)), "deliver", Lane("l"), "p", message)

    return HttpCallbackRelay(ledger, REQUEST, delivery, backlog)  # type: ignore[arg-type] # as far as it is used


def final(text: bytes = b"{}") -> SendMessage:
    return SendMessage(text, MessageKind.FINAL)


async def test_responses_are_numbered_over_batches() -> None:
    ledger = Ledger()
    relay = callback(ledger, 100)
    await relay.send_messages([final(b"a"), final(b"b")])
    await relay.send_messages([final(b"c")])
    assert [(job.id, job.payload) for job in ledger.added] == [("1", b"a"), ("2", b"b"), ("3", b"c")]


async def test_the_ledger_is_asked_only_when_the_room_may_be_used_up() -> None:
    ledger = Ledger()
    relay = callback(ledger, 10)
    for _ in range(10):
        await relay.send_messages([final()])
    assert ledger.counted == 0
    ledger.done = 9
    for _ in range(9):
        await relay.send_messages([final()])
    assert ledger.counted == 1
    with pytest.raises(RelayLost) as lost:
        await relay.send_messages([final()])
    assert (ledger.counted, lost.value.ending, len(ledger.added)) == (2, CloseReason.CALLBACK_BEHIND, 19)


async def test_a_ledger_that_stays_away_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_relay, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(http_relay, "LEDGER_SECONDS", 0.01)
    relay = callback(Ledger(away=1_000), 10)
    with pytest.raises(RelayLost) as lost:
        await relay.send_messages([final()])
    assert lost.value.ending is CloseReason.FAILED


def test_a_record_reads_as_a_request_of_the_history() -> None:
    options = ListenOptions(callback="https://user:secret@example.com/", tag=("a",), vad_events=True)
    target = read_target("https://user:secret@example.com/")
    order = with_callback(RequestOrder(options, "tiny.en"), target, REQUEST, Seal([b"k" * 32]))
    job = record_job(order, REQUEST, project="p", accessor="k")
    assert (job.method, job.tags, job.lane) == ("streaming", ("a",), "p")
    assert b"secret" not in job.payload
    read = order_of(job.payload)
    assert (read.model, read.callback_destination) == ("tiny.en", "https://example.com:443")
    assert read.options == msgspec.structs.replace(options, callback=None)

    document = error_document(Failure(502, "STREAM_ENDED", "why"), REQUEST)
    record = Job(
        id=job.id, kind=job.kind, lane=job.lane, project=job.project, payload=job.payload, parent=None,
        accessor=job.accessor, method=job.method, tags=job.tags, state=State.LEASED, tries=0, losses=0,
        created_at=7_200.0, due_at=7_200.0, finished_at=None, code=None, result=None,
    )  # fmt: skip
    done = ended(record, StreamResult(document, 2.5, 1, "u"), 502, started_at=10.0, ended_at=5.0)
    assert isinstance(done, Done)
    assert done.used is not None
    assert (done.used.key.hour, done.used.key.method, done.used.key.tags) == (2, "streaming", ("a",))
    assert done.used.amount == UsageAmount(1, 2.5, 2.5)
    assert done.result is not None
    ending = result_of(done.result)
    assert (ending.duration, ending.channels, ending.model, ending.document) == (2.5, 1, "u", document)
    assert done.attempt is not None
    assert (done.attempt.outcome, done.attempt.started_at, done.attempt.ended_at) == ("broken", 10.0, 10.0)
