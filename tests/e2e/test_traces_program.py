"""Spans of the installed program in a collector: one trace from the caller to the receiver, and none that
fails a request."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from support.collector import Collected, Collector
from support.live_client import CLOSE_STREAM, RAW, stream
from support.program import KEY, Program
from support.receiver import Received, Receiver
from support.streamed import linear16
from support.uploads import FORM, form

CLIP = Path(__file__).parent.parent / "audio" / "phone_en_auth_incorrect.flac"
CALLERS_SPAN = "b7ad6b7169203331"
NAMES = ["POST /v1/listen", "queue", "transcribe", "recognise", "decode", "format", "queue", "deliver"]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as opened:
        yield opened


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Program]:
    settings = {
        **collector.settings,
        "RINGBACK_CALLBACK_RETRY_DELAY": "0.2",
        "OTEL_RESOURCE_ATTRIBUTES": "a=b",
    }
    with Program(tmp_path_factory.mktemp("traces"), settings) as opened:
        opened.wait_until_ready()
        yield opened


def trace_headers(number: int) -> tuple[str, dict[str, str]]:
    """A trace id, and the headers of a caller who is in it."""
    trace_id = f"{number:032x}"
    return trace_id, {"traceparent": f"00-{trace_id}-{CALLERS_SPAN}-01", "tracestate": "vendor=1"}


def listen(program: Program, query: str, headers: dict[str, str]) -> None:
    answer = program.call(
        "POST", f"/v1/listen?{query}", CLIP.read_bytes(), {"Content-Type": "audio/flac", **headers}, 120
    )
    assert answer.status == 200


def sample_names(metrics: bytes) -> set[str]:
    return {re.split("[ {]", line)[0] for line in metrics.decode().splitlines() if not line.startswith("#")}


def named(spans: list[Collected], name: str) -> list[Collected]:
    return [each for each in spans if each.name == name]


def test_one_trace_from_the_caller_to_the_receiver(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(1)

    def answer(callback: Received) -> int:
        return 503 if callback.headers["ringback-attempt"] == "1" else 200

    with Receiver(answer) as receiver:
        listen(program, f"callback={quote(receiver.url)}", headers)
        arrived = receiver.wait_for(lambda received: len(received) == 2)
    spans = collector.wait_for(trace_id, lambda spans: len(spans) > len(NAMES))
    assert sorted(each.name for each in spans) == sorted([*NAMES, "deliver"])
    (accepted,), (transcribed,) = named(spans, "POST /v1/listen"), named(spans, "transcribe")
    assert (accepted.parent_id, accepted.kind, accepted.tracestate) == (CALLERS_SPAN, "server", "vendor=1")
    assert accepted.service == "ringback"
    for name in ("queue", "transcribe", "deliver"):
        assert {each.parent_id for each in named(spans, name)} == {accepted.span_id}
    for name in ("recognise", "decode", "format"):
        (span,) = named(spans, name)
        assert span.parent_id == transcribed.span_id
        assert transcribed.began <= span.began <= span.ended <= transcribed.ended + 0.001
    failed, delivered = named(spans, "deliver")
    assert (failed.failed, failed.facts["http.response.status_code"]) == (True, 503)
    assert (delivered.failed, delivered.facts["ringback.outcome"]) == (False, "delivered")
    assert (delivered.kind, delivered.facts["server.address"]) == ("client", "127.0.0.1")
    # The receiver's own spans follow from the attempt that brought it the result.
    assert [each.headers["traceparent"] for each in arrived] == [
        f"00-{trace_id}-{each.span_id}-01" for each in (failed, delivered)
    ]
    assert {each.headers["tracestate"] for each in arrived} == {"vendor=1"}
    assert "callback" not in {str(value) for each in spans for value in each.facts.values()}


def test_who_waits_is_in_the_trace_as_long(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(2)
    listen(program, "", headers)
    spans = collector.wait_for(trace_id, lambda spans: bool(named(spans, "POST /v1/listen")))
    (waited,), (transcribed,) = named(spans, "POST /v1/listen"), named(spans, "transcribe")
    assert waited.facts["http.response.status_code"] == 200
    assert waited.began <= transcribed.began <= transcribed.ended <= waited.ended


def test_a_recording_in_openais_form_is_in_the_trace(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(5)
    body = form(file=CLIP.read_bytes())
    assert program.call("POST", "/v1/audio/transcriptions", body, headers | FORM, 120).status == 200
    name = "POST /v1/audio/transcriptions"
    spans = collector.wait_for(trace_id, lambda spans: bool(named(spans, name)))
    (waited,), (transcribed,) = named(spans, name), named(spans, "transcribe")
    assert (waited.parent_id, transcribed.parent_id) == (CALLERS_SPAN, waited.span_id)


async def test_a_refused_turn_based_stream_is_in_the_trace(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(6)
    headers["Authorization"] = f"Token {KEY}"
    url = f"ws://127.0.0.1:{program.port}/v2/listen?model=none"
    with pytest.raises(InvalidStatus):
        await connect(url, additional_headers=headers, proxy=None)
    (refused,) = collector.wait_for(trace_id, lambda spans: bool(named(spans, "GET /v2/listen")))
    assert (refused.parent_id, refused.facts["http.response.status_code"]) == (CALLERS_SPAN, 400)


def test_a_caller_that_names_no_trace_begins_one(program: Program, collector: Collector) -> None:
    with Receiver() as receiver:
        listen(program, f"callback={quote(receiver.url)}", {"traceparent": "00-no-trace-00"})
        (callback,) = receiver.wait_for(bool)
    _, trace_id, span_id, _ = callback.headers["traceparent"].split("-")
    spans = collector.wait_for(
        trace_id, lambda spans: bool(named(spans, "deliver") and named(spans, "POST /v1/listen"))
    )
    assert named(spans, "deliver")[0].span_id == span_id
    assert named(spans, "POST /v1/listen")[0].parent_id == ""


def test_who_is_not_recorded_is_not_recorded_here(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(3)
    with Receiver() as receiver:
        listen(
            program,
            f"callback={quote(receiver.url)}",
            {"traceparent": headers["traceparent"].removesuffix("01") + "00"},
        )
        (callback,) = receiver.wait_for(bool)
    assert callback.headers["traceparent"].startswith(f"00-{trace_id}-")
    assert callback.headers["traceparent"].endswith("-00")
    assert collector.of(trace_id) == []


async def test_a_live_stream_is_in_its_clients_trace(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(4)
    with Receiver() as receiver:
        query = f"{RAW}&callback={quote(receiver.url, safe='')}"
        async with stream(program.port, query, key=KEY, headers=headers) as client:
            await client.speak(linear16(CLIP), pace=0)
            await client.send(CLOSE_STREAM)
            assert await client.closed(60) == 1000
        *_, last = receiver.wait_for(lambda received: any(b'"Metadata"' in each.body for each in received))
    spans = collector.wait_for(trace_id, lambda spans: bool(named(spans, "GET /v1/listen")))
    (streamed,) = named(spans, "GET /v1/listen")
    assert (streamed.parent_id, streamed.facts["http.response.status_code"]) == (CALLERS_SPAN, 101)
    spans = collector.wait_for(trace_id, lambda spans: len(named(spans, "deliver")) == len(receiver.received))
    assert {each.parent_id for each in named(spans, "deliver")} == {streamed.span_id}
    assert last.headers["traceparent"].split("-")[2] in {each.span_id for each in spans}


async def test_a_turn_based_stream_is_in_its_clients_trace(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(8)
    with Receiver() as receiver:
        query = f"model=flux-general-en&{RAW}&callback={quote(receiver.url, safe='')}"
        async with stream(program.port, query, key=KEY, path="/v2/listen", headers=headers) as client:
            await client.speak(linear16(CLIP), pace=0)
            await client.send('{"type": "ForceEndTurn"}')
            await client.send(CLOSE_STREAM)
            assert await client.closed(60) == 1000
        (streamed,) = named(
            collector.wait_for(trace_id, lambda spans: bool(named(spans, "GET /v2/listen"))),
            "GET /v2/listen",
        )
        assert (streamed.parent_id, streamed.facts["http.response.status_code"]) == (CALLERS_SPAN, 101)
        turn, *_ = receiver.wait_for(bool)
    _, of_trace, of_span, _ = turn.headers["traceparent"].split("-")
    assert of_trace == trace_id
    spans = collector.wait_for(trace_id, lambda spans: of_span in {each.span_id for each in spans})
    assert {each.parent_id for each in named(spans, "deliver")} == {streamed.span_id}


def test_histograms_have_exemplars_of_recorded_spans(program: Program, collector: Collector) -> None:
    trace_id, headers = trace_headers(9)
    with Receiver() as receiver:
        listen(program, f"callback={quote(receiver.url)}", headers)
        receiver.wait_for(bool)
    collector.wait_for(
        trace_id, lambda spans: bool(named(spans, "deliver") and named(spans, "POST /v1/listen"))
    )
    plain = program.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    accepts = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3"
    answer = program.call("GET", "/metrics", headers={"Accept": accepts})
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    found = text_string_to_metric_families(answer.body.decode())  # type: ignore[no-untyped-call]
    families = {each.name: each for each in found}
    of_this_trace = {
        name
        for name, family in families.items()
        for sample in family.samples
        if sample.exemplar is not None and sample.exemplar.labels["trace_id"] == trace_id
    }
    assert of_this_trace == {
        "ringback_http_request_seconds",
        "ringback_callback_seconds",
        "ringback_delivery_attempt_seconds",
    }
    assert sample_names(plain.body) == sample_names(answer.body)


def test_what_waits_is_sent_when_the_server_stops(tmp_path: Path) -> None:
    trace_id, headers = trace_headers(6)
    with Collector() as collector:
        settings = collector.settings | {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
        with Program(tmp_path, settings) as program:
            assert program.call("POST", "/v1/listen?model=none", b"x", headers).status == 400
            assert collector.spans == []
            assert program.stop() == 0
        assert [each.name for each in collector.of(trace_id)] == ["POST /v1/listen"]


def test_a_collector_that_never_answers_delays_neither_requests_nor_the_stop(tmp_path: Path) -> None:
    with Collector(silent=True) as collector, Program(tmp_path, collector.settings) as program:
        for _ in range(30):
            assert program.call("POST", "/v1/listen?model=none", b"x", trace_headers(7)[1]).status == 400
        began = time.monotonic()
        assert program.stop() == 0
        took = time.monotonic() - began
        assert took < 60
        assert "traces.not_sent" in program.log
