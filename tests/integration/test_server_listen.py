"""`POST /v1/listen` over a real ledger and real sockets: what is accepted, refused, awaited, left behind."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest

from ringback.blobs import INLINE_LIMIT, BlobKey, FolderBlobStore, StoreUnreachable
from ringback.callbacks.delivery import callback_context
from ringback.errors import Failure
from ringback.jobs.job import GivenUp
from ringback.server import sync_responder
from ringback.settings import EngineSettings, LimitSettings
from ringback.transcription.request import opened_url, order_of
from support.front import DOCUMENT, OWNER, Answered, Front, front, large_document
from support.logs import capture_logs
from support.uploads import AUDIO, CALLBACK, head_of, nothing_is_left


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_waiting_caller_gets_the_document_of_the_job_it_became(api: Front) -> None:
    asking = asyncio.create_task(api.call("POST", "/v1/listen?model=nova-3&tag=a&tag=b", data=AUDIO))
    lease = await api.claim()
    order = order_of(lease.job.payload)
    assert order.audio is not None
    assert await api.blobs.get(order.audio) == AUDIO
    assert (lease.job.method, lease.job.tags) == ("sync", ("a", "b"))
    await api.finish(lease)
    answer = await asking
    model = api.services.catalogue.models()[0]
    assert (answer.status, answer.body) == (200, DOCUMENT)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["dg-request-id"] == lease.job.id
    assert answer.headers["dg-model-name"] == model.name
    assert answer.headers["dg-model-uuid"] == model.uuid


@pytest.mark.parametrize(
    "content_type", [None, "audio/wav", "application/octet-stream", "deepgram/audio+video"]
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_any_content_type_or_none_is_audio(api: Front, content_type: str | None, chunked: bool) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = pieces(AUDIO[:1000], AUDIO[1000:]) if chunked else AUDIO
    answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=body, headers=headers)
    order = order_of((await api.claim()).job.payload)
    assert answer.status == 200
    assert order.audio is not None
    assert await api.blobs.get(order.audio) == AUDIO


@pytest.mark.parametrize("away_for_good", [False, True])
async def test_a_caller_waits_on_for_a_result_that_cannot_be_read(
    api: Front, monkeypatch: pytest.MonkeyPatch, away_for_good: bool
) -> None:
    tries: list[BlobKey] = []
    real = FolderBlobStore.get

    async def away(blobs: FolderBlobStore, key: BlobKey) -> bytes:
        tries.append(key)
        if away_for_good or len(tries) == 1:
            raise StoreUnreachable("it did not answer in time")
        return await real(blobs, key)

    monkeypatch.setattr(FolderBlobStore, "get", away)
    monkeypatch.setattr(sync_responder, "BLOB_RETRY_SECONDS", 0.5)
    asking = asyncio.create_task(api.call("POST", "/v1/listen", data=AUDIO))
    document = large_document(INLINE_LIMIT)
    await api.finish(await api.claim(), document)
    answer = await asking
    assert len(tries) == 2
    if away_for_good:
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    else:
        assert (answer.status, answer.body) == (200, document)


async def test_a_large_result_that_is_asked_for_again_is_sent_piece_by_piece(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Idempotency-Key": "one"}
    asking = asyncio.create_task(api.call("POST", "/v1/listen", data=AUDIO, headers=headers))
    document = large_document(INLINE_LIMIT)
    await api.finish(await api.claim(), document)
    assert (await asking).body == document

    async def whole(blobs: FolderBlobStore, key: BlobKey) -> bytes:
        raise AssertionError("it was read as a whole")

    monkeypatch.setattr(FolderBlobStore, "get", whole)
    again = await api.call("POST", "/v1/listen", data=AUDIO, headers=headers)
    assert (again.status, again.body) == (200, document)
    assert again.headers["content-type"] == "application/json"
    assert again.headers["content-length"] == str(len(document))
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_callback_request_is_answered_at_once_and_durably(api: Front) -> None:
    answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}&callback_method=put", data=AUDIO)
    assert answer.status == 200
    assert answer.json() == {"request_id": answer.headers["dg-request-id"]}
    job = await api.ledger.get((await api.claim()).job.id)
    assert job is not None
    assert (job.id, job.method, job.project) == (answer.json()["request_id"], "async", api.project)
    order = order_of(job.payload)
    assert order.callback is not None
    assert b"secret" not in job.payload
    assert b"token" not in job.payload
    assert order.callback_destination == "http://127.0.0.1:9"
    opened = api.services.seal.open(order.callback, callback_context(job.id))
    assert opened == "http://user:secret@127.0.0.1:9/hook?token=1"
    assert order.options.callback_method == "PUT"


async def test_a_url_is_judged_and_noted_not_fetched(api: Front) -> None:
    url = "http://127.0.0.1:1/audio.wav?signature=a%2Fb"
    answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}", json={"url": url, "other": 1})
    assert answer.status == 200
    job = (await api.claim()).job
    order = order_of(job.payload)
    assert (order.audio, order.sha256) == (None, None)
    assert b"signature" not in job.payload
    assert opened_url(order, job.id, api.services.seal) == url


async def test_a_failed_recording_is_answered_with_its_own_status_and_dg_error(api: Front) -> None:
    waiting = asyncio.create_task(api.call("POST", "/v1/listen", data=AUDIO))
    lease = await api.claim()
    await api.refuse(lease, Failure(400, "Bad Request", "Bad Request: failed to process audio"))
    answer = await waiting
    assert answer.status == 400
    assert answer.json()["request_id"] == lease.job.id
    assert answer.headers["dg-error"] == "Bad Request: failed to process audio"


async def test_a_job_that_was_given_up_without_a_word_is_a_500(api: Front) -> None:
    waiting = asyncio.create_task(api.call("POST", "/v1/listen", data=AUDIO))
    lease = await api.claim()
    await api.ledger.settle(lease, GivenUp())
    answer = await waiting
    assert answer.status == 500
    assert answer.json()["request_id"] == lease.job.id


UNREADABLE = "Content-type was application/json, but we could not process the JSON payload."


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("punctuate=maybe", "INVALID_QUERY_PARAMETER", "Failed to deserialize query parameters"),
        ("tag=%ff", "Bad Request", "Invalid query string."),
        ("model=parrot", "Bad Request", "No such model/language/tier combination found."),
        ("callback=dpgr.am/callback", "Bad Request", "Invalid query string."),
        ("callback=http%3A%2F%2F10.0.0.1%2F", "INVALID_QUERY_PARAMETER", "Invalid callback url."),
        ("callback=ws%3A%2F%2F127.0.0.1%2F", "INVALID_QUERY_PARAMETER", "Invalid callback url."),
    ],
)
async def test_refused_for_its_query(api: Front, query: str, code: str, message: str) -> None:
    await _is_refused(api, await api.call("POST", f"/v1/listen?{query}", data=AUDIO), 400, code, message)


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (b"{", 400, "Bad Request", UNREADABLE),
        (
            b"\xff\xff",
            400,
            "Bad Request",
            f"{UNREADABLE} If it is audio, send it with a Content-Type of its own",
        ),
        (b"", 400, "Bad Request", f"{UNREADABLE} The body is empty."),
        (b"\xff\xfe", 400, "Bad Request", f"{UNREADABLE} The body is empty."),
        (AUDIO, 400, "Bad Request", f"{UNREADABLE} If it is audio"),
        (AUDIO * 50, 400, "Bad Request", f"{UNREADABLE} If it is audio"),
        (b'{"x": ' + b"[" * 60_000, 400, "Bad Request", UNREADABLE),
        (b"{}", 400, "PAYLOAD_ERROR", "missing required field `url`"),
        (b'{"url": 7}', 400, "PAYLOAD_ERROR", "Expected `str`"),
        (b'["u"]', 400, "PAYLOAD_ERROR", "Expected `object`"),
        (b'{"url": "ftp://x/"}', 400, "REMOTE_CONTENT_ERROR", "URI"),
        (b'{"url": "http://10.1.2.3/a"}', 400, "REMOTE_CONTENT_ERROR", "must be publicly routable"),
        (b" " * 65_537, 413, "PAYLOAD_TOO_LARGE", "larger than 65536"),
        (b'{"url": "' + b"x" * 500_000, 413, "PAYLOAD_TOO_LARGE", "larger than 65536"),
    ],
)
async def test_refused_for_its_json(api: Front, body: bytes, status: int, code: str, message: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.call("POST", "/v1/listen", headers=headers, data=body)
    await _is_refused(api, answer, status, code, message)


async def test_what_is_not_done_as_asked_is_accepted_and_noted(tmp_path: Path) -> None:
    requested = "diarize=undefined&punctuate=null&language=&punctate=true&model=nova-3&version=2024-12-20.0"
    url = "callback=http://127.0.0.1:8443/x?a=1&b=2"
    async with front(tmp_path, engine=EngineSettings(warn_substitution=True)) as api:
        answer = await api.call("POST", f"/v1/listen?{requested}&{url}", data=AUDIO)
        assert answer.status == 200, answer.body
        options = order_of((await api.claim()).job.payload).options
    assert (options.diarize, options.punctuate, options.language) == (False, False, "en")
    assert sorted(warning.parameter for warning in options.warnings) == [
        *("b", "diarize", "language", "model", "punctate", "punctuate", "version")
    ]


@pytest.mark.parametrize("model", ["tiny.en", "aa066bfc-b5eb-52e3-91a8-8baa99b853ba"])
async def test_every_listed_model_can_be_named(api: Front, model: str) -> None:
    listed = (await api.call("GET", "/v1/models")).json()["stt"]
    assert model in {name for each in listed for name in (each["name"], each["uuid"])}
    answer = await api.call("POST", f"/v1/listen?model={model}&callback={CALLBACK}", data=AUDIO)
    assert answer.status == 200
    assert order_of((await api.claim()).job.payload).model == "tiny.en"


@pytest.mark.parametrize("query", ["", f"?callback={CALLBACK}"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_upload_without_a_byte_says_so(api: Front, query: str, chunked: bool) -> None:
    answer = await api.call("POST", f"/v1/listen{query}", data=pieces() if chunked else b"")
    why = "failed to process audio: the request body is empty"
    await _is_refused(api, answer, 400, "Bad Request", why)


@pytest.mark.parametrize("query", ["", f"?callback={CALLBACK}"])
@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        (
            "multipart/form-data; boundary=x",
            AUDIO,
            "the body is a form (multipart): send the recording",
        ),
        (
            "application/x-www-form-urlencoded",  # what curl's -d says
            b'{"url": "http://127.0.0.1:9/a.wav"}',
            "a JSON body needs the header Content-Type: application/json",
        ),
    ],
)
async def test_what_is_sent_as_something_else_than_it_is(
    api: Front, query: str, content_type: str, body: bytes, why: str
) -> None:
    headers = {"Content-Type": content_type}
    answer = await api.call("POST", f"/v1/listen{query}", headers=headers, data=body)
    await _is_refused(api, answer, 400, "Bad Request", f"failed to process audio: {why}")


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
async def test_a_url_is_read_behind_a_byte_order_mark(api: Front, mark: str) -> None:
    body = '{"url": "http://127.0.0.1:9/a.wav"}'.encode(mark)
    headers = {"Content-Type": "application/json"}
    answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}", headers=headers, data=body)
    assert answer.status == 200, answer.body
    job = (await api.claim()).job
    assert opened_url(order_of(job.payload), job.id, api.services.seal) == "http://127.0.0.1:9/a.wav"


async def _is_refused(api: Front, answer: Answered, status: int, code: str, message: str) -> None:
    document = answer.json()
    assert (answer.status, document["err_code"]) == (status, code)
    assert message in document["err_msg"]
    assert document["request_id"] == answer.headers["dg-request-id"]
    assert answer.headers["dg-error"] == document["err_msg"]
    assert set(document) == {"err_code", "err_msg", "request_id"}
    assert await nothing_is_left(api)


async def test_credentials_are_checked_before_anything_else(api: Front) -> None:
    answer = await api.call("POST", "/v1/listen?punctuate=maybe", key="b" * 40, data=AUDIO)
    assert answer.status == 401
    assert answer.json()["err_code"] == "INVALID_AUTH"
    assert answer.headers["dg-error"] == "Invalid credentials."
    assert await nothing_is_left(api)


@pytest.mark.parametrize(
    "authorization",
    ["", "Token", "Token ", f"Basic {OWNER}", f"Bearer {OWNER}x", OWNER, "Bearer a.b.c"],
)
async def test_what_is_no_credential(api: Front, authorization: str) -> None:
    answer = await api.call(
        "POST", "/v1/listen", key=None, headers={"Authorization": authorization}, data=AUDIO
    )
    assert answer.status == 401


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "Bearer", "bearer"])
async def test_the_scheme_word_is_read_in_any_case(api: Front, scheme: str) -> None:
    answer = await api.call("GET", "/v1/projects", headers={"Authorization": f"{scheme} {OWNER}"})
    assert answer.status == 200


async def test_a_granted_token_listens_and_does_nothing_else(api: Front) -> None:
    granted = (await api.call("POST", "/v1/auth/grant", json={"ttl_seconds": 60})).json()
    assert granted["expires_in"] == 60
    bearer = {"Authorization": f"bearer {granted['access_token']}"}
    path = f"/v1/listen?callback={CALLBACK}"
    assert (await api.call("POST", path, headers=bearer, data=AUDIO)).status == 200
    job = (await api.claim()).job
    keys = await api.ledger.keys(api.project)
    assert job.accessor == keys[0].id
    for method, path in (("GET", "/v1/projects"), ("GET", "/v1/auth/token"), ("POST", "/v1/auth/grant")):
        assert (await api.call(method, path, headers=bearer)).status == 403


async def test_a_token_signed_by_somebody_else_is_refused(api: Front) -> None:
    claims = {"sub": "x", "project": api.project, "aud": "ringback:listen", "exp": 4_000_000_000}
    forged = jwt.encode(claims, b"t" * 32, "HS256")
    unsigned = jwt.encode(claims, "", "none")
    for token in (forged, unsigned):
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await api.call("POST", "/v1/listen", headers=bearer, data=AUDIO)).status == 401


async def test_a_key_without_the_right_to_listen_is_refused(api: Front) -> None:
    key = await api.add_key("usage:read")
    answer = await api.call("POST", "/v1/listen", key=key, data=AUDIO)
    assert (answer.status, answer.json()["err_code"]) == (403, "INSUFFICIENT_PERMISSIONS")


async def test_too_large_by_its_own_word_is_refused_before_the_body(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(upload_bytes=2_000_000)) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(head_of("Content-Length: 2000001"))
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert b"PAYLOAD_TOO_LARGE" in answer
        writer.close()
        assert await nothing_is_left(api)


async def test_too_large_in_fact_is_refused_when_it_shows(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(upload_bytes=100_000)) as api:
        answer = await api.call("POST", "/v1/listen", data=pieces(b"x" * 99_999, b"yy"))
        assert (answer.status, answer.json()["err_code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert await nothing_is_left(api)


async def test_as_large_as_allowed_is_accepted(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(upload_bytes=100_000)) as api:
        answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=pieces(b"x" * 100_000))
        assert answer.status == 200


async def test_a_client_that_expects_100_continue_gets_it_only_when_its_body_is_read(api: Front) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head_of("Content-Length: 4", "Expect: 100-continue", path=f"/v1/listen?callback={CALLBACK}"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"RIFF")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head_of("Content-Length: 4", "Expect: 100-continue", path="/v1/listen?model=parrot"))
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_senseless_host_header_changes_nothing(api: Front) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"GET /v1/projects HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_every_request_has_an_id_of_its_own(api: Front) -> None:
    answers = [await api.call("GET", "/v1/status") for _ in range(2)]
    first, second = (uuid.UUID(answer.headers["dg-request-id"]) for answer in answers)
    assert first != second


async def test_browsers_may_read_what_matters(api: Front) -> None:
    origin = {"Origin": "https://app.example"}
    answer = await api.call("POST", "/v1/listen", key=None, headers=origin, data=AUDIO)
    assert answer.status == 401
    assert "dg-error" in answer.headers["access-control-expose-headers"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = await api.call("OPTIONS", "/v1/listen", key=None, headers={**origin, **asks})
    assert preflight.status == 200
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in preflight.headers


async def test_a_page_gets_nothing_that_a_browser_adds_by_itself(api: Front) -> None:
    headers = {"Origin": "https://app.example", "Cookie": "session=1"}
    for path in ("/v1/projects", "/v1/models", "/v1/nowhere"):
        answer = await api.call("GET", path, headers=headers)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


async def test_one_event_per_request_without_anybodys_secrets(api: Front) -> None:
    with capture_logs() as events:
        await api.call("POST", f"/v1/listen?callback={CALLBACK}&tag=private-words", data=AUDIO)
        await api.call("POST", "/v1/listen?model=private-words", data=AUDIO)
    accepted, refused = events
    assert (accepted["event"], accepted["callback"]) == ("request.accepted", "http://127.0.0.1:9")
    assert (refused["event"], refused["status"]) == ("request.refused", 400)
    for secret in ("hook", "user:secret", "token=1", OWNER, "private-words"):
        assert secret not in str(events)
