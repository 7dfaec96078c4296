"""What the handler of recordings makes of its failures, and what is left of the audio afterwards."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from ringback.blobs import (
    BlobKey,
    FolderBlobStore,
    StoredBlob,
    StoreUnreachable,
    single_chunk,
    stored_document,
)
from ringback.callbacks.delivery import callback_context
from ringback.callbacks.delivery import order_of as delivery_of
from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Done,
    GivenUp,
    Interrupted,
    JobId,
    Retry,
)
from ringback.listen.options import ListenOptions
from ringback.retry_schedule import RetrySchedule
from ringback.transcription import handling, transcribe
from ringback.transcription.faults import AFTER_TEMPORARY, AFTER_UNEXPECTED
from ringback.transcription.request import (
    KIND,
    TranscriptionOrder,
    audio_key,
    document_key,
)
from ringback.transcription.sweep import UNCLAIMED_AFTER, SweepService
from support.clock import ManualClock
from support.sealing import SEAL
from support.transcribing import CALLBACK, Setup, as_job, document, limited, setup_in


async def test_a_waiting_caller_is_refused_when_the_days_audio_is_used_up(setup: Setup) -> None:
    lease = await setup.accepted(limited())
    await setup.ledger.count_audio({"key": 10.0})
    done = await setup.transcriber(lease)
    assert isinstance(done, Done)
    assert (done.code, done.audio_seconds) == (429, 0.0)
    assert (await document(setup, done))["err_code"] == "TOO_MANY_REQUESTS"


async def test_what_is_called_back_waits_for_the_next_day_or_a_higher_limit(setup: Setup) -> None:
    lease = await setup.accepted(limited(callback=CALLBACK))
    await setup.ledger.count_audio({"key": 10.0})
    again = await setup.transcriber(lease)
    assert isinstance(again, Interrupted)
    assert 0 < again.delay <= transcribe.QUOTA_CHECK_SECONDS
    setup.clock.advance(86_400)
    assert isinstance(await setup.transcriber(lease), Done)


async def test_what_was_accepted_without_a_limit_is_not_counted(setup: Setup) -> None:
    lease = await setup.accepted(TranscriptionOrder(ListenOptions(), "tiny.en", url="https://x.com"))
    await setup.ledger.count_audio({"key": 10.0})
    done = await setup.transcriber(lease)
    assert isinstance(done, Done)
    assert done.code == 400


@pytest.fixture
async def setup(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[Setup]:
    async with setup_in(tmp_path, manual_clock) as setup:
        yield setup


async def test_a_refusal_is_the_answer_and_the_delivery_follows(setup: Setup) -> None:
    order = TranscriptionOrder(
        ListenOptions(callback_method="PUT"), "tiny.en", url="https://example.com/a", callback=CALLBACK
    )
    lease = await setup.accepted(order)
    done = await setup.transcriber(lease)
    assert isinstance(done, Done)
    assert done.code == 400
    assert await document(setup, done) == {
        "err_code": "REMOTE_CONTENT_ERROR",
        "err_msg": "not from https://example.com/a",
        "request_id": lease.job.id,
    }
    (follow_up,) = done.follow_ups
    delivery = delivery_of(as_job(lease.job, follow_up))
    assert SEAL.open(delivery.url, callback_context(lease.job.id)) == CALLBACK
    assert (delivery.destination, delivery.method, delivery.status) == ("https://example.com:443", "PUT", 400)
    assert (follow_up.parent, delivery.request_id, delivery.key_id) == (lease.job.id, lease.job.id, "key")

    assert await setup.ledger.settle(lease, done)
    (child,) = await setup.ledger.children(lease.job.id, 9)
    assert child.id == follow_up.id


async def test_a_finished_document_waits_for_blobs_that_are_away(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[BlobKey] = []
    real = FolderBlobStore.put

    async def away(
        blobs: FolderBlobStore, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None
    ) -> StoredBlob:
        if key.startswith("result/"):
            tries.append(key)
            if len(tries) < 3:
                raise StoreUnreachable("it did not answer in time")
        return await real(blobs, key, chunks, limit)

    monkeypatch.setattr(FolderBlobStore, "put", away)
    monkeypatch.setattr(stored_document, "INLINE_LIMIT", 0)
    monkeypatch.setattr(handling, "BLOB_STORE_DELAYS", (0.0, 0.0))
    lease = await setup.accepted(TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com/a"))
    done = await setup.transcriber(lease)
    assert isinstance(done, Done)
    assert (await document(setup, done))["err_code"] == "REMOTE_CONTENT_ERROR"
    assert len(tries) == 3


async def test_a_waiting_caller_needs_no_delivery(setup: Setup) -> None:
    done = await setup.transcriber(
        await setup.accepted(TranscriptionOrder(ListenOptions(), "tiny.en", url="https://x.com"))
    )
    assert isinstance(done, Done)
    assert done.follow_ups == ()


@pytest.mark.parametrize(
    ("url", "schedule"),
    [
        ("https://odd.example.com", AFTER_UNEXPECTED),
        ("https://full.example.com", AFTER_TEMPORARY),
    ],
)
async def test_a_fault_of_ours_is_met_a_few_times_and_then_reported(
    setup: Setup, url: str, schedule: RetrySchedule
) -> None:
    lease = await setup.accepted(TranscriptionOrder(ListenOptions(), "tiny.en", url=url, callback=CALLBACK))
    outcomes = [
        await setup.transcriber(replace(lease, job=replace(lease.job, tries=tries)))
        for tries in range(len(schedule.delays) + 1)
    ]
    delays = [outcome.delay for outcome in outcomes if isinstance(outcome, Retry)]
    assert delays == list(schedule.delays)
    last = outcomes[-1]
    assert isinstance(last, Done)
    assert last.code == 500
    assert (await document(setup, last))["err_code"] == "Internal Server Error"
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
    setup: Setup, url: str, callback: str | None, expected: list[float]
) -> None:
    lease = await setup.accepted(TranscriptionOrder(ListenOptions(), "tiny.en", url=url, callback=callback))
    for delay in expected:
        outcome = await setup.transcriber(lease)
        assert isinstance(outcome, Retry)
        assert outcome.delay == delay
        assert await setup.ledger.settle(lease, outcome)
        setup.clock.advance(delay)
        (lease,) = await setup.ledger.claim(KIND, 1, 60)  # the tries are counted in the ledger
    done = await setup.transcriber(lease)
    assert isinstance(done, Done)
    assert done.code == 400
    assert (await document(setup, done))["err_msg"] == "it answered 503"
    attempts = await setup.ledger.attempts(lease.job.id, 9)
    assert [each.outcome for each in attempts] == ["not_fetched"] * len(expected)


def test_trouble_that_may_pass_is_waited_for_through_a_night() -> None:
    assert sum(AFTER_TEMPORARY.delays) > 5 * 3600


async def test_a_model_that_is_gone_gives_way_to_the_one_that_answers_today(setup: Setup) -> None:
    order = TranscriptionOrder(ListenOptions(model="nova-3"), "gone", url="https://example.com")
    done = await setup.transcriber(await setup.accepted(order))
    assert isinstance(done, Done)
    assert (await document(setup, done))["err_code"] == "REMOTE_CONTENT_ERROR", "it came as far as the fetch"


async def test_a_named_model_that_is_gone_is_refused_in_words(setup: Setup) -> None:
    order = TranscriptionOrder(ListenOptions(model="gone"), "gone", url="https://example.com")
    done = await setup.transcriber(await setup.accepted(order))
    assert isinstance(done, Done)
    assert done.code == 400
    assert "No such model" in (await document(setup, done))["err_msg"]


async def test_credentials_do_not_lie_in_the_ledger(setup: Setup) -> None:
    options = ListenOptions(callback=CALLBACK)
    lease = await setup.accepted(
        TranscriptionOrder(options, "tiny.en", url="https://example.com", callback=CALLBACK)
    )
    assert b"secret" not in lease.job.payload


async def test_a_recording_that_took_the_server_down_again_and_again_fails_before_it_is_parked(
    tmp_path: Path, manual_clock: ManualClock
) -> None:
    async with setup_in(tmp_path, manual_clock) as setup:
        await setup.accepted(
            TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com", callback=CALLBACK)
        )
    for _ in range(
        LOSSES_BEFORE_PARKING + 1
    ):  # each opening stands for a crash of the server that held the lease
        async with setup_in(tmp_path, manual_clock) as setup:
            (lease,) = await setup.ledger.claim(KIND, 1, 60)
            outcome = await setup.transcriber(lease)
            assert not isinstance(outcome, GivenUp | Interrupted | Retry)
            if outcome.code == 500:
                assert await setup.ledger.settle(lease, outcome)
                assert len(await setup.ledger.children(lease.job.id, 9)) == 1
                return
    pytest.fail("the recording was tried for ever")


async def test_audio_stays_as_long_as_its_request_lives(setup: Setup) -> None:
    sweep = SweepService(setup.blobs, setup.ledger, setup.clock)
    order = TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com")
    lease = await setup.accepted(order)
    key = audio_key(lease.job.id)
    await setup.blobs.put(key, single_chunk(b"audio"))
    assert await sweep.round("audio", asyncio.Event()) == 0
    assert await setup.blobs.get(key) == b"audio"

    assert await setup.ledger.settle(lease, Done(200, msgspec.json.encode({})))
    assert await sweep.round("audio", asyncio.Event()) == 1
    with pytest.raises(KeyError):
        await setup.blobs.get(key)


async def test_audio_that_was_never_accepted_goes_after_an_hour(setup: Setup, tmp_path: Path) -> None:
    sweep = SweepService(setup.blobs, setup.ledger, setup.clock)
    key = audio_key(JobId(str(uuid.uuid4())))
    await setup.blobs.put(key, single_chunk(b"audio"))
    written = setup.clock.now()
    os.utime(tmp_path / "blobs" / key, (written, written))
    assert await sweep.round("audio", asyncio.Event()) == 0
    setup.clock.advance(UNCLAIMED_AFTER + 1)
    assert await sweep.round("audio", asyncio.Event()) == 1


async def test_the_audio_of_a_parked_recording_waits_with_it(setup: Setup) -> None:
    lease = await setup.accepted(TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com"))
    key = audio_key(lease.job.id)
    await setup.blobs.put(key, single_chunk(b"audio"))
    assert await setup.ledger.settle(lease, GivenUp(500))
    assert await SweepService(setup.blobs, setup.ledger, setup.clock).round("audio", asyncio.Event()) == 0


async def test_the_document_of_a_cancelled_request_goes(setup: Setup) -> None:
    order = TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com")
    cancelled, finished = await setup.accepted(order), await setup.accepted(order)
    for lease in (cancelled, finished):
        await setup.blobs.put(document_key(lease.job.id), single_chunk(b"words"))
    await setup.ledger.cancel(cancelled.job.id)
    assert await setup.ledger.settle(finished, Done(200))
    assert await SweepService(setup.blobs, setup.ledger, setup.clock).round("result", asyncio.Event()) == 1
    assert await setup.blobs.get(document_key(finished.job.id)) == b"words"


@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
async def test_a_lost_recording_is_our_fault_and_not_the_audios(setup: Setup, damage: str) -> None:
    """However it was lost: before it was opened, or so that only the decoder finds it."""
    audio = b"RIFF" + bytes(500)
    sha256 = hashlib.sha256(audio).hexdigest()
    order = TranscriptionOrder(
        ListenOptions(), "tiny.en", audio=BlobKey("audio/x"), sha256=sha256, callback=CALLBACK
    )
    lease = await setup.accepted(order)
    if damage != "gone":
        await setup.blobs.put(BlobKey("audio/x"), single_chunk(audio[:9] if damage == "cut" else audio[::-1]))
    first = await setup.transcriber(lease)
    assert isinstance(first, Retry), "it may be there again in a moment"
    tries = len(AFTER_UNEXPECTED.delays)
    done = await setup.transcriber(replace(lease, job=replace(lease.job, tries=tries)))
    assert isinstance(done, Done)
    assert (done.code, len(done.follow_ups)) == (500, 1)
    assert (await document(setup, done))["err_code"] == "Internal Server Error"
