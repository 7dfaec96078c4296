"""`POST /v1/listen` when the client leaves, or the ledger, the disk or the engine fails."""

import asyncio
import errno
import http.client
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ringback import telemetry
from ringback.blobs import READ_SIZE, DiskFull, FolderBlobStore, StoredBlob
from ringback.blobs.packs import PACKS
from ringback.jobs.job import Job, JobId, State
from ringback.jobs.store import LedgerUnavailable
from ringback.settings import LimitSettings
from ringback.storage.sqlite import SqliteLedger
from support.blobs import stored_below
from support.front import Front, front
from support.logs import capture_logs
from support.uploads import AUDIO, CALLBACK, head_of, jobs, nothing_is_left
from support.waiting import PATIENCE, eventually


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(api: Front) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head_of("Content-Length: 10000000") + b"x" * 3_000_000)
    await writer.drain()
    incoming = api.folder / "incoming"
    await eventually(lambda: any(incoming.iterdir()))
    with capture_logs() as events:
        writer.transport.abort()
        await eventually(lambda: not any(incoming.iterdir()) and events)
    assert await nothing_is_left(api)
    assert [(event["event"], event["status"]) for event in events] == [("request.refused", 422)]


PART = b"RIFF" + bytes(3_000)


@pytest.mark.parametrize("path", ["/v1/listen", f"/v1/listen?callback={CALLBACK}", "/v1/auth/grant"])
@pytest.mark.parametrize("content_type", ["audio/wav", "application/json"])
@pytest.mark.parametrize(
    "framing", [(b"Content-Length: 10000", PART), (b"Transfer-Encoding: chunked", b"1000\r\n" + PART)]
)
async def test_a_truncated_upload_is_a_422(
    api: Front, path: str, content_type: str, framing: tuple[bytes, bytes]
) -> None:
    header, body = framing
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head_of(header.decode(), f"Content-Type: {content_type}", path=path) + body)
    writer.write_eof()
    async with asyncio.timeout(PATIENCE):
        head, _, document = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 422 ")
    answered = msgspec.json.decode(document)
    assert "ASR_UNPROCESSABLE_ENTITY" in {answered.get("err_code"), answered.get("category")}
    assert "Unable to read the entire client request." in {answered.get("err_msg"), answered.get("message")}
    assert await nothing_is_left(api)


async def test_a_waiting_caller_that_leaves_frees_its_place(api: Front) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head_of("Content-Length: 4") + b"RIFF")
    lease = await api.claim()
    writer.transport.abort()
    async with asyncio.timeout(PATIENCE):
        ended = await api.ledger.wait_for_end(lease.job.id)
    assert ended.state is State.CANCELLED


async def test_the_patience_of_a_waiting_caller_has_a_limit(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(processing_seconds=0.2)) as api:
        answer = await api.call("POST", "/v1/listen", data=AUDIO)
        assert answer.status == 504
        assert "callback" in answer.headers["dg-error"]
        job = await api.ledger.get((await jobs(api))[0])  # type: ignore[arg-type] # ids as text
        assert job is not None
        assert job.state is State.CANCELLED


async def test_a_504_stays_one_when_the_job_cannot_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: JobId) -> bool:
        raise LedgerUnavailable("locked")

    async with front(tmp_path, limits=LimitSettings(processing_seconds=0.2)) as api:
        monkeypatch.setattr(SqliteLedger, "cancel", lambda _, job: away(job))
        with capture_logs() as events:
            answer = await api.call("POST", "/v1/listen", data=AUDIO)
    assert answer.status == 504
    assert ("request.not_cancelled", "locked") in [(event["event"], event.get("error")) for event in events]


async def test_a_waiting_caller_gets_an_error_when_the_ledger_goes_away(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: SqliteLedger, __: JobId) -> Job:
        raise LedgerUnavailable("gone")

    monkeypatch.setattr(SqliteLedger, "wait_for_end", away)
    answer = await api.call("POST", "/v1/listen", data=AUDIO)
    assert (answer.status, answer.json()["error_code"]) == (503, "Service Unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_without_a_ledger_nobody_is_known_and_nothing_is_a_fault(api: Front) -> None:
    await api.ledger.close()
    with capture_logs() as events:
        answer = await api.call("POST", "/v1/listen", data=AUDIO)
    assert (answer.status, answer.json()["error_code"]) == (503, "Service Unavailable")
    assert [event["event"] for event in events] == ["ledger.unavailable", "request.refused"]


async def test_what_was_accepted_stays_accepted_when_it_cannot_be_reported(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, /, **_: object) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr(telemetry, "event", fail)
    with capture_logs() as events:
        answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=AUDIO)
    assert answer.status == 200
    assert await jobs(api) == [answer.json()["request_id"]]
    assert [event["event"] for event in events] == ["request.not_reported"]


@pytest.mark.parametrize(
    "error", [DiskFull(1000), OSError(errno.ENOSPC, "No space left on device")], ids=repr
)
async def test_a_full_disk_is_a_503_that_says_so(
    api: Front, error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> StoredBlob:
        raise error

    monkeypatch.setattr(FolderBlobStore, "put", full)
    answer = await api.call("POST", "/v1/listen", data=AUDIO)
    assert (answer.status, answer.json()["error_code"]) == (503, "Service Unavailable")
    assert "no room" in answer.json()["err_msg"]
    assert int(answer.headers["retry-after"]) > 0


async def test_a_ledger_that_cannot_write_is_a_503_and_nothing_is_kept(api: Front) -> None:
    await api.ledger._writer.close()
    answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=AUDIO)
    assert answer.status == 503
    assert answer.json()["error_code"] == "Service Unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert stored_below(api.folder) == []


@pytest.mark.parametrize(("folder", "size"), [("incoming", READ_SIZE), (PACKS, 1_000)])
async def test_a_folder_that_cannot_be_written_is_a_503(api: Front, folder: str, size: int) -> None:
    (api.folder / folder).rmdir()
    answer = await api.call("POST", "/v1/listen", data=bytes(size))
    assert answer.status == 503


async def test_a_refusal_reaches_a_client_that_sends_all_before_it_reads(api: Front) -> None:
    def refused() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=PATIENCE)
        try:
            connection.request("POST", "/v1/listen", b"x" * 50_000_000, {"Authorization": "Token wrong"})
            return connection.getresponse().status
        finally:
            connection.close()

    assert await asyncio.to_thread(refused) == 401
