"""What has had its time goes, in bounded steps, whatever fails on the way; what is still needed stays."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from ringback.blobs import BlobKey, FolderBlobStore, StoredDocument, single_chunk
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.callbacks.delivery import order_of as delivery_of
from ringback.jobs.job import Done, GivenUp, Job, JobId, NewJob
from ringback.jobs.store import LedgerUnavailable
from ringback.listen.options import ListenOptions
from ringback.storage.sqlite import SqliteLedger
from ringback.transcription import retention
from ringback.transcription.request import (
    KIND,
    TranscriptionOrder,
    TranscriptionResult,
    audio_key,
    document_key,
    order_job,
    result_of,
)
from ringback.transcription.retention import LEAST_KEPT, RetentionService
from ringback.transcription.sweep import SweepService
from support.blobs import keys_of
from support.clock import ManualClock
from support.logs import capture_logs
from support.sealing import SEAL
from support.waiting import eventually

RESULTS, HISTORY = 1_000.0, 10_000.0
URL = "http://127.0.0.1:8443/private"


@dataclass
class Environment:
    """A ledger and blobs in which things grow old."""

    ledger: SqliteLedger
    blobs: FolderBlobStore
    clock: ManualClock
    service: RetentionService

    async def round(self) -> bool:
        return await self.service.round(asyncio.Event())

    async def ended(self, number: int, *, large: bool = True, callback: bool = True) -> Job:
        """A transcription that is done; with a callback its delivery is queued."""
        name = JobId(f"00000000-0000-4000-8000-{number:012}")
        order = TranscriptionOrder(
            ListenOptions(), "m", audio=audio_key(name), sha256="0" * 64, callback=URL if callback else None
        )
        await self.blobs.put(audio_key(name), single_chunk(b"RIFF"))
        await self.ledger.add([order_job(order, name, SEAL, project="p", accessor="k")])
        (lease,) = await self.ledger.claim(KIND, 1, 60)
        stored = StoredDocument(key=document_key(name)) if large else StoredDocument(inline="{}")
        if large:
            await self.blobs.put(document_key(name), single_chunk(b"{}"))
        ending = msgspec.json.encode(TranscriptionResult(stored, 1.0, 1))
        follow_ups = (self.delivery(name, stored),) if callback else ()
        assert await self.ledger.settle(lease, Done(200, ending, follow_ups))
        return await self.job(name)

    def delivery(self, request_id: JobId, body: StoredDocument) -> NewJob:
        sealed = SEAL.seal(URL, f"callback of {request_id}")
        order = DeliveryOrder(request_id, sealed, "POST", 200, "k", body, destination="http://127.0.0.1:8443")
        return delivery_job(order, project="p", accessor="k")

    async def deliver(self, outcome: Done | GivenUp) -> Job:
        (lease,) = await self.ledger.claim(DELIVER, 1, 60)
        assert await self.ledger.settle(lease, outcome)
        return await self.job(lease.job.id)

    async def job(self, name: JobId) -> Job:
        found = await self.ledger.get(name)
        assert found is not None
        return found

    async def results(self) -> list[BlobKey]:
        return await keys_of(self.blobs, "result")

    async def body_of(self, delivery: Job) -> StoredDocument:
        return delivery_of(await self.job(delivery.id)).body


@pytest.fixture
async def env(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[Environment]:
    async with (
        await SqliteLedger.open(tmp_path / "ledger.db", manual_clock, serving=True) as ledger,
        FolderBlobStore(tmp_path / "blobs", manual_clock) as blobs,
    ):
        yield Environment(
            ledger,
            blobs,
            manual_clock,
            RetentionService(blobs, ledger, keep_results=RESULTS, keep_history=HISTORY, keep_usage=HISTORY),
        )


async def test_a_document_goes_in_its_time_and_not_before(env: Environment) -> None:
    job = await env.ended(1, callback=False)
    env.clock.advance(RESULTS - 1)
    await env.round()
    assert await env.results() == [document_key(job.id)]
    env.clock.advance(1)
    await env.round()
    assert await env.results() == []
    ending = result_of((await env.job(job.id)).result or b"")
    assert (ending.document, ending.duration, ending.channels) == (StoredDocument(), 1.0, 1)


async def test_a_blob_goes_with_the_last_that_has_it(env: Environment) -> None:
    job = await env.ended(1)
    first = await env.deliver(Done(200))
    env.clock.advance(600)
    await env.ledger.add([env.delivery(job.id, StoredDocument(key=document_key(job.id)))])
    second = await env.deliver(GivenUp(500))
    env.clock.advance(600)
    await env.round()
    assert await env.body_of(first) == StoredDocument()
    assert await env.body_of(second) == StoredDocument(key=document_key(job.id)) != StoredDocument()
    assert await env.results() == [document_key(job.id)]
    env.clock.advance(400)
    await env.round()
    assert await env.body_of(second) == StoredDocument()
    assert await env.results() == []


async def test_a_delivery_that_is_still_on_its_way_has_its_body(env: Environment) -> None:
    await env.ended(1)
    env.clock.advance(5 * RESULTS)
    await env.round()
    assert len(await env.results()) == 1
    delivery = await env.deliver(GivenUp(500))
    assert (await env.body_of(delivery)).key is not None


async def test_no_url_stays_and_the_record_does_until_its_time(env: Environment) -> None:
    job = await env.ended(1, large=False)
    delivery = await env.deliver(GivenUp(500))
    env.clock.advance(RESULTS)
    await env.round()
    assert (await env.job(job.id)).payload.count(b"sealed1.") == 0
    assert delivery_of(await env.job(delivery.id)).url == ""
    env.clock.advance(HISTORY)
    await env.round()
    await env.round()
    assert await env.ledger.get(job.id) is None
    assert await env.ledger.get(delivery.id) is None


async def test_the_audio_of_a_parked_recording_goes_with_it(env: Environment) -> None:
    name = JobId("00000000-0000-4000-8000-000000000001")
    await env.blobs.put(audio_key(name), single_chunk(b"RIFF"))
    order = TranscriptionOrder(ListenOptions(), "m", audio=audio_key(name), sha256="0" * 64)
    await env.ledger.add([order_job(order, name, SEAL, project="p", accessor="k")])
    (lease,) = await env.ledger.claim(KIND, 1, 60)
    assert await env.ledger.settle(lease, GivenUp())
    await env.round()
    assert await keys_of(env.blobs, "audio") == [audio_key(name)]
    env.clock.advance(RESULTS)
    await env.round()
    assert await keys_of(env.blobs, "audio") == []


async def test_a_round_has_an_end_and_says_so(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "BATCHES", 2)
    for number in range(5):
        await env.ended(number, callback=False)
    env.clock.advance(RESULTS)
    assert not await env.round()
    assert len(await env.results()) == 1
    assert await env.round()
    assert await env.results() == []


async def test_a_crash_between_blob_and_row_is_repaired_by_the_next_round(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await env.ended(1, callback=False)
    env.clock.advance(RESULTS)

    async def away(*_: object) -> int:
        raise LedgerUnavailable("locked")

    with monkeypatch.context() as broken:
        broken.setattr(SqliteLedger, "strip", away)
        with pytest.raises(LedgerUnavailable):
            await env.round()
    assert await env.results() == []
    assert await env.round()
    assert result_of((await env.job(job.id)).result or b"").document == StoredDocument()


async def test_the_service_outlives_a_ledger_that_is_away(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await env.ended(1, callback=False)
    env.clock.advance(RESULTS)
    monkeypatch.setattr(retention, "EVERY", 0.01)
    real, failed = SqliteLedger.ended, asyncio.Event()

    async def away_once(ledger: SqliteLedger, kind: str, ago: float, limit: int) -> list[Job]:
        if not failed.is_set():
            failed.set()
            raise LedgerUnavailable("locked")
        return await real(ledger, kind, ago, limit)

    monkeypatch.setattr(SqliteLedger, "ended", away_once)
    stopping = asyncio.Event()
    with capture_logs() as events:
        running = asyncio.create_task(env.service.run(stopping))

        async def is_empty() -> bool:
            return not await env.results()

        await eventually(is_empty)
        stopping.set()
        await running
    assert [event["event"] for event in events] == ["retention.failed"]


async def test_however_short_the_time_a_result_can_still_be_read(env: Environment) -> None:
    service = RetentionService(env.blobs, env.ledger, keep_results=0, keep_history=0, keep_usage=0)
    await env.ended(1, callback=False)
    env.clock.advance(LEAST_KEPT - 1)
    await service.round(asyncio.Event())
    assert len(await env.results()) == 1
    env.clock.advance(1)
    await service.round(asyncio.Event())
    assert await env.results() == []


async def test_audio_stays_for_its_time_after_the_end(env: Environment) -> None:
    job = await env.ended(1, callback=False)
    sweep = SweepService(env.blobs, env.ledger, env.clock, keep_audio=500.0)
    for seconds, stripped in ((0.0, [audio_key(job.id)]), (499.0, [audio_key(job.id)]), (2.0, [])):
        env.clock.advance(seconds)
        await sweep.round("audio", asyncio.Event())
        assert await keys_of(env.blobs, "audio") == stripped


async def test_the_words_are_nowhere_on_the_disk_after_their_time(
    tmp_path: Path, manual_clock: ManualClock
) -> None:
    """While the server runs, after the round; and no page or log has them after it has closed."""
    words = b"a secret that was said once"
    folder = tmp_path / "data"
    async with (
        await SqliteLedger.open(folder / "ledger.db", manual_clock, serving=True) as ledger,
        FolderBlobStore(folder / "blobs", manual_clock) as blobs,
    ):
        for number in range(20):
            name = JobId(f"00000000-0000-4000-8000-{number:012}")
            order = TranscriptionOrder(ListenOptions(), "m", audio=audio_key(name), sha256="0" * 64)
            await ledger.add([order_job(order, name, SEAL, project="p", accessor="k")])
            (lease,) = await ledger.claim(KIND, 1, 60)
            stored = StoredDocument(inline=words.decode() * 100)
            assert await ledger.settle(
                lease, Done(200, msgspec.json.encode(TranscriptionResult(stored, 1.0, 1)))
            )
        assert _holding(folder, words)
        manual_clock.advance(RESULTS + 1)
        service = RetentionService(
            blobs, ledger, keep_results=RESULTS, keep_history=HISTORY, keep_usage=HISTORY
        )
        await service.round(asyncio.Event())
        assert _holding(folder, words) == []
    assert _holding(folder, words) == []


def _holding(folder: Path, words: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and words in path.read_bytes()]


async def test_extra_goes_with_the_results(env: Environment) -> None:
    name = JobId("00000000-0000-4000-8000-000000000099")
    order = TranscriptionOrder(ListenOptions(extra={"note": "private"}, tag=("t",)), "m")
    await env.ledger.add([order_job(order, name, SEAL, project="p", accessor="k")])
    (lease,) = await env.ledger.claim(KIND, 1, 60)
    assert await env.ledger.settle(
        lease, Done(200, msgspec.json.encode(TranscriptionResult(StoredDocument(inline="{}"), 1.0, 1)))
    )
    env.clock.advance(RESULTS)
    await env.round()
    stripped = await env.job(name)
    assert b"private" not in stripped.payload
    assert stripped.tags == ("t",)
