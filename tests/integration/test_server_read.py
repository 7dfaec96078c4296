"""`POST /v1/read` over a real ledger, real sockets and the real worker: what is read, refused, fetched and
called back; and how a text's request shows in the history, the usage and the metrics."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ringback.bootstrap.understanding import llm_options
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import FetchLimits
from ringback.jobs.job import JobFilter, JobId, State
from ringback.jobs.worker import Handler, Worker
from ringback.listen.understanding_rules import MOST_TEXT_BYTES
from ringback.retry_schedule import RetrySchedule
from ringback.server.body import JSON_LIMIT
from ringback.server.read_route import TEXTS_AT_ONCE
from ringback.settings import LlmSettings
from ringback.transcription import read
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.fetch import Fetcher, Fetching
from ringback.transcription.read import TextReader
from ringback.transcription.remote import RemoteAudio
from ringback.transcription.request import READ, order_of
from ringback.understanding.endpoint import LlmEndpoint
from ringback.understanding.understand import Understanding
from support.blobs import stored_below
from support.front import Answered, Front, front
from support.llm import LlmAnswer, LlmRequest, LlmServer, sensible
from support.logs import capture_logs
from support.sealing import SEAL
from support.waiting import PATIENCE

TEXT = "Thank you for calling. " + "I hate that my phone is broken again today. " * 8
ALL = "/v1/read?language=en&summarize=true&topics=true&intents=true&sentiment=true"
BUILT_IN = "/v1/read?language=en&summarize=v2&sentiment=true"
JSON = {"Content-Type": "application/json"}
CALLBACK = f"callback={quote('http://127.0.0.1:9/hook?token=1', safe='')}"
POLICY = Policy(("127.0.0.1",), ())


@dataclass
class Reading:
    """A server whose texts are read."""

    front: Front

    async def ask(self, path: str, document: object = None, **more: Any) -> Answered:
        if not more:
            more = {"json": {"text": TEXT} if document is None else document}
        return await self.front.call("POST", path, **more)

    async def ended(self, request_id: str) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await self.front.ledger.wait_for_end(JobId(request_id))

    async def history(self, query: str = "") -> list[Any]:
        answered = await self.front.call("GET", f"/v1/projects/{self.front.project}/requests?{query}")
        return list(answered.json()["requests"])


@asynccontextmanager
async def reading(folder: Path, llm: LlmServer | None = None) -> AsyncIterator[Reading]:
    clock = SystemClock()
    async with (
        front(folder, has_language_model=llm is not None) as api,
        EgressClient(POLICY, clock) as egress,
    ):
        remote = RemoteAudio(egress, POLICY, FetchLimits(30, 60, 90), clock)
        fetching = Fetching(remote.chunks, SEAL, api.blobs, 1 << 30)
        options = None if llm is None else llm_options(LlmSettings(url=llm.url, model="m", timeout=60))
        reader = TextReader(
            store=api.ledger,
            fetching=fetching,
            blobs=api.blobs,
            clock=clock,
            understanding=Understanding(None if options is None else LlmEndpoint(egress, options)),
        )
        handlers: dict[str, Handler] = {READ: reader, FETCH: Fetcher(fetching, api.ledger, clock)}
        workers = [
            Worker(kind, api.ledger, handler, concurrency=4, lease_seconds=30, clock=clock, per_key=4)
            for kind, handler in handlers.items()
        ]
        stopping = asyncio.Event()
        working = asyncio.gather(*(worker.run(stopping) for worker in workers))
        try:
            yield Reading(api)
        finally:
            stopping.set()
            await working


@pytest.fixture
async def built_in(tmp_path: Path) -> AsyncIterator[Reading]:
    async with reading(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def hosted(text: Callable[[], web.Response]) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return text()

    app = web.Application()
    app.router.add_get("/text", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}/text"


async def test_all_that_can_be_understood_comes_in_the_shape_of_the_sdks(tmp_path: Path) -> None:
    with LlmServer() as llm:
        async with reading(tmp_path, llm) as opened:
            answered = await opened.ask(f"{ALL}&tag=a")
    assert answered.status == 200
    metadata, results = answered.json()["metadata"], answered.json()["results"]
    assert metadata["request_id"] == answered.headers["dg-request-id"]
    assert (metadata["language"], metadata["tags"]) == ("en", ["a"])
    assert "warnings" not in metadata
    for name in ("summary_info", "topics_info", "intents_info", "sentiment_info"):
        assert (metadata[name]["input_tokens"], metadata[name]["output_tokens"]) == (100, 10)
    assert results["summary"] == {"text": "Someone says something."}
    (segment,) = results["topics"]["segments"]
    assert (segment["start_word"], segment["topics"][0]["topic"]) == (0, "TOPICS")
    assert results["intents"]["segments"][0]["intents"] == [{"intent": "INTENTS", "confidence_score": 0.9}]
    segments = results["sentiments"]["segments"]
    assert segments[-1]["end_word"] == len(TEXT.split()) - 1
    assert results["sentiments"]["average"] == {"sentiment": "positive", "sentiment_score": 0.5}


async def test_without_a_model_the_rest_is_served_with_warnings(built_in: Reading) -> None:
    answered = await built_in.ask(ALL)
    document = answered.json()
    assert set(document["results"]) == {"summary", "sentiments"}
    warned = {each["parameter"]: each["type"] for each in document["metadata"]["warnings"]}
    assert warned == {"topics": "unsupported", "intents": "unsupported", "summarize": "extractive"}


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("summarize=true", "INVALID_QUERY_PARAMETER", "missing field `language`"),
        ("summarize=true&language=es", "INVALID_QUERY_PARAMETER", "unsupported language: es. Only English"),
        ("summarize=true&language=multi", "INVALID_QUERY_PARAMETER", "unsupported language: multi"),
        ("language=en", "INVALID_QUERY_PARAMETER", "Nothing was asked for"),
        ("language=en&topics=true", "INVALID_QUERY_PARAMETER", "`llm.url`"),
        ("language=en&topics=yes", "INVALID_QUERY_PARAMETER", "`topics=yes`: expected `true` or `false`"),
        ("language=en&sentiment=true&callback=ftp%3A%2F%2Fx", "INVALID_QUERY_PARAMETER", "callback url"),
    ],
)
async def test_what_cannot_be_served_is_refused_in_the_older_form(
    built_in: Reading, query: str, code: str, text: str
) -> None:
    answered = await built_in.ask(f"/v1/read?{query}")
    assert (answered.status, answered.json()["err_code"]) == (400, code)
    assert text in answered.json()["err_msg"]
    assert answered.headers["dg-request-id"] == answered.json()["request_id"]
    assert await built_in.history() == []


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"json": {}}, 400, "PAYLOAD_ERROR"),
        ({"json": {"text": "a", "url": "http://127.0.0.1/"}}, 400, "PAYLOAD_ERROR"),
        ({"json": {"text": 7}}, 400, "PAYLOAD_ERROR"),
        ({"json": {"text": " \n"}}, 400, "Bad Request"),
        ({"json": {"text": "a\0b"}}, 400, "Bad Request"),
        ({"json": {"url": "ftp://127.0.0.1/"}}, 400, "REMOTE_CONTENT_ERROR"),
        ({"json": {"text": "a" * (MOST_TEXT_BYTES + 1)}}, 400, "TOKEN_LIMIT_EXCEEDED"),
        ({"data": b"nothing that is JSON", "headers": JSON}, 400, "Bad Request"),
        ({"data": b'{"text": "\\ud800"}', "headers": JSON}, 400, "Bad Request"),
        ({"data": b"", "headers": JSON}, 400, "Bad Request"),
        ({"data": b""}, 400, "Bad Request"),
        ({"data": b"caf\xe9", "headers": {"Content-Type": "text/plain"}}, 400, "Bad Request"),
        ({"data": io.BytesIO(b"{" + b" " * (6 * MOST_TEXT_BYTES + 70_000))}, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_bodies_that_hold_no_text(built_in: Reading, more: Any, status: int, code: str) -> None:
    answered = await built_in.ask(BUILT_IN, **more)
    assert (answered.status, answered.json()["err_code"]) == (status, code)
    assert await built_in.history() == []
    assert stored_below(built_in.front.folder) == []


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (TEXT.encode(), "text/plain"),
        (TEXT.encode("utf-16"), "text/plain; charset=utf-16"),
        (b'\xef\xbb\xbf{"text": "' + TEXT.encode() + b'"}', "application/json; charset=utf-8"),
        (b'{"text": "' + TEXT.encode() + b'"}', "deepgram/audio+video"),  # as JavaScript 3 and 4 send it
        (TEXT.encode(), ""),  # as Python 3 and 4 send it, and with a callback so:
        (b'"' + TEXT.encode() + b'"', "application/json"),
    ],
)
async def test_plain_text_and_json_are_both_read(built_in: Reading, data: bytes, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answered = await built_in.ask(BUILT_IN, data=data, headers=headers)
    assert answered.status == 200
    segments = answered.json()["results"]["sentiments"]["segments"]
    assert " ".join(each["text"] for each in segments) == TEXT.strip()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "text/html",
        "application/octet-stream",
        "audio/wav",
    ],
)
async def test_other_types_are_refused_and_not_read_as_the_text(built_in: Reading, content_type: str) -> None:
    answered = await built_in.ask(BUILT_IN, data=b"text=Hello", headers={"Content-Type": content_type})
    assert (answered.status, answered.json()["err_code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    message = answered.json()["err_msg"]
    assert "must be either `text/plain` or `application/json`" in message
    assert ("curl" in message) == ("urlencoded" in content_type)


async def test_slow_senders_of_large_texts_do_not_fill_the_memory(built_in: Reading) -> None:
    """A body is asked for (100 Continue) once there is a place for it; half of them are left to others."""
    front = built_in.front
    slow = await front.add_key("member")
    head = (
        f"POST {BUILT_IN} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {slow}\r\nContent-Type: text/plain\r\n"
        "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    )

    async def asked_for_body() -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writers.append(writer)
        writer.write(head.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
        return writer

    writers: list[asyncio.StreamWriter] = []
    senders = [asyncio.create_task(asked_for_body()) for _ in range(TEXTS_AT_ONCE)]
    try:
        async with asyncio.timeout(PATIENCE):
            while sum(sender.done() for sender in senders) < TEXTS_AT_ONCE // 2:
                await asyncio.wait(senders, return_when=asyncio.FIRST_COMPLETED, timeout=0.1)
        others = await built_in.ask(BUILT_IN, {"text": TEXT * 200})
        assert (others.status, len(TEXT * 200) > JSON_LIMIT) == (200, True)
        assert sum(sender.done() for sender in senders) == TEXTS_AT_ONCE // 2
    finally:
        for writer in writers:
            writer.close()
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)


async def test_parameters_of_recordings_bring_a_warning(built_in: Reading) -> None:
    answered = await built_in.ask(f"{BUILT_IN}&punctuate=true&interim_results=true")
    warned = {each["parameter"]: each["message"] for each in answered.json()["metadata"]["warnings"]}
    assert warned["punctuate"] == "`punctuate` has a meaning for recordings and live streams only."
    assert warned["interim_results"] == "`interim_results` has a meaning for live streams only."


async def test_a_text_is_fetched_from_its_url(built_in: Reading) -> None:
    async with hosted(lambda: web.Response(text=TEXT)) as url:
        answered = await built_in.ask(BUILT_IN, {"url": url})
    assert answered.status == 200
    assert answered.json()["results"]["sentiments"]["segments"][0]["text"].startswith("Thank you")


@pytest.mark.parametrize(
    ("made", "code", "text"),
    [
        (lambda: web.Response(status=404), "REMOTE_CONTENT_ERROR", "404"),
        (lambda: web.Response(text="<html>", content_type="text/html"), "REMOTE_CONTENT_ERROR", "web page"),
        (lambda: web.Response(body=b"\xff\xd8\xff\xe0 jpeg"), "Bad Request", "not UTF-8"),
        (lambda: web.Response(body=b"a" * (MOST_TEXT_BYTES + 1)), "TOKEN_LIMIT_EXCEEDED", "150K tokens"),
        (lambda: web.Response(body=b"a" * 2_000_000), "TOKEN_LIMIT_EXCEEDED", "150K tokens"),
    ],
)
async def test_what_a_url_gives_instead_of_a_text_is_told(
    built_in: Reading, made: Callable[[], web.Response], code: str, text: str
) -> None:
    async with hosted(made) as url:
        answered = await built_in.ask(BUILT_IN, {"url": url})
    assert (answered.status, answered.json()["err_code"]) == (400, code)
    assert text in answered.json()["err_msg"]


async def test_a_callback_request_is_durable_and_its_delivery_follows(built_in: Reading) -> None:
    answered = await built_in.ask(f"{BUILT_IN}&{CALLBACK}&tag=t")
    request_id = answered.json()["request_id"]
    assert answered.json() == {"request_id": request_id}
    job = await built_in.ended(request_id)
    assert (job.kind, job.state, job.code, job.method) == (READ, State.DONE, 200, "async")
    assert order_of(job.payload).options.callback is None, "it is sealed"
    (delivery,) = await built_in.front.ledger.children(job.id, 9)
    assert (delivery.kind, delivery.tags) == ("deliver", ("t",))


async def test_the_history_shows_it_and_its_result_is_kept(built_in: Reading) -> None:
    document = (await built_in.ask(f"{BUILT_IN}&tag=t")).json()
    request_id = document["metadata"]["request_id"]
    (record,) = await built_in.history("endpoint=read&status=succeeded&method=sync&tag=t")
    assert (record["request_id"], record["path"], record["code"]) == (request_id, "/v1/read", 200)
    details = record["response"]["details"]
    assert (details["models"], details["duration"], details["channels"]) == ([], 0.0, 0)
    assert details["features"] == ["sentiment"]
    assert await built_in.history("endpoint=listen") == []
    path = f"/v1/projects/{built_in.front.project}/requests/{request_id}"
    assert (await built_in.front.call("GET", f"{path}/result")).json() == document
    assert (await built_in.front.call("GET", f"{path}/audio")).status == 404
    again = await built_in.front.call("POST", f"{path}/redeliver", json={"url": "http://127.0.0.1:9/x"})
    assert again.status == 200
    assert (await built_in.front.call("DELETE", path)).status == 200
    assert await built_in.history() == []
    assert stored_below(built_in.front.folder) == []


async def test_usage_counts_requests_and_tokens_by_endpoint(tmp_path: Path) -> None:
    with LlmServer() as llm:
        async with reading(tmp_path, llm) as opened:
            await opened.ask(ALL)
            usage = f"/v1/projects/{opened.front.project}/usage"
            broken_down = (await opened.front.call("GET", f"{usage}/breakdown?grouping=endpoint")).json()
            summed = (await opened.front.call("GET", usage)).json()
    (group,) = broken_down["results"]
    assert (group["grouping"]["endpoint"], group["requests"]) == ("read", 1)
    assert (group["hours"], group["tokens_in"], group["tokens_out"]) == (0.0, 400, 40)
    assert summed["results"][0]["tokens"] == {"in": 400, "out": 40}


async def test_the_same_idempotency_key_reads_once_and_is_no_transcription(built_in: Reading) -> None:
    word = {"Idempotency-Key": "monday"}
    body = {"json": {"url": "http://127.0.0.1:9/text"}, "headers": word}
    query = f"language=en&sentiment=true&{CALLBACK}"
    first = await built_in.ask(f"/v1/read?{query}", **body)
    again = await built_in.ask(f"/v1/read?{query}", **body)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    listen = await built_in.ask(f"/v1/listen?{query}", **body)
    assert (listen.status, listen.json()["err_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def broken(request: LlmRequest) -> LlmAnswer:
    return LlmAnswer(status=500)


async def test_what_a_failing_model_leaves_is_answered_with_warnings(tmp_path: Path) -> None:
    with LlmServer(broken) as llm:
        async with reading(tmp_path, llm) as opened:
            document = (await opened.ask(ALL)).json()
    assert set(document["results"]) == {"summary", "sentiments"}
    assert {each["type"] for each in document["metadata"]["warnings"]} == {"failed", "extractive"}


async def test_a_waiting_caller_is_told_that_the_model_failed(tmp_path: Path) -> None:
    with LlmServer(broken) as llm:
        async with reading(tmp_path, llm) as opened:
            answered = await opened.ask("/v1/read?language=en&topics=true")
    assert (answered.status, answered.json()["err_code"]) == (500, "Internal Server Error")
    assert answered.json()["err_msg"] == (
        "There are no topics: the language model at `llm.url` failed: it answered with status 500. "
        "Try again later, or with `callback`: then the server tries again by itself."
    )


async def test_a_callback_waits_for_a_model_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MODEL_DELAYS", RetrySchedule((0.0, 0.0)))
    with LlmServer(lambda request: broken(request) if len(llm.requests) < 4 else sensible(request)) as llm:
        async with reading(tmp_path, llm) as opened:
            with capture_logs() as logs:
                answered = await opened.ask(f"/v1/read?language=en&topics=true&{CALLBACK}")
                job = await opened.ended(answered.json()["request_id"])
            attempts = await opened.front.ledger.attempts(job.id, 9)
    assert (job.code, len(llm.requests)) == (200, 4)
    assert [each.outcome for each in attempts] == ["not_understood", "read"]
    (ended,) = [entry for entry in logs if entry["event"] == "read.ended"]
    assert (ended["status"], ended["source"], ended["input_tokens"]) == (200, "upload", 100)


async def test_a_text_that_is_waited_for_is_cancelled_with_its_caller(tmp_path: Path) -> None:
    with LlmServer(lambda request: LlmAnswer(seconds=30)) as llm:
        async with reading(tmp_path, llm) as opened:
            asking = asyncio.create_task(opened.ask("/v1/read?language=en&topics=true"))
            await asyncio.to_thread(llm.wait_for, 1)
            page = await opened.front.ledger.page(JobFilter(opened.front.project, READ), 9)
            path = f"/v1/projects/{opened.front.project}/requests/{page.jobs[0].id}/cancel"
            assert (await opened.front.call("POST", path)).status == 200
            answered = await asking
    assert (answered.status, answered.json()["err_code"]) == (409, "REQUEST_CANCELLED")
