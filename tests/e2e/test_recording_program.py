"""The most common request to the installed program: a recording in, a callback out."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest

from support.accuracy import word_error_rate
from support.program import Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE

AUDIO = Path(__file__).parent.parent / "audio"
CLIPS = json.loads((AUDIO / "manifest.json").read_text())
ENGLISH = [clip for clip in CLIPS if clip["language"] == "en"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    settings = {"RINGBACK_CALLBACK_RETRY_DELAY": "0.2", "RINGBACK_CALLBACK_RETRIES": "2"}
    with Program(tmp_path_factory.mktemp("data"), settings) as program:
        program.wait_until_ready()
        yield program


def audio(clip: dict[str, str]) -> bytes:
    return (AUDIO / clip["path"]).read_bytes()


def transcript(document: dict[str, dict[str, list[dict[str, list[dict[str, str]]]]]]) -> str:
    return document["results"]["channels"][0]["alternatives"][0]["transcript"]


def test_the_callback_brings_what_the_waiting_caller_gets(program: Program) -> None:
    clip = ENGLISH[1]
    waited = program.listen(audio(clip), "punctuate=true&utterances=true")
    assert waited.status == 200
    with Receiver() as receiver:
        accepted = program.listen(
            audio(clip), f"punctuate=true&utterances=true&tag=a&extra=k:v&callback={quote(receiver.url)}"
        )
        assert accepted.status == 200
        request_id = accepted.json()["request_id"]
        assert accepted.json() == {"request_id": request_id}
        assert accepted.headers["dg-request-id"] == request_id
        UUID(request_id)
        (callback,) = receiver.wait_for(bool)

    document = callback.json()
    assert callback.method == "POST"
    assert callback.headers["content-type"] == "application/json"
    assert callback.headers["dg-request-id"] == request_id == document["metadata"]["request_id"]
    assert callback.headers["ringback-status"] == "200"
    assert document["metadata"]["tags"] == ["a"]
    assert document["metadata"]["extra"] == {"k": "v"}
    assert document["results"]["channels"] == waited.json()["results"]["channels"]
    assert word_error_rate([(clip["text"], transcript(document))]) < 0.2


def test_real_speech_is_understood_from_end_to_end(program: Program) -> None:
    with Receiver() as receiver:
        requested = {
            program.listen(audio(clip), f"callback={quote(receiver.url)}").json()["request_id"]: clip
            for clip in ENGLISH
        }
        arrived = receiver.wait_for(lambda received: len(received) >= len(requested))
    recognised = {callback.headers["dg-request-id"]: transcript(callback.json()) for callback in arrived}
    rate = word_error_rate([(requested[request_id]["text"], text) for request_id, text in recognised.items()])
    print(f"word error rate over {len(requested)} committed clips: {100 * rate:.1f} %")
    assert recognised.keys() == requested.keys()
    assert rate < 0.15


def test_the_callers_trace_travels_to_the_receiver(program: Program) -> None:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "vendor=1"}
    with Receiver(lambda callback: 200 if callback.headers["ringback-attempt"] == "2" else 500) as receiver:
        path = f"/v1/listen?callback={quote(receiver.url)}"
        program.call("POST", path, audio(ENGLISH[0]), {"Content-Type": "audio/flac", **trace})
        arrived = receiver.wait_for(lambda received: len(received) == 2)
    assert [{name: each.headers[name] for name in trace} for each in arrived] == [trace, trace]


def test_put_with_credentials(program: Program) -> None:
    with Receiver() as receiver:
        url = quote(receiver.url.replace("http://", "http://user:p%40ss@"), safe="")
        program.listen(audio(ENGLISH[0]), f"callback={url}&callback_method=put")
        (callback,) = receiver.wait_for(bool)
    assert callback.method == "PUT"
    assert callback.path == "/callback"
    assert callback.headers["authorization"] == "Basic dXNlcjpwQHNz"
    assert "p@ss" not in program.log
    assert "p%40ss" not in program.log


def test_a_failed_transcription_is_delivered_too(program: Program) -> None:
    with Receiver() as receiver:
        accepted = program.listen(b"this is no audio", f"callback={quote(receiver.url)}")
        assert accepted.status == 200
        (callback,) = receiver.wait_for(bool)
    assert callback.headers["ringback-status"] == "400"
    assert callback.json() == {
        "err_code": "Bad Request",
        "err_msg": "Bad Request: failed to process audio: corrupt or unsupported data",
        "request_id": accepted.json()["request_id"],
    }


def test_a_failing_receiver_is_tried_again_and_then_parked(program: Program) -> None:
    with Receiver(lambda _: 503) as receiver:
        request_id = program.listen(audio(ENGLISH[0]), f"callback={quote(receiver.url)}").json()["request_id"]
        arrived = receiver.wait_for(lambda received: len(received) == 3)
        assert [callback.headers["ringback-attempt"] for callback in arrived] == ["1", "2", "3"]
        assert len({callback.headers["webhook-id"] for callback in arrived}) == 1
        pauses = [later.at - earlier.at for earlier, later in itertools.pairwise(arrived)]
        assert all(pause >= 0.2 for pause in pauses)
    # The last attempt is settled just after the receiver has seen it.
    program.wait_until(
        lambda: program.request(request_id)["callback"]["attempts"] == 3, PATIENCE, "not settled"
    )
    record = program.request(request_id)
    assert record["code"] == 200
    assert record["callback"] == {"attempts": 3, "code": 503, "completed": None}


def test_a_receiver_that_recovers_gets_it(program: Program) -> None:
    answers = iter([500, 302, 200])

    def answer(_: Received) -> int:
        return next(answers)

    with Receiver(answer) as receiver:
        request_id = program.listen(audio(ENGLISH[0]), f"callback={quote(receiver.url)}").json()["request_id"]
        receiver.wait_for(lambda received: len(received) == 3)
    # As above: settled just after it has arrived.
    program.wait_until(
        lambda: program.request(request_id)["callback"]["attempts"] == 3, PATIENCE, "not settled"
    )
    assert program.request(request_id)["callback"]["code"] == 200


def test_the_audio_is_gone_and_the_log_tells_the_story_without_secrets(program: Program) -> None:
    with Receiver() as receiver:
        url = quote(receiver.url + "?secret=canary-in-the-query", safe="")
        request_id = program.listen(audio(ENGLISH[0]), f"callback={url}").json()["request_id"]
        (callback,) = receiver.wait_for(bool)
    assert callback.path == "/callback?secret=canary-in-the-query"
    program.wait_until(lambda: "delivery.attempted" in story(program, request_id), PATIENCE, "no event of it")
    assert sorted(story(program, request_id)) == [
        "delivery.attempted",
        "request.accepted",
        "transcription.ended",
    ]
    for secret in ("canary-in-the-query", "ill disposed", "0123456789abcdef"):
        assert secret not in program.log


def story(program: Program, request_id: str) -> list[str]:
    """The events of one request."""
    events = [json.loads(line) for line in program.log.splitlines() if line.startswith("{")]
    return [event["event"] for event in events if event.get("request_id") == request_id]


def test_it_ends_cleanly(tmp_path: Path) -> None:
    with Program(tmp_path) as program:
        assert program.stop() == 0
