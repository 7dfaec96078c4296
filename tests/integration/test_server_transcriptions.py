"""`POST /v1/audio/transcriptions` over a real ledger and real sockets: accepted, refused, awaited, left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ringback.blobs import INLINE_LIMIT, BlobKey, FolderBlobStore, StoreUnreachable
from ringback.errors import Failure
from ringback.server import sync_responder
from ringback.server.multipart import MOST_OVERHEAD_BYTES
from ringback.server.sync_responder import FORMS_AT_ONCE
from ringback.settings import LimitSettings
from ringback.transcription.request import order_of
from support.front import Answered, Front, front, large_document
from support.uploads import AUDIO, CALLBACK, FORM, form, head_of, jobs, nothing_is_left
from support.waiting import eventually

PATH = "/v1/audio/transcriptions"
OTHER_CALLBACK = "http://127.0.0.1:9/hook"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def send(
    api: Front, *fields: tuple[str, str], query: str = "", file: bytes | None = AUDIO, **headers: str
) -> Answered:
    body = form(*fields, file=file)
    named = {**FORM, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await api.call("POST", f"{PATH}?{query}", headers=named, data=body)


def error_of(answer: Answered) -> Any:
    """The error, in the form of OpenAI."""
    (name,) = answer.json()
    assert name == "error"
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"] == answer.headers["dg-request-id"]
    return error


async def test_a_waiting_caller_gets_the_text_of_the_job_it_became(api: Front) -> None:
    asking = asyncio.create_task(send(api, ("model", "whisper-1"), ("prompt", "Aimee, Shawn")))
    lease = await api.claim()
    order = order_of(lease.job.payload)
    assert order.audio is not None
    assert await api.blobs.get(order.audio) == AUDIO
    assert (lease.job.kind, lease.job.method, order.path) == ("transcribe", "sync", PATH)
    assert (order.options.keyterm, order.options.smart_format) == (("Aimee", "Shawn"), True)
    await api.finish(lease)
    answer = await asking
    assert answer.status == 200
    assert answer.json()["text"]
    assert answer.headers["x-request-id"] == answer.headers["dg-request-id"] == lease.job.id
    assert answer.headers["dg-model-name"] == "tiny.en"


@pytest.mark.parametrize(
    ("fields", "media_type"),
    [
        ([("response_format", "text")], "text/plain; charset=utf-8"),
        ([("response_format", "verbose_json")], "application/json"),
        ([("stream", "true")], "text/event-stream; charset=utf-8"),
    ],
)
async def test_each_form_has_its_media_type(
    api: Front, fields: list[tuple[str, str]], media_type: str
) -> None:
    asking = asyncio.create_task(send(api, *fields))
    await api.finish(await api.claim())
    answer = await asking
    assert (answer.status, answer.headers["content-type"]) == (200, media_type)


async def test_pieces_of_any_size_are_a_form(api: Front) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        body = form(("callback", OTHER_CALLBACK), ("tag", "a"))
        for start in range(0, len(body), 700):
            yield body[start : start + 700]

    answer = await api.call("POST", PATH, headers=FORM, data=pieces())
    lease = await api.claim()
    order = order_of(lease.job.payload)
    assert answer.json() == {"request_id": lease.job.id}
    assert order.audio is not None
    assert await api.blobs.get(order.audio) == AUDIO
    assert (lease.job.method, lease.job.tags) == ("async", ("a",))


@pytest.mark.parametrize("where", ["field", "query"])
async def test_a_callback_may_be_a_field_or_stand_in_the_query(api: Front, where: str) -> None:
    fields, query = ([("callback", OTHER_CALLBACK)], "") if where == "field" else ([], f"callback={CALLBACK}")
    answer = await send(api, *fields, ("temperature", "0.5"), query=query)
    assert answer.headers["ringback-warnings"].startswith("temperature: ")
    job = (await api.claim()).job
    assert job.method == "async"
    record = (await api.call("GET", f"/v1/projects/{api.project}/requests/{job.id}")).json()
    assert (record["path"], record["ringback"]["callback_origin"]) == (PATH, "http://127.0.0.1:9")
    listed = await api.call("GET", f"/v1/projects/{api.project}/requests?endpoint=listen")
    assert [each["request_id"] for each in listed.json()["requests"]] == [job.id]


async def test_the_same_word_is_the_same_request(api: Front) -> None:
    first = await send(api, ("callback", OTHER_CALLBACK), Idempotency_Key="monday")
    again = await send(api, ("callback", OTHER_CALLBACK), Idempotency_Key="monday")
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = await send(api, ("callback", OTHER_CALLBACK), ("language", "en"), Idempotency_Key="monday")
    assert (other.status, error_of(other)["code"]) == (422, "idempotency_key_reused")
    query = f"callback={CALLBACK}"
    deepgrams = await api.call(
        "POST", f"/v1/listen?{query}", data=AUDIO, headers={"Idempotency-Key": "tuesday"}
    )
    assert deepgrams.status == 200
    assert (await send(api, query=query, Idempotency_Key="tuesday")).status == 422
    assert len(await jobs(api)) == 2


async def test_of_answers_asked_for_again_a_few_documents_are_in_memory(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = asyncio.create_task(send(api, Idempotency_Key="monday"))
    await api.finish(await api.claim(), large_document(INLINE_LIMIT))
    expected = await first
    at_once, most, may_go = 0, 0, asyncio.Event()
    get = FolderBlobStore.get

    async def counted(blobs: FolderBlobStore, key: BlobKey) -> bytes:
        nonlocal at_once, most
        at_once, most = at_once + 1, max(most, at_once + 1)
        await may_go.wait()
        document = await get(blobs, key)
        at_once -= 1
        return document

    monkeypatch.setattr(FolderBlobStore, "get", counted)
    asking = [asyncio.create_task(send(api, Idempotency_Key="monday")) for _ in range(6)]
    await eventually(lambda: at_once == FORMS_AT_ONCE)
    may_go.set()
    answers = await asyncio.gather(*asking)
    assert {(answer.status, answer.body) for answer in answers} == {(200, expected.body)}
    assert all(answer.headers["idempotent-replayed"] == "true" for answer in answers)
    assert most == FORMS_AT_ONCE


async def test_while_the_store_is_away_no_caller_waits_for_the_turn_of_another(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = asyncio.create_task(send(api, Idempotency_Key="monday"))
    await api.finish(await api.claim(), large_document(INLINE_LIMIT))
    await first
    at_once, may_fail = 0, asyncio.Event()

    async def away(_blobs: FolderBlobStore, _key: BlobKey) -> bytes:
        nonlocal at_once
        at_once += 1
        await may_fail.wait()
        raise StoreUnreachable("it did not answer in time")

    @asynccontextmanager
    async def content_away(blobs: FolderBlobStore, key: BlobKey) -> AsyncIterator[bytes]:
        yield await away(blobs, key)

    monkeypatch.setattr(FolderBlobStore, "get", away)
    monkeypatch.setattr(FolderBlobStore, "content", content_away)
    monkeypatch.setattr(sync_responder, "BLOB_RETRY_SECONDS", -1.0)
    asking = [asyncio.create_task(send(api, Idempotency_Key="monday")) for _ in range(6)]
    await eventually(lambda: at_once == len(asking))
    may_fail.set()
    assert {answer.status for answer in await asyncio.gather(*asking)} == {503}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("language", "xx")], "language"),
        ([("languages[]", "xx")], "languages"),
        ([("languages[]", "xx"), ("languages[]", "yy")], "languages"),
        ([("languages[]", "de"), ("languages[]", "not one")], "languages"),
        ([("keywords[]", "x" * 501)], "keywords"),
    ],
)
async def test_a_refusal_names_the_field_that_was_sent(
    api: Front, fields: list[tuple[str, str]], param: str
) -> None:
    answer = await send(api, *fields)
    assert (answer.status, error_of(answer)["param"]) == (400, param)
    assert b"detect_language" not in answer.body
    assert await nothing_is_left(api)


async def test_a_language_that_nobody_names_is_detected_where_a_model_can(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        several = any(len(model.languages) > 1 for model in api.services.catalogue.models())
        await send(api, ("callback", OTHER_CALLBACK))
        options = order_of((await api.claim()).job.payload).options
        assert bool(options.detect_language) == several
        await send(api, ("callback", OTHER_CALLBACK), ("language", "en"))
        assert not order_of((await api.claim()).job.payload).options.detect_language


async def test_a_recording_at_fault_is_the_callers_error(api: Front) -> None:
    asking = asyncio.create_task(send(api))
    await api.refuse(await api.claim(), Failure(400, "Bad Request", "Bad Request: failed to process audio"))
    answer = await asking
    assert answer.status == 400
    assert error_of(answer) == {
        "message": "Bad Request: failed to process audio",
        "type": "invalid_request_error",
        "param": None,
        "code": "bad_request",
    }


async def test_clients_do_not_repeat_what_takes_too_long(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(processing_seconds=0.2)) as api:
        answer = await send(api)
    assert (answer.status, error_of(answer)["type"]) == (504, "server_error")
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ([("model", "parrot")], 404, "model"),
        ([("response_format", "yaml")], 400, "response_format"),
        ([("response_format", "diarized_json")], 400, "response_format"),
        ([("language", "xx-yy-zz")], 400, "language"),
        ([("model", "tiny.en"), ("language", "de")], 400, "language"),
        ([("callback", "http://10.0.0.1/")], 400, "callback"),
        ([("prompt", "x" * 70_000)], 413, None),
    ],
)
async def test_what_the_fields_say_is_refused_and_nothing_is_left(
    api: Front, fields: list[tuple[str, str]], status: int, param: str | None
) -> None:
    answer = await send(api, *fields)
    assert (answer.status, error_of(answer)["param"]) == (status, param)
    assert await nothing_is_left(api)


@pytest.mark.parametrize("file", [None, b""])
async def test_without_a_recording(api: Front, file: bytes | None) -> None:
    answer = await send(api, ("model", "whisper-1"), file=file)
    assert (answer.status, error_of(answer)["param"]) == (400, "file")
    assert await nothing_is_left(api)


async def test_no_form_is_refused(api: Front) -> None:
    answer = await api.call("POST", PATH, json={"file": "x"})
    assert (answer.status, error_of(answer)["code"]) == (415, "unsupported_media_type")
    answer = await api.call("POST", PATH, headers=FORM, data=form()[:-20])
    assert (answer.status, error_of(answer)["code"]) == (400, "bad_form")
    assert await nothing_is_left(api)


async def test_credentials_and_scopes_in_openais_form(api: Front) -> None:
    wrong = await api.call("POST", PATH, key="b" * 40, headers=FORM, data=form())
    assert (wrong.status, error_of(wrong)["code"]) == (401, "invalid_api_key")
    key = await api.add_key("usage:read")
    forbidden = await api.call("POST", PATH, key=key, headers=FORM, data=form())
    assert (forbidden.status, error_of(forbidden)["code"]) == (403, "insufficient_permissions")
    bearer = {**FORM, "Authorization": f"Bearer {await api.add_key('member')}"}
    body = form(("callback", OTHER_CALLBACK))
    assert (await api.call("POST", PATH, headers=bearer, data=body)).status == 200


async def test_limits_of_the_key(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(requests_per_key=1)) as api:
        assert (await send(api, ("callback", OTHER_CALLBACK))).status == 200
        more = await send(api, ("callback", OTHER_CALLBACK))
        assert (more.status, error_of(more)["code"]) == (429, "rate_limit_exceeded")
        assert int(more.headers["retry-after"]) > 0


async def test_too_large_files_are_refused_by_their_length_or_when_it_shows(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(upload_bytes=100_000)) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        length = 100_001 + MOST_OVERHEAD_BYTES
        writer.write(head_of(f"Content-Length: {length}", f"Content-Type: {FORM['Content-Type']}", path=PATH))
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"code":"payload_too_large"' in answer
        writer.close()
        larger = await send(api, file=b"x" * 100_001)
        assert larger.status == 413
        assert await nothing_is_left(api)
        assert (await send(api, ("callback", OTHER_CALLBACK), file=b"x" * 100_000)).status == 200


async def test_what_is_not_kept_is_bounded_too(tmp_path: Path) -> None:
    """Without a Content-Length, in parts that are passed over."""

    async def pieces() -> AsyncIterator[bytes]:
        yield form(('cover"; filename="a.png', "x"))[:-22]
        while True:
            yield b"x" * 65_536

    async with front(tmp_path, limits=LimitSettings(upload_bytes=100_000)) as api:
        answer = await api.call("POST", PATH, headers=FORM, data=pieces())
        assert (answer.status, error_of(answer)["code"]) == (413, "payload_too_large")
        assert await nothing_is_left(api)


async def test_a_file_is_written_while_it_comes(api: Front) -> None:
    """Never whole in memory."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = head_of("Content-Length: 90000000", f"Content-Type: {FORM['Content-Type']}", path=PATH)
    begin, _, _ = form(file=b"").partition(b"\r\n\r\n")
    writer.write(head + begin + b"\r\n\r\n" + b"x" * 3_000_000)
    await eventually(lambda: sum(path.stat().st_size for path in api.folder.rglob("*")) > 2_000_000)
    writer.write_eof()
    assert (await reader.read()).startswith(b"HTTP/1.1 422 ")
    writer.close()
    assert await nothing_is_left(api)


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(api: Front) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = head_of("Content-Length: 9000000", f"Content-Type: {FORM['Content-Type']}", path=PATH)
    writer.write(head + form()[:5_000])
    await writer.drain()
    writer.write_eof()
    assert (await reader.read()).startswith(b"HTTP/1.1 422 ")
    writer.close()
    assert await nothing_is_left(api)


async def test_translations_and_speech_are_refused_with_the_reason(api: Front) -> None:
    answer = await api.call("POST", "/v1/audio/translations", headers=FORM, data=form())
    assert answer.status == 404
    assert "does not translate" in answer.json()["error"]["message"]
    answer = await api.call("POST", "/v1/audio/speech", json={"input": "Hello"})
    assert "does not speak" in answer.json()["error"]["message"]


async def test_the_models_are_one_document_for_both_kinds_of_client(api: Front) -> None:
    listed = (await api.call("GET", "/v1/models")).json()
    assert listed["object"] == "list"
    assert [each["id"] for each in listed["data"]] == ["whisper-1", *(each["name"] for each in listed["stt"])]
    for name in ("whisper-1", "tiny.en", listed["stt"][0]["uuid"]):
        one = (await api.call("GET", f"/v1/models/{name}")).json()
        assert (one["object"], one["uuid"]) == ("model", listed["stt"][0]["uuid"])
    assert (await api.call("GET", "/v1/models/parrot")).status == 404
