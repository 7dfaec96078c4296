"""Who gets into `WS /v2/listen`, what is refused, and how the wire behaves around a recogniser that a test
scripts: the checks of the contract that need no speech."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from ringback.engines.base import ModelInfo
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    PauseJudged,
    RecognitionFinished,
    RecognitionResult,
    VadProgress,
)
from ringback.listen.turn_confidence import TurnThresholds
from ringback.settings import LimitSettings
from support.front import OWNER, Front, front
from support.live_client import BYTES_PER_SECOND, RAW, LiveClient, ScriptedRecogniser, stream, word
from support.socket_receiver import SocketReceiver
from support.turns import Turns

PATH = "/v2/listen"
QUERY = f"model=flux-general-en&{RAW}"
FRAME = bytes(BYTES_PER_SECOND // 10)


class TurnRecogniser(ScriptedRecogniser):
    """Says nothing by itself but that audio came; the test says the rest, and may look at the stream."""

    async def feed_audio(self, data: bytes) -> None:
        if not self.fed:
            self.tell(AudioOpened(1))
        self.fed += data
        self.tell(VadProgress(0, self.fed_seconds, None))

    async def flush_channel(self, channel: int | None) -> None:
        self.hear("", self.fed_seconds, self.fed_seconds, Cause.FINALIZE)

    async def end_audio(self) -> None:
        self.tell(RecognitionFinished(1, self.fed_seconds))
        self.tell(None)

    def hear(self, text: str, start: float, end: float, cause: Cause) -> None:
        words = tuple(word(each, start, end) for each in text.split())
        self.tell(RecognitionResult(0, start, end, words, final=cause is not Cause.UPDATE, cause=cause))


class Recognisers:
    def __init__(self) -> None:
        self.all: list[TurnRecogniser] = []
        self.options: list[ListenOptions] = []

    def __call__(self, options: ListenOptions, model: ModelInfo, request_id: JobId) -> TurnRecogniser:
        self.all.append(TurnRecogniser())
        self.options.append(options)
        return self.all[-1]


@pytest.fixture
def recognisers() -> Recognisers:
    return Recognisers()


@pytest.fixture
async def api(tmp_path: Path, recognisers: Recognisers) -> AsyncIterator[Front]:
    async with front(tmp_path, limits=LimitSettings(streams=2), open_recogniser=recognisers) as opened:
        yield opened


def opened(api: Front, query: str = QUERY, **options: Any) -> Any:
    return stream(api.port, query, **({"key": OWNER, "path": PATH} | options))


async def refused(api: Front, query: str, **options: Any) -> tuple[int, dict[str, Any]]:
    try:
        async with opened(api, query, **options):
            raise AssertionError("the handshake was accepted")
    except InvalidStatus as error:
        response = error.response
        assert response.body is not None
        body = json.loads(response.body)
        assert body["err_msg"] == response.headers["dg-error"]
        assert body["request_id"] == response.headers["dg-request-id"]
        return response.status_code, body


async def say(client: LiveClient, **message: Any) -> None:
    await client.send(json.dumps(message))


async def closed(client: LiveClient) -> int | None:
    await say(client, type="CloseStream")
    return await client.closed()


async def test_connected_is_first_and_names_the_stream(api: Front) -> None:
    """1, 2."""
    async with opened(api) as client:
        (connected,) = await client.wait_for("Connected")
        assert await closed(client) == 1000
    assert connected == {"type": "Connected", "request_id": client.request_id, "sequence_id": 0}
    assert uuid.UUID(connected["request_id"])
    Turns(client.messages).check()


@pytest.mark.parametrize("scheme", ["token", "bearer"])
async def test_credentials_come_as_everywhere(api: Front, scheme: str) -> None:
    """3."""
    token = OWNER
    if scheme == "bearer":
        token = (await api.call("POST", "/v1/auth/grant", json={})).json()["access_token"]
    async with opened(api, key=None, subprotocols=[Subprotocol(scheme), Subprotocol(token)]) as client:
        assert client.connection.subprotocol == scheme
        assert await closed(client) == 1000


async def test_without_credentials_nobody_gets_in(api: Front) -> None:
    """3."""
    for key in (None, "0" * 40):
        status, body = await refused(api, QUERY, key=key)
        assert (status, body["err_code"]) == (401, "INVALID_AUTH")
    status, body = await refused(api, QUERY, key=await api.add_key("keys:write"))
    assert (status, body["err_code"]) == (403, "INSUFFICIENT_PERMISSIONS")


REFUSED = {
    RAW: "model",
    f"model=flux&{RAW}": "model",
    f"model=nova-3&{RAW}": "model",
    f"{QUERY}&eot_threshold=0.49": "eot_threshold",
    f"{QUERY}&eot_threshold=1.01": "eot_threshold",
    f"{QUERY}&eager_eot_threshold=0.8": "eager_eot_threshold",
    f"{QUERY}&eot_timeout_ms=500.5": "eot_timeout_ms",
    f"{QUERY}&keyterm=": "keyterm",
    f"{QUERY}&language_hint=en": "language_hint",
    f"{QUERY}&smart_format=true": "smart_format",
    f"{QUERY}&language=en": "language",
    f"{QUERY}&endpointing=300": "endpointing",
    f"{QUERY}&interim_results=true": "interim_results",
    f"{QUERY}&redact=pci": "redact",
    "model=flux-general-en&encoding=linear16": "sample_rate",
}


@pytest.mark.parametrize("query", REFUSED, ids=REFUSED.values())
async def test_a_refusal_names_what_is_wrong(api: Front, query: str) -> None:
    """4, 7 to 13, 15."""
    status, body = await refused(api, query)
    assert status == 400
    assert f"`{REFUSED[query]}" in body["err_msg"]


@pytest.mark.parametrize("model", ["flux-general-en", "flux-general-multi"])
async def test_version_one_sends_flux_models_here(api: Front, model: str) -> None:
    """5."""
    status, body = await refused(api, f"model={model}&{RAW}", path="/v1/listen")
    answered = await api.call("POST", f"/v1/listen?model={model}", data=b"RIFF")
    for code, found in ((status, body), (answered.status, answered.json())):
        assert (code, found["err_code"]) == (400, "V2_MODEL_ON_V1_LISTEN_ENDPOINT")


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
async def test_there_is_a_websocket_and_nothing_else(api: Front, method: str) -> None:
    """6."""
    answered = await api.call(method, PATH, headers={"Upgrade": ""})
    assert (answered.status, answered.json()["err_code"]) == (405, "METHOD_NOT_ALLOWED")


async def test_the_places_are_those_of_all_streams(api: Front) -> None:
    """40."""
    async with opened(api) as one, stream(api.port, key=OWNER) as other:
        status, body = await refused(api, QUERY)
        details = (await api.call("GET", "/v1/status")).json()
        assert await closed(one) == 1000
        await other.send('{"type":"CloseStream"}')
        await other.closed()
    assert (status, body["err_code"]) == (429, "TOO_MANY_REQUESTS")
    assert (details["active_stream_requests"], details["active_listen_v2_stream_requests"]) == (1, 1)


async def test_a_server_without_the_model_says_so(tmp_path: Path, recognisers: Recognisers) -> None:
    async with front(tmp_path, open_recogniser=recognisers, judges_turns=False) as api:
        status, body = await refused(api, QUERY)
    assert status == 400
    assert "EXTRAS=turns" in body["err_msg"]


async def test_a_turn_reaches_the_client_and_the_history(api: Front, recognisers: Recognisers) -> None:
    """18, 19, 24, 26, 40."""
    async with opened(api, f"{QUERY}&eager_eot_threshold=0.5&tag=a") as client:
        await client.send(FRAME * 20)
        (recogniser,) = recognisers.all
        recogniser.hear("Book a", 0.2, 0.8, Cause.UPDATE)
        recogniser.tell(PauseJudged(0, 1.0, 0.9))
        recogniser.hear("Book a table.", 0.2, 1.3, Cause.EAGER)
        recogniser.hear("", 1.3, 1.45, Cause.ENDPOINT)
        await client.wait_for("TurnInfo", 3)
        assert await closed(client) == 1000
    turns = Turns(client.messages)
    turns.check()
    assert turns.events == ["StartOfTurn", "EagerEndOfTurn", "EndOfTurn"]
    assert turns.texts == ["Book a table."]
    job = await api.ledger.wait_for_end(JobId(client.request_id))
    assert (job.code, job.method, job.tags) == (200, "streaming", ("a",))
    answered = await api.call("GET", f"/v1/projects/{api.project}/requests/{client.request_id}")
    record = answered.json()["request"]
    assert (record["path"], record["code"]) == (PATH, 200)
    assert record["response"]["details"]["config"]["thresholds"] == {"eager_eot_threshold": 0.5}
    result = await api.call("GET", f"/v1/projects/{api.project}/requests/{client.request_id}/result")
    assert result.json()["turns"] == 1


async def test_configure_reaches_the_recogniser(api: Front, recognisers: Recognisers) -> None:
    """30."""
    async with opened(api) as client:
        await client.send(FRAME)
        await say(client, type="Configure", thresholds={"eot_threshold": 0.9}, keyterms=["Metformin"])
        (answer,) = await client.wait_for("ConfigureSuccess")
        assert await closed(client) == 1000
    (recogniser,) = recognisers.all
    assert recogniser.thresholds == TurnThresholds(0.9)
    assert recogniser.keyterms == ("Metformin",)
    assert answer["keyterms"] == ["Metformin"]
    assert answer["thresholds"] == {"eot_threshold": 0.9, "eot_timeout_ms": 5000}


async def test_a_bad_configure_changes_nothing(api: Front, recognisers: Recognisers) -> None:
    """31."""
    async with opened(api) as client:
        await client.send(FRAME)
        await say(client, type="Configure", thresholds={"eot_threshold": 0.1}, keyterms=["x"])
        (answer,) = await client.wait_for("ConfigureFailure")
        assert await closed(client) == 1000
    assert "eot_threshold" in answer["description"]
    assert recognisers.all[0].keyterms == ()


@pytest.mark.parametrize(
    "text",
    ['{"type":"Configure","numerals":"true"}', '{"type":"Configure","features":{}}', '{"type":"X"}', "{"],
)
async def test_what_cannot_be_read_ends_the_stream(api: Front, text: str) -> None:
    """32."""
    async with opened(api) as client:
        await client.send(FRAME)
        await client.send(text)
        assert await client.closed() == 1008
    assert client.messages[-1]["code"] == "UNPARSABLE_CLIENT_MESSAGE"
    job = await api.ledger.wait_for_end(JobId(client.request_id))
    assert job.code == 400


async def test_a_keep_alive_does_not(api: Front) -> None:
    """33."""
    async with opened(api) as client:
        await say(client, type="KeepAlive")
        await client.send(FRAME)
        assert await closed(client) == 1000
    assert client.of("Error") == []


async def test_force_end_turn_without_a_turn(api: Front, recognisers: Recognisers) -> None:
    """29."""
    async with opened(api) as client:
        await say(client, type="ForceEndTurn")
        await client.wait_for("Warning")
        await client.send(FRAME)
        await say(client, type="ForceEndTurn")
        warnings = await client.wait_for("Warning", 2)
        assert await closed(client) == 1000
    assert {each["code"] for each in warnings} == {"FORCE_END_TURN_NO_ACTIVE_TURN"}


async def test_close_stream_may_end_the_turn(tmp_path: Path, recognisers: Recognisers) -> None:
    async with (
        front(tmp_path, open_recogniser=recognisers, ends_turn_on_close=True) as api,
        opened(api) as client,
    ):
        await client.send(FRAME)
        recognisers.all[0].hear("Good bye", 0.0, 0.1, Cause.UPDATE)
        await client.wait_for("TurnInfo")
        assert await closed(client) == 1000
    assert client.messages[-1]["trigger"] == "manual"


async def test_a_server_that_stops_closes_its_streams(tmp_path: Path, recognisers: Recognisers) -> None:
    """40."""
    async with front(tmp_path, open_recogniser=recognisers) as api:
        client_context = opened(api)
        client = await client_context.__aenter__()
        await client.send(FRAME)
        recognisers.all[0].hear("Good bye", 0.0, 0.1, Cause.UPDATE)
        await client.wait_for("TurnInfo")
    await client.closed()
    assert client.code == 1001
    assert client.messages[-1]["transcript"]
    await client_context.__aexit__(None, None, None)


async def test_who_looks_on_sees_the_turns_as_they_were_sent(api: Front, recognisers: Recognisers) -> None:
    """With `redact` nothing of a number is shown, wherever the spans of the turn were cut."""
    async with opened(api, f"{QUERY}&redact=numbers") as client:
        path = f"/v1/projects/{api.project}/requests/{client.request_id}/live"
        await client.send(FRAME * 10)
        recognisers.all[0].hear("It is four one", 0.0, 0.4, Cause.LENGTH)
        recognisers.all[0].hear("two three.", 0.4, 0.8, Cause.ENDPOINT)
        recognisers.all[0].hear("And you", 0.8, 1.0, Cause.UPDATE)
        await client.wait_for("TurnInfo", 3)
        lines = (await api.call("GET", path)).json()["lines"]
        assert await closed(client) == 1000
    assert [(line["text"], line["final"]) for line in lines] == [("It is *.", True), ("And you", False)]
    assert lines[0]["text"] == Turns(client.messages).texts[0]


async def test_over_a_websocket_the_callback_gets_everything(api: Front, recognisers: Recognisers) -> None:
    with SocketReceiver() as receiver:
        async with opened(api, f"{QUERY}&callback={quote(receiver.url + '/turns')}") as client:
            await _speak_a_turn(client, recognisers)
            await asyncio.to_thread(receiver.wait_until_closed, "/turns")
        got = receiver.wait_until_closed("/turns")
    Turns(got).check()
    assert Turns(got).texts == ["Hello there."]
    # SDKs wait for it.
    assert [each["type"] for each in client.messages] == ["Connected"]


async def test_over_http_the_callback_gets_ends_of_turns(api: Front, recognisers: Recognisers) -> None:
    query = f"{QUERY}&inspect_response=true&callback={quote('http://127.0.0.1:9/turns')}"
    async with opened(api, query) as client:
        await _speak_a_turn(client, recognisers)
    Turns(client.messages).check()
    leases = await api.ledger.claim("deliver", 10, 60)
    bodies = [json.loads(json.loads(lease.job.payload)["body"]["inline"]) for lease in leases]
    assert [body["event"] for body in bodies] == ["EndOfTurn"]
    assert bodies[0] == Turns(client.messages).ends[0]


async def _speak_a_turn(client: LiveClient, recognisers: Recognisers) -> None:
    await client.send(FRAME * 10)
    recognisers.all[-1].hear("Hello there.", 0.0, 1.0, Cause.ENDPOINT)
    assert await closed(client) == 1000
