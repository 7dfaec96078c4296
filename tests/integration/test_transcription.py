"""What the handler of recordings makes of its failures, and what is left of the audio afterwards."""

import asyncio
import errno
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from ringback.audio.reader import AudioReader
from ringback.blobs import BlobKey, FolderBlobs, OutOfReach, Stored, kept, once, read_kept
from ringback.callbacks.delivery import order_of as delivery_of
from ringback.callbacks.delivery import place_of_callback
from ringback.engines.base import Quality
from ringback.engines.messages import Setup
from ringback.engines.pool import EnginePool
from ringback.engines.registry import Catalogue
from ringback.errors import Failure, Refusal
from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Done,
    GivenUp,
    Interrupted,
    Job,
    JobId,
    Lease,
    NewJob,
    Retry,
)
from ringback.jobs.retry import GrowingSchedule
from ringback.listen.options import ListenOptions
from ringback.storage.sqlite import SqliteLedger
from ringback.transcription import transcribe
from ringback.transcription.progress import Progress
from ringback.transcription.remote import AudioNotFetched
from ringback.transcription.request import KIND, Order, audio_key, document_key, ending_of, order_job
from ringback.transcription.sweep import UNCLAIMED_AFTER, Sweep
from ringback.transcription.transcribe import AFTER_A_SURPRISE, WHILE_IT_PASSES, Transcriber
from support.clock import ManualClock
from support.sealing import SEAL

CALLBACK = "https://user:secret@example.com/hook?token=1"


@dataclass
class House:
    """The handler over a real ledger and real blobs; these requests end before they reach its engine."""

    ledger: SqliteLedger
    blobs: FolderBlobs
    clock: ManualClock
    transcriber: Transcriber

    async def accepted(self, order: Order) -> Lease:
        """A job for this order, claimed."""
        await self.ledger.add([job_for(order)])
        (lease,) = await self.ledger.claim(KIND, 1, 60)
        return lease


async def refused_fetch(url: str) -> AsyncIterator[bytes]:
    if "full" in url:
        raise OSError(errno.ENOSPC, "no space left, and a secret in the text")
    if "odd" in url:
        raise ZeroDivisionError
    if "busy" in url:
        failure = Failure(400, "REMOTE_CONTENT_ERROR", "it answered 503")
        raise AudioNotFetched(failure, "it answered 503", 40.0 if "asks" in url else None)
    if url:
        raise Refusal(400, "REMOTE_CONTENT_ERROR", f"not from {url}")
    yield b""


def job_for(order: Order) -> NewJob:
    return order_job(order, JobId(str(uuid.uuid4())), SEAL, project="p", accessor="key")


@asynccontextmanager
async def house_in(folder: Path, clock: ManualClock) -> AsyncIterator[House]:
    ledger = await SqliteLedger.open(folder / "ringback.db", clock, serving=True)
    blobs = FolderBlobs(folder / "blobs", clock)
    async with ledger:
        yield House(
            ledger,
            blobs,
            clock,
            Transcriber(
                reader=AudioReader(children=1),
                pool=EnginePool(Setup("none", str(folder), 1, "cpu", "default")),
                catalogue=Catalogue("tiny.en", folder / "models"),
                fetch=refused_fetch,
                seal=SEAL,
                blobs=blobs,
                progress=Progress(),
                clock=clock,
                upload_limit=1_000,
                quality=Quality.FAST,
            ),
        )


@pytest.fixture
async def house(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[House]:
    async with house_in(tmp_path, manual_clock) as house:
        yield house


async def document(house: House, done: Done) -> dict[str, str]:
    assert done.result is not None
    found: dict[str, str] = json.loads(await read_kept(house.blobs, ending_of(done.result).document))
    return found


async def test_a_refusal_is_the_answer_and_the_delivery_follows(house: House) -> None:
    order = Order(
        ListenOptions(callback_method="PUT"), "tiny.en", url="https://example.com/a", callback=CALLBACK
    )
    lease = await house.accepted(order)
    done = await house.transcriber(lease)
    assert isinstance(done, Done)
    assert done.code == 400
    assert await document(house, done) == {
        "err_code": "REMOTE_CONTENT_ERROR",
        "err_msg": "not from https://example.com/a",
        "request_id": lease.job.id,
    }
    (follow_up,) = done.follow_ups
    delivery = delivery_of(as_job(lease.job, follow_up))
    assert SEAL.open(delivery.url, place_of_callback(lease.job.id)) == CALLBACK
    assert (delivery.origin, delivery.method, delivery.status) == ("https://example.com:443", "PUT", 400)
    assert (follow_up.parent, delivery.request_id, delivery.key_id) == (lease.job.id, lease.job.id, "key")

    assert await house.ledger.settle(lease, done)
    (child,) = await house.ledger.children(lease.job.id, 9)
    assert child.id == follow_up.id


def as_job(like: Job, new: NewJob) -> Job:
    return replace(like, id=new.id, kind=new.kind, payload=new.payload)


async def test_a_finished_document_waits_for_blobs_that_are_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[BlobKey] = []
    real = FolderBlobs.put

    async def away(
        blobs: FolderBlobs, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None
    ) -> Stored:
        if key.startswith("result/"):
            tries.append(key)
            if len(tries) < 3:
                raise OutOfReach("it did not answer in time")
        return await real(blobs, key, chunks, limit)

    monkeypatch.setattr(FolderBlobs, "put", away)
    monkeypatch.setattr(kept, "INLINE_LIMIT", 0)
    monkeypatch.setattr(transcribe, "WHILE_BLOBS_ARE_AWAY", (0.0, 0.0))
    lease = await house.accepted(Order(ListenOptions(), "tiny.en", url="https://example.com/a"))
    done = await house.transcriber(lease)
    assert isinstance(done, Done)
    assert (await document(house, done))["err_code"] == "REMOTE_CONTENT_ERROR"
    assert len(tries) == 3


async def test_a_waiting_caller_needs_no_delivery(house: House) -> None:
    done = await house.transcriber(
        await house.accepted(Order(ListenOptions(), "tiny.en", url="https://x.com"))
    )
    assert isinstance(done, Done)
    assert done.follow_ups == ()


@pytest.mark.parametrize(
    ("url", "schedule"),
    [("https://odd.example.com", AFTER_A_SURPRISE), ("https://full.example.com", WHILE_IT_PASSES)],
)
async def test_a_fault_of_ours_is_met_a_few_times_and_then_told(
    house: House, url: str, schedule: GrowingSchedule
) -> None:
    lease = await house.accepted(Order(ListenOptions(), "tiny.en", url=url, callback=CALLBACK))
    outcomes = [
        await house.transcriber(replace(lease, job=replace(lease.job, tries=tries)))
        for tries in range(len(schedule.delays) + 1)
    ]
    delays = [outcome.delay for outcome in outcomes if isinstance(outcome, Retry)]
    assert delays == list(schedule.delays)
    last = outcomes[-1]
    assert isinstance(last, Done)
    assert last.code == 500
    assert (await document(house, last))["err_code"] == "Internal Server Error"
    assert len(last.follow_ups) == 1


@pytest.mark.parametrize(
    ("url", "callback", "expected"),
    [
        ("https://busy.example", CALLBACK, [2, 10, 30, 120, 300]),
        ("https://busy.example/asks", CALLBACK, [40, 40, 40, 120, 300]),
        ("https://busy.example", None, [1, 3]),
        ("https://busy.example/asks", None, []),
    ],
)
async def test_audio_that_may_come_later_is_fetched_again_before_the_request_ends(
    house: House, url: str, callback: str | None, expected: list[float]
) -> None:
    lease = await house.accepted(Order(ListenOptions(), "tiny.en", url=url, callback=callback))
    for delay in expected:
        outcome = await house.transcriber(lease)
        assert isinstance(outcome, Retry)
        assert outcome.delay == delay
        assert await house.ledger.settle(lease, outcome)
        house.clock.advance(delay)
        (lease,) = await house.ledger.claim(KIND, 1, 60)  # the tries are counted in the ledger
    done = await house.transcriber(lease)
    assert isinstance(done, Done)
    assert done.code == 400
    assert (await document(house, done))["err_msg"] == "it answered 503"
    attempts = await house.ledger.attempts(lease.job.id, 9)
    assert [each.outcome for each in attempts] == ["not_fetched"] * len(expected)


def test_trouble_that_may_be_mended_is_waited_for_through_a_night() -> None:
    assert sum(WHILE_IT_PASSES.delays) > 5 * 3600


async def test_a_model_that_is_gone_gives_way_to_the_one_that_answers_today(house: House) -> None:
    order = Order(ListenOptions(model="nova-3"), "gone", url="https://example.com")
    done = await house.transcriber(await house.accepted(order))
    assert isinstance(done, Done)
    assert (await document(house, done))["err_code"] == "REMOTE_CONTENT_ERROR", "it came as far as the fetch"


async def test_a_named_model_that_is_gone_is_refused_in_words(house: House) -> None:
    order = Order(ListenOptions(model="gone"), "gone", url="https://example.com")
    done = await house.transcriber(await house.accepted(order))
    assert isinstance(done, Done)
    assert done.code == 400
    assert "No such model" in (await document(house, done))["err_msg"]


async def test_credentials_do_not_lie_in_the_ledger(house: House) -> None:
    options = ListenOptions(callback=CALLBACK)
    lease = await house.accepted(Order(options, "tiny.en", url="https://example.com", callback=CALLBACK))
    assert b"secret" not in lease.job.payload


async def test_a_recording_that_took_the_server_down_again_and_again_fails_before_it_is_parked(
    tmp_path: Path, manual_clock: ManualClock
) -> None:
    async with house_in(tmp_path, manual_clock) as house:
        await house.accepted(Order(ListenOptions(), "tiny.en", url="https://example.com", callback=CALLBACK))
    for _ in range(
        LOSSES_BEFORE_PARKING + 1
    ):  # each opening stands for a crash of the server that held the lease
        async with house_in(tmp_path, manual_clock) as house:
            (lease,) = await house.ledger.claim(KIND, 1, 60)
            outcome = await house.transcriber(lease)
            assert not isinstance(outcome, GivenUp | Interrupted | Retry)
            if outcome.code == 500:
                assert await house.ledger.settle(lease, outcome)
                assert len(await house.ledger.children(lease.job.id, 9)) == 1
                return
    pytest.fail("the recording was tried for ever")


async def test_audio_stays_as_long_as_its_request_lives(house: House) -> None:
    sweep = Sweep(house.blobs, house.ledger, house.clock)
    order = Order(ListenOptions(), "tiny.en", url="https://example.com")
    lease = await house.accepted(order)
    key = audio_key(lease.job.id)
    await house.blobs.put(key, once(b"audio"))
    assert await sweep.round("audio", asyncio.Event()) == 0
    assert await house.blobs.get(key) == b"audio"

    assert await house.ledger.settle(lease, Done(200, msgspec.json.encode({})))
    assert await sweep.round("audio", asyncio.Event()) == 1
    with pytest.raises(KeyError):
        await house.blobs.get(key)


async def test_audio_that_was_never_accepted_goes_after_an_hour(house: House, tmp_path: Path) -> None:
    sweep = Sweep(house.blobs, house.ledger, house.clock)
    key = audio_key(JobId(str(uuid.uuid4())))
    await house.blobs.put(key, once(b"audio"))
    written = house.clock.now()
    os.utime(tmp_path / "blobs" / key, (written, written))
    assert await sweep.round("audio", asyncio.Event()) == 0
    house.clock.advance(UNCLAIMED_AFTER + 1)
    assert await sweep.round("audio", asyncio.Event()) == 1


async def test_the_audio_of_a_parked_recording_waits_with_it(house: House) -> None:
    lease = await house.accepted(Order(ListenOptions(), "tiny.en", url="https://example.com"))
    key = audio_key(lease.job.id)
    await house.blobs.put(key, once(b"audio"))
    assert await house.ledger.settle(lease, GivenUp(500))
    assert await Sweep(house.blobs, house.ledger, house.clock).round("audio", asyncio.Event()) == 0


async def test_the_document_of_a_cancelled_request_goes(house: House) -> None:
    order = Order(ListenOptions(), "tiny.en", url="https://example.com")
    cancelled, finished = await house.accepted(order), await house.accepted(order)
    for lease in (cancelled, finished):
        await house.blobs.put(document_key(lease.job.id), once(b"words"))
    await house.ledger.cancel(cancelled.job.id)
    assert await house.ledger.settle(finished, Done(200))
    assert await Sweep(house.blobs, house.ledger, house.clock).round("result", asyncio.Event()) == 1
    assert await house.blobs.get(document_key(finished.job.id)) == b"words"
