"""The stand-in over real sockets: answers, faults, live streams, callbacks, records, and its own paths."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

import pytest
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus

from ringback.errors import Misconfigured
from ringback.stand_in.records import NeverCame
from ringback.stand_in.script import Close, Rule, Saying, Script, When
from ringback.stand_in.server import StandIn
from support.logs import capture_logs
from support.program import Reply
from support.receiver import Receiver
from support.uploads import FORM, form
from support.waiting import PATIENCE, eventually

RAW = "encoding=linear16&sample_rate=8000"
SECOND = bytes(16_000)


@pytest.fixture(scope="module")
def running() -> Iterator[StandIn]:
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(running: StandIn) -> StandIn:
    running.use(Script())
    return running


def call(
    stand_in: StandIn,
    path: str,
    body: bytes | None = None,
    method: str = "",
    key: str | None = "any",
    **headers: str,
) -> Reply:
    request = urllib.request.Request(stand_in.url + path, body, method=method or ("POST" if body else "GET"))
    for name, value in {"Content-Type": "audio/wav", **headers}.items():
        request.add_header(name.replace("_", "-"), value)
    if key is not None:
        request.add_header("Authorization", f"Token {key}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            lowered = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, lowered, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            lowered = {name.lower(): value for name, value in error.headers.items()}
            return Reply(error.code, lowered, error.read())


def said(reply: Reply) -> str:
    return str(reply.json()["results"]["channels"][0]["alternatives"][0]["transcript"])


def test_without_a_script_it_always_hears_the_same(stand_in: StandIn) -> None:
    replies = [call(stand_in, "/v1/listen?punctuate=true", b"RIFF") for _ in range(2)]
    assert [said(each) for each in replies] == ["This is the stand-in, and it always hears this."] * 2


def test_a_rule_answers_what_fits_and_the_rest_is_told(stand_in: StandIn) -> None:
    stand_in.answer("Two coffees.", when=When(query={"model": "nova-3"}))
    right = call(stand_in, "/v1/listen?model=nova-3&smart_format=true", b"RIFF")
    assert (said(right), right.headers["dg-model-name"]) == ("Two coffees.", "nova-3")
    wrong = call(stand_in, "/v1/listen?model=nova-2", b"RIFF")
    assert (wrong.status, wrong.json()["err_code"]) == (400, "NO_RULE")
    assert "nova-2" in wrong.json()["err_msg"]


def test_bad_parameters_and_missing_keys_are_refused_in_deepgrams_words(stand_in: StandIn) -> None:
    refused = call(stand_in, "/v1/listen?punctuate=perhaps", b"RIFF")
    assert (refused.status, refused.json()["err_code"]) == (400, "INVALID_QUERY_PARAMETER")
    assert call(stand_in, "/v1/listen", b"RIFF", key=None).status == 401
    stand_in.use(Script(keys=("good",)))
    assert call(stand_in, "/v1/listen", b"RIFF", key="bad").status == 401
    assert call(stand_in, "/v1/listen", b"RIFF", key="good").status == 200
    assert [each.status for each in stand_in.requests] == [401, 200]


@pytest.mark.parametrize("status", [400, 402, 408, 429, 500, 502, 503, 504])
def test_errors(stand_in: StandIn, status: int) -> None:
    stand_in.add(Rule(status=status, retry_after=7))
    answer = call(stand_in, "/v1/listen", b"RIFF")
    assert (answer.status, answer.headers["retry-after"]) == (status, "7")
    assert answer.json()["err_msg"] == answer.headers["dg-error"]


def test_own_words_of_an_error(stand_in: StandIn) -> None:
    stand_in.add(Rule(status=418, err_code="TEAPOT", err_msg="Short and stout."))
    assert call(stand_in, "/v1/listen", b"RIFF").json()["err_code"] == "TEAPOT"


def test_connections_that_break(stand_in: StandIn) -> None:
    stand_in.answer("Two coffees.", cut="before", times=1)
    with pytest.raises(RemoteDisconnected):
        call(stand_in, "/v1/listen", b"RIFF")
    stand_in.answer("Two coffees.", cut="within", times=1)
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        call(stand_in, "/v1/listen", b"RIFF")
    assert [each.status for each in stand_in.requests] == [None, 200]


def test_a_slow_answer_waits_for_its_time(stand_in: StandIn) -> None:
    stand_in.answer("Two coffees.", delay=0.2)
    began = time.monotonic()
    assert call(stand_in, "/v1/listen", b"RIFF").status == 200
    assert time.monotonic() - began >= 0.2


def test_one_that_is_stopped_may_start_again() -> None:
    stand_in = StandIn()
    with stand_in:
        url = stand_in.url
    with stand_in:
        assert stand_in.url == url
        assert call(stand_in, "/v1/listen", b"RIFF").status == 200
    with StandIn() as other:
        late = StandIn(port=int(other.url.rpartition(":")[2]))
        with pytest.raises(Misconfigured):
            late.start()
    with late:
        assert call(late, "/v1/listen", b"RIFF").status == 200


def test_any_path_may_have_a_document(stand_in: StandIn) -> None:
    assert call(stand_in, "/v1/projects").status == 400
    stand_in.add(Rule(when=When(path="/v1/projects"), document={"projects": []}))
    assert call(stand_in, "/v1/projects").json() == {"projects": []}
    stand_in.answer("words", when=When(path="/v1/agent"))
    assert call(stand_in, "/v1/agent").status == 404


def test_openais_form(stand_in: StandIn) -> None:
    stand_in.answer("Two coffees.", when=When(fields={"model": "whisper-1"}))
    body = form(("model", "whisper-1"), ("temperature", "0.5"), file=b"RIFF")
    answer = call(stand_in, "/v1/audio/transcriptions", body, Content_Type=FORM["Content-Type"])
    assert answer.json()["text"] == "Two coffees."
    assert answer.headers["ringback-warnings"].startswith("temperature: ")
    (record,) = stand_in.requests
    assert (record.kind, record.fields["model"], record.body) == ("recording", ["whisper-1"], b"RIFF")
    stand_in.add(Rule(status=429))
    limited = call(stand_in, "/v1/audio/transcriptions", body, Content_Type=FORM["Content-Type"])
    assert limited.json()["error"]["code"] == "rate_limit_exceeded"


def test_audio_by_url(stand_in: StandIn) -> None:
    stand_in.answer("Two coffees.", when=When(url="https://a.example/call.wav"))
    body = b'{"url": "https://a.example/call.wav"}'
    assert call(stand_in, "/v1/listen", body, Content_Type="application/json").status == 200
    for no_url in (b"{}", b"[" * 100_000):
        assert call(stand_in, "/v1/listen", no_url, Content_Type="application/json").status == 400


def test_a_callback_is_sent_until_it_is_taken(stand_in: StandIn) -> None:
    stand_in.use(Script((Rule(transcript="Two coffees."),), callback_tries=3, callback_retry_seconds=0.01))
    answers = iter([500, 200])
    with Receiver(lambda _: next(answers)) as receiver:
        accepted = call(stand_in, f"/v1/listen?callback={receiver.url}&punctuate=true", b"RIFF").json()
        (_, taken) = receiver.wait_for(lambda all_: len(all_) == 2)
        assert taken.headers["dg-request-id"] == accepted["request_id"]
        assert taken.json()["results"]["channels"][0]["alternatives"][0]["transcript"] == "Two coffees."
        (record,) = stand_in.wait(lambda requests: len(requests[0].callbacks) == 2)
    assert [each.status for each in record.callbacks] == [500, 200]


def test_a_callback_that_nobody_takes_ends(stand_in: StandIn) -> None:
    stand_in.use(Script(callback_tries=2, callback_retry_seconds=0))
    call(stand_in, "/v1/listen?callback=http://127.0.0.1:9/", b"RIFF")
    (record,) = stand_in.wait(lambda requests: len(requests[0].callbacks) == 2)
    assert all(each.status is None and each.reason for each in record.callbacks)


# Live


def stream(stand_in: StandIn, query: str = RAW, key: str = "any") -> Any:
    headers = {"Authorization": f"Token {key}"}
    return connect(f"{stand_in.websocket_url}/v1/listen?{query}", additional_headers=headers)


async def finals(socket: ClientConnection, found: list[str]) -> list[str]:
    """Of all messages until the end, added to `found`."""
    async for message in socket:
        document = json.loads(message)
        if document["type"] == "Results" and document["is_final"]:
            found.append(document["channel"]["alternatives"][0]["transcript"])
    return found


async def test_a_stream_says_its_script(stand_in: StandIn) -> None:
    stand_in.add(Rule(says=(Saying("Two coffees, please."), Saying("With milk."))))
    async with stream(stand_in, f"{RAW}&punctuate=true&interim_results=true&vad_events=true") as socket:
        await socket.send(SECOND[:8_000])
        assert json.loads(await socket.recv())["type"] == "SpeechStarted"
        interim = json.loads(await socket.recv())
        assert (interim["is_final"], interim["channel"]["alternatives"][0]["transcript"]) == (False, "Two")
        await socket.send('{"type": "KeepAlive"}')
        await socket.send('{"type": "CloseStream"}')
        assert await finals(socket, []) == ["Two coffees, please.", "With milk."]
    (record,) = stand_in.requests
    assert record.messages == ['{"type": "KeepAlive"}', '{"type": "CloseStream"}']
    assert (record.kind, record.status, record.close_code, len(record.body)) == ("live", 101, 1000, 8_000)


async def test_a_handshake_is_in_the_record_before_its_client_knows(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, looked = WebSocket.accept, threading.Event()

    async def slowly(websocket: WebSocket, *arguments: Any, **options: Any) -> None:
        await accept(websocket, *arguments, **options)
        await eventually(looked.is_set)

    monkeypatch.setattr(WebSocket, "accept", slowly)
    async with stream(stand_in):
        found = [record.status for record in stand_in.requests]
        looked.set()
    assert found == [101]


async def test_finalize_is_answered(stand_in: StandIn) -> None:
    stand_in.add(Rule(says=(Saying("Two coffees, please."), Saying("With milk."))))
    async with stream(stand_in) as socket:
        await socket.send(SECOND[:8_000])
        await socket.send('{"type": "Finalize"}')
        results = json.loads(await socket.recv())
        assert results["from_finalize"]
        assert results["channel"]["alternatives"][0]["transcript"] == "two coffees please"


@pytest.mark.parametrize("status", [400, 401, 429, 503])
async def test_a_handshake_that_is_refused(stand_in: StandIn, status: int) -> None:
    stand_in.add(Rule(status=status))
    with pytest.raises(InvalidStatus) as refused:
        await stream(stand_in)
    assert refused.value.response.status_code == status
    assert "dg-error" in refused.value.response.headers


async def test_a_handshake_that_breaks(stand_in: StandIn) -> None:
    stand_in.add(Rule(cut="before"))
    with capture_logs() as events, pytest.raises(InvalidMessage):
        await stream(stand_in)
    assert stand_in.requests[0].status is None
    assert events == []


async def test_what_a_stream_may_not_ask(stand_in: StandIn) -> None:
    for query in ("interim_results=perhaps", "encoding=linear16", f"{RAW}&callback=http://127.0.0.1:9/"):
        with pytest.raises(InvalidStatus) as refused:
            await stream(stand_in, query)
        assert refused.value.response.status_code == 400


@pytest.mark.parametrize(("after", "transcripts"), [(0, []), (1, ["two coffees please"])])
async def test_a_stream_that_is_closed_early(stand_in: StandIn, after: int, transcripts: list[str]) -> None:
    sayings = (Saying("Two coffees, please."), Saying("With milk."))
    stand_in.add(Rule(says=sayings, close=Close(after=after, code=1011, reason="NET-0000")))
    async with stream(stand_in) as socket:
        await socket.send(SECOND * 4)
        found: list[str] = []
        with pytest.raises(ConnectionClosedError) as closed:
            await finals(socket, found)
    assert found == transcripts
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "NET-0000")


async def test_a_stream_whose_connection_breaks(stand_in: StandIn) -> None:
    stand_in.answer("Two coffees.", close=Close(cut=True))
    async with stream(stand_in) as socket:
        await socket.send(SECOND)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is None
    assert stand_in.requests[0].close_code == 1006


async def test_a_stream_that_says_nothing_at_all(stand_in: StandIn) -> None:
    stand_in.answer("Two coffees.", silent=True)
    async with stream(stand_in) as socket:
        await socket.send(SECOND * 4)
        await socket.send('{"type": "CloseStream"}')
        await asyncio.to_thread(
            stand_in.wait, lambda requests: requests[0].messages == ['{"type": "CloseStream"}']
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)
    (record,) = await asyncio.to_thread(stand_in.wait, lambda requests: requests[0].close_code == 1000)
    assert len(record.body) == 64_000


async def test_late_finals_come_in_their_order(stand_in: StandIn) -> None:
    stand_in.add(Rule(says=(Saying("Two coffees."), Saying("With milk.")), late=0.2))
    loop = asyncio.get_running_loop()
    async with stream(stand_in) as socket:
        began = loop.time()
        await socket.send(SECOND * 4)
        await socket.send('{"type": "CloseStream"}')
        assert await finals(socket, []) == ["two coffees", "with milk"]
    assert loop.time() - began >= 0.2


async def test_turns(stand_in: StandIn) -> None:
    stand_in.add(Rule(when=When(path="/v2/listen"), says=(Saying("Two coffees, please."),)))
    query = "encoding=linear16&sample_rate=16000&model="
    address = f"{stand_in.websocket_url}/v2/listen?{query}"
    headers = {"Authorization": "Token any"}
    events = []
    async with connect(f"{address}flux-general-en", additional_headers=headers) as socket:
        await socket.send(SECOND * 6)
        async for message in socket:
            document = json.loads(message)
            events.append((document.get("event", document["type"]), document.get("transcript")))
            if events[-1][0] == "EndOfTurn":
                await socket.send('{"type": "CloseStream"}')
    assert [each for each in events if each[0] != "Update"] == [
        ("Connected", None),
        ("StartOfTurn", "Two"),
        ("EndOfTurn", "Two coffees, please."),
    ]
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{address}nova-3", additional_headers=headers)
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize(("threshold", "end"), [(0.7, 1.7), (0.9, 2.1)])
async def test_thresholds_are_changed(stand_in: StandIn, threshold: float, end: float) -> None:
    stand_in.add(Rule(says=(Saying("Two coffees, please.", start=0.1, end=1.3),)))
    query = "encoding=linear16&sample_rate=16000&model=flux-general-en"
    headers = {"Authorization": "Token any"}
    change = {"type": "Configure", "thresholds": {"eot_threshold": threshold}}
    async with connect(f"{stand_in.websocket_url}/v2/listen?{query}", additional_headers=headers) as socket:
        await socket.send(json.dumps(change))
        await socket.send(SECOND * 6)
        async for message in socket:
            document = json.loads(message)
            if document.get("event") == "EndOfTurn":
                break
    assert document["audio_window_end"] == pytest.approx(end, abs=0.1)


# Its own paths


def control(stand_in: StandIn, method: str, path: str, document: Any = None) -> Reply:
    body = None if document is None else json.dumps(document).encode()
    return call(stand_in, f"/stand-in/{path}", body, method, key=None)


def test_the_script_over_http(stand_in: StandIn) -> None:
    script = {"rules": [{"transcript": "Two coffees."}]}
    assert control(stand_in, "PUT", "script", script).json() == script
    assert control(stand_in, "POST", "rules", {"status": 503, "times": 1}).status == 200
    assert [call(stand_in, "/v1/listen", b"RIFF").status for _ in range(2)] == [503, 200]
    first, second = control(stand_in, "GET", "requests").json()["requests"]
    assert (first["number"], first["status"], first["bytes"]) == (1, 503, 4)
    assert (second["number"], second["status"], second["rule"]) == (2, 200, 1)
    assert control(stand_in, "GET", "requests/2/body").body == b"RIFF"
    assert control(stand_in, "DELETE", "requests").json() == {"requests": []}
    assert control(stand_in, "GET", "script").json()["rules"][0]["status"] == 503


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("PUT", "script", {"rule": []}, 400),
        ("POST", "rules", {"transcirpt": "x"}, 400),
        ("GET", "requests/7/body", None, 404),
        ("GET", "nothing", None, 404),
    ],
)
def test_what_its_own_paths_refuse(
    stand_in: StandIn, method: str, path: str, document: Any, status: int
) -> None:
    assert control(stand_in, method, path, document).status == status


def test_waiting_in_vain_says_what_there_is(stand_in: StandIn) -> None:
    call(stand_in, "/v1/listen", b"RIFF")
    with pytest.raises(NeverCame, match="/v1/listen"):
        stand_in.wait(lambda requests: len(requests) == 2, seconds=0.05)
    stand_in.forget()
    assert stand_in.requests == []
