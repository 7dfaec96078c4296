"""What is erased is gone to the last byte, on both ledgers, whatever dies on the way and who still works."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from ringback.blobs import BlobStore, FolderBlobStore, StoredDocument, blob_store_at, single_chunk
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.callbacks.order import RequestOrder
from ringback.jobs.job import Attempt, Done, GivenUp, IdempotencyKey, JobFilter, JobId, NewJob
from ringback.jobs.round_turns import OwnTurns
from ringback.jobs.usage import UsageAmount, UsageDimension, UsageFilter, Used
from ringback.keys import Project
from ringback.listen.options import ListenOptions
from ringback.server.request_lookup import REQUEST_KINDS
from ringback.streaming.record import record_job
from ringback.transcription.erasing import FORGOTTEN_SECONDS, SETTLED_SECONDS, Eraser, EraseStore, Erasing
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.fetch import with_fetch
from ringback.transcription.request import (
    KIND,
    TranscriptionOrder,
    TranscriptionResult,
    audio_key,
    document_key,
    order_of,
    request_usage,
)
from ringback.transcription.retention import RetentionService
from support.blobs import keys_of
from support.clock import ManualClock
from support.orders import job_of
from support.s3 import CREDENTIALS, S3
from support.sealing import SEAL
from support.stores import STORES, Store, database, sqlite

TENANT = Project("22222222-2222-4222-8222-222222222222", "Kanarienvogel GmbH")
CANARY = "kanarienvogel"
UPLOAD_BYTES = 1 << 20
"""As uploads have one, their bytes lie in a pack."""
URL = f"http://user:{CANARY}@127.0.0.1:9/{CANARY}"


@dataclass
class ProcessContext:
    """A ledger, blobs, and what erases them."""

    store: Store
    blobs: BlobStore
    clock: ManualClock
    folder: Path

    @property
    def erasing(self) -> Erasing:
        return Erasing(self.blobs, self.store, REQUEST_KINDS)

    @property
    def eraser(self) -> Eraser:
        return Eraser(self.erasing, self.store, OwnTurns(self.clock))

    async def recording(self, *, ends: bool = True, large: bool = False) -> JobId:
        """One with all that may be kept of it. Where it ends one callback is delivered, and one parked."""
        name = JobId(str(uuid.uuid4()))
        options = ListenOptions(extra={"note": CANARY}, tag=(CANARY,))
        order = TranscriptionOrder(options, "m", audio=audio_key(name), sha256="0" * 64, callback=URL)
        job = job_of(order, name, SEAL, project=TENANT.id, accessor="k")
        await self.blobs.put(audio_key(name), single_chunk(CANARY.encode()), UPLOAD_BYTES)
        await self.store.add([replace(job, idempotency=IdempotencyKey(f"{CANARY} {name}", b"fingerprint"))])
        if not ends:
            return name
        (lease,) = await self.store.claim(KIND, 1, 60)
        stored = (
            StoredDocument(key=document_key(name))
            if large
            else StoredDocument(inline=f'{{"transcript": "{CANARY}"}}')
        )
        if large:
            await self.blobs.put(document_key(name), single_chunk(CANARY.encode()))
        result = TranscriptionResult(stored, 1.0, 1)
        done = Done(
            200,
            msgspec.json.encode(result),
            (self.delivery(name, stored),),
            used=request_usage(lease.job, order_of(lease.job.payload), result, 200),
        )
        assert await self.store.settle(lease, done)
        await self.store.add([self.delivery(name, stored)])
        attempt = Attempt(1.0, 2.0, "server_error", 503, f'{{"answer": "{CANARY}"}}'.encode())
        first, second = await self.store.claim(DELIVER, 2, 60)
        assert await self.store.settle(first, Done(200, attempt=attempt))
        assert await self.store.settle(second, GivenUp(503, attempt=attempt))
        return name

    def delivery(self, name: JobId, body: StoredDocument, number: int | None = None) -> NewJob:
        sealed = SEAL.seal(URL, f"callback of {name}")
        origin = f"http://{CANARY}.example:80"
        order = DeliveryOrder(name, sealed, "POST", 200, "k", body, destination=origin, number=number)
        return delivery_job(order, project=TENANT.id, accessor="k")

    async def stream(self) -> JobId:
        """One that is open, with responses that wait for one another."""
        name = JobId(str(uuid.uuid4()))
        order = RequestOrder(
            ListenOptions(extra={"note": CANARY}), "m", SEAL.seal(URL, f"callback of {name}")
        )
        await self.store.begin(record_job(order, name, project=TENANT.id, accessor="k"), 120)
        await self.store.add([self.delivery(name, StoredDocument(inline=CANARY), n) for n in (1, 2, 3)])
        return name

    async def erase(self, request: JobId) -> None:
        job = await self.store.get(request)
        assert job is not None
        await self.erasing.request(job)

    async def end_project(self) -> None:
        """Its name has the word, too."""
        assert await self.store.delete_project(TENANT.id)
        await self.erasing.project(TENANT.id)

    async def jobs(self) -> int:
        pages = [
            await self.store.page(JobFilter(TENANT.id, k), 100) for k in (*REQUEST_KINDS, FETCH, DELIVER)
        ]
        return sum(len(page.jobs) for page in pages)


@pytest.fixture(params=STORES)
async def tenant(
    request: pytest.FixtureRequest, tmp_path: Path, manual_clock: ManualClock
) -> AsyncIterator[ProcessContext]:
    async with (
        STORES[request.param](tmp_path, manual_clock)() as store,
        FolderBlobStore(tmp_path / "blobs", manual_clock) as blobs,
    ):
        await store.add_project(TENANT)
        yield ProcessContext(store, blobs, manual_clock, tmp_path)
        assert not await found(request.param, tmp_path)
    assert not await found(request.param, tmp_path)


@pytest.fixture
async def file(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[ProcessContext]:
    """On SQLite alone: what does not depend on the ledger."""
    async with (
        sqlite(tmp_path, manual_clock)() as store,
        FolderBlobStore(tmp_path / "blobs", manual_clock) as blobs,
    ):
        await store.add_project(TENANT)
        yield ProcessContext(store, blobs, manual_clock, tmp_path)


def files_with_canary(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and has_canary(path.read_bytes())]


async def found(ledger: str, folder: Path) -> list[str]:
    """Where the words still stand: in files, or in rows."""
    places = files_with_canary(folder)
    if ledger != "sqlite":
        connection = await asyncpg.connect(database(ledger).url)
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in tables:
            rows = await connection.fetch(f'select t::text from "{table}" as t')
            places += [table for (row,) in rows if has_canary(row.encode())]
        await connection.close()
    return places


def has_canary(text: bytes) -> bool:
    lowered = text.lower()
    return CANARY.encode() in lowered or CANARY.encode().hex().encode() in lowered


async def test_nothing_is_left_of_ended_requests(tenant: ProcessContext) -> None:
    requests = [await tenant.recording(large=large) for large in (False, True, False)]
    assert await tenant.jobs() == 9
    for request in requests:
        await tenant.erase(request)
    assert await tenant.jobs() == 0
    assert list(await tenant.store.erasing(0.0, 10)) == []
    await tenant.end_project()


async def test_what_runs_is_cancelled_first(tenant: ProcessContext) -> None:
    waiting, stream = await tenant.recording(ends=False), await tenant.stream()
    (lease,) = await tenant.store.claim(KIND, 1, 60)
    (delivery,) = await tenant.store.claim(DELIVER, 5, 60)
    for request in (waiting, stream):
        await tenant.erase(request)
    assert await tenant.jobs() == 0
    assert not await tenant.store.settle(lease, Done(200, CANARY.encode()))
    assert not await tenant.store.settle(delivery, Done(200, CANARY.encode()))
    # Workers that have not heard of it yet.
    await tenant.blobs.put(document_key(waiting), single_chunk(CANARY.encode()))
    await tenant.store.add([tenant.delivery(stream, StoredDocument(inline=CANARY), 4)])
    await tenant.eraser.round()
    assert await tenant.jobs() == 1
    tenant.clock.advance(SETTLED_SECONDS)
    await tenant.eraser.round()
    assert await tenant.jobs() == 0
    assert await keys_of(tenant.blobs, "result") == []
    assert list(await tenant.store.erasing(0.0, 10)) == []
    await tenant.end_project()


async def test_audio_that_is_being_fetched_is_no_longer_waited_for(tenant: ProcessContext) -> None:
    name = JobId(str(uuid.uuid4()))
    order = TranscriptionOrder(ListenOptions(), "m", url=URL, callback=URL)
    await tenant.store.add(with_fetch(job_of(order, name, SEAL, project=TENANT.id, accessor="k")))
    (lease,) = await tenant.store.claim(FETCH, 1, 60)
    await tenant.erase(name)
    assert await tenant.jobs() == 0
    assert not await tenant.store.settle(lease, Done(200, CANARY.encode()))
    await tenant.blobs.put(audio_key(name), single_chunk(CANARY.encode()))
    tenant.clock.advance(SETTLED_SECONDS)
    await tenant.eraser.round()
    await tenant.end_project()


async def test_nothing_is_left_of_a_project(tenant: ProcessContext) -> None:
    for large in (False, True):
        await tenant.recording(large=large)
    await tenant.stream()
    running = await tenant.recording(ends=False)
    await tenant.store.claim(KIND, 1, 60)
    assert await tenant.store.delete_project(TENANT.id)
    await tenant.erasing.project(TENANT.id)
    assert await tenant.jobs() == 0
    await tenant.blobs.put(document_key(running), single_chunk(CANARY.encode()))
    # An upload that was admitted before.
    await tenant.recording(ends=False)
    tenant.clock.advance(SETTLED_SECONDS)
    await tenant.eraser.round()
    assert await tenant.jobs() == 0
    tenant.clock.advance(FORGOTTEN_SECONDS)
    await tenant.eraser.round()
    await tenant.store.add_project(Project(TENANT.id, "again"))  # its row is gone


async def test_nothing_is_left_in_an_object_store(
    s3: S3, tmp_path: Path, manual_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    prefix = uuid.uuid4().hex
    async with (
        sqlite(tmp_path, manual_clock)() as store,
        blob_store_at(s3.blobs_url(prefix), tmp_path / "node", manual_clock) as blobs,
    ):
        await store.add_project(TENANT)
        tenant = ProcessContext(store, blobs, manual_clock, tmp_path)
        erased, other = await tenant.recording(large=True), await tenant.recording(large=True)
        async with blobs.local(audio_key(erased)) as copy:
            assert has_canary(copy.read_bytes())
        kept_before = {key for key in s3.keys(prefix) if has_canary(s3.get(key)[0])}
        await tenant.erase(erased)
        stored = {key for key in s3.keys(prefix) if has_canary(s3.get(key)[0])}
        assert kept_before - stored == {f"{prefix}/{key(erased)}" for key in (audio_key, document_key)}
        assert stored == {f"{prefix}/{key(other)}" for key in (audio_key, document_key)}
        await tenant.end_project()
        assert not [key for key in s3.keys(prefix) if has_canary(s3.get(key)[0])]
        assert not [key for key in s3.unfinished() if key.startswith(prefix)]
        assert not await found("sqlite", tmp_path)
    assert not await found("sqlite", tmp_path)


async def test_others_keep_theirs(file: ProcessContext) -> None:
    first, second = await file.recording(large=True), await file.recording(large=True)
    await file.erase(first)
    assert await file.jobs() == 3
    assert await keys_of(file.blobs, "result") == [document_key(second)]
    assert await keys_of(file.blobs, "audio") == [audio_key(second)]


class Dies(Exception):
    """The process ends here."""


class Dying:
    """Passes everything on, until so many calls were made."""

    def __init__(self, inner: object, calls: list[int]) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)

        async def counted(*arguments: Any) -> Any:
            if not self._calls:
                raise Dies
            self._calls.pop()
            return await method(*arguments)

        return counted


async def test_a_request_that_was_half_erased_is_finished(file: ProcessContext) -> None:
    """The process dies before the first step, before the second, and so on."""
    whole, steps = False, 0
    while not whole:
        request = await file.recording(large=True)
        whole = await dies_after(steps, file, request)
        begun = request in await file.store.erasing(0.0, 10)
        assert begun or whole or steps == 0
        file.clock.advance(SETTLED_SECONDS)
        await file.eraser.round()
        if steps == 0:
            assert await file.jobs() == 3
            await file.erase(request)
        assert await file.jobs() == 0, steps
        assert await keys_of(file.blobs, "audio") == await keys_of(file.blobs, "result") == []
        steps += 1
    assert steps > 6


async def dies_after(steps: int, file: ProcessContext, request: JobId) -> bool:
    """Erase a request in a process that dies after so many steps; whether it came through."""
    calls = [0] * steps
    blobs, store = cast("BlobStore", Dying(file.blobs, calls)), cast("EraseStore", Dying(file.store, calls))
    job = await file.store.get(request)
    assert job is not None
    try:
        await Erasing(blobs, store, REQUEST_KINDS).request(job)
    except Dies:
        return False
    return True


class Asking(Dying):
    """Each parked delivery is sent again, just before it would be erased."""

    def __init__(self, inner: Store, times: int) -> None:
        super().__init__(inner, [0] * 1_000)
        self._store = inner
        self._times = times

    async def erase(self, jobs: Sequence[JobId], used: Mapping[JobId, Used] | None = None) -> int:
        if self._times:
            self._times -= 1
            for job in jobs:
                await self._store.requeue(job)
        return await self._store.erase(jobs, used)


@pytest.mark.parametrize("stripped", [False, True])
async def test_what_is_erased_goes_on_counting_without_its_tags(file: ProcessContext, stripped: bool) -> None:
    stored, erased = await file.recording(), await file.recording()
    if stripped:
        file.clock.advance(100.0)
        keeper = RetentionService(file.blobs, file.store, keep_results=0, keep_history=1e6, keep_usage=1e6)
        await keeper.round(asyncio.Event())
    await file.erase(erased)
    everything = UsageFilter(TENANT.id, 0, 10_000_000)
    counted = await file.store.daily_usage(everything, UsageDimension.TAGS, 10)
    assert {each.group: each.amount for each in counted} == {
        (): UsageAmount(1, 1.0, 1.0),
        (CANARY,): UsageAmount(1, 1.0, 1.0),
    }
    await file.erase(stored)
    assert (await file.store.used_labels(everything, 10)).tags == frozenset()


@pytest.mark.parametrize("times", [1, 2, 100])
async def test_who_asks_again_meanwhile_does_not_keep_it(file: ProcessContext, times: int) -> None:
    request = await file.recording(large=True)
    job = await file.store.get(request)
    assert job is not None
    store = cast("EraseStore", Asking(file.store, times))
    await Erasing(file.blobs, store, REQUEST_KINDS).request(job)
    assert bool(await file.jobs()) is bool(await file.store.erasing(0.0, 10))
    file.clock.advance(SETTLED_SECONDS)
    await file.eraser.round()
    assert await file.jobs() == 0
    assert list(await file.store.erasing(0.0, 10)) == []


async def test_a_project_that_was_half_erased_is_finished(file: ProcessContext) -> None:
    await file.recording(large=True)
    await file.stream()
    await file.store.delete_project(TENANT.id)
    calls = [0] * 9
    blobs, store = cast("BlobStore", Dying(file.blobs, calls)), cast("EraseStore", Dying(file.store, calls))
    with pytest.raises(Dies):
        await Erasing(blobs, store, REQUEST_KINDS).project(TENANT.id)
    assert await file.jobs() > 0
    await file.eraser.round()
    assert await file.jobs() == 0
    assert list(await file.store.deleted_projects()) == []
