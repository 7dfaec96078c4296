"""Requests to three nodes of each role, on PostgreSQL and an S3 server."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

from support.cluster import Cluster, Node, cluster, scripted
from support.live_client import CLOSE_STREAM, RAW, stream
from support.program import KEY, RINGBACK, Reply
from support.receiver import Received, Receiver
from support.streamed import linear16
from support.waiting import PATIENCE

CLIPS = Path(__file__).parent.parent / "audio"
CLIP = CLIPS / "phone_en_vm_tempgreeting2.flac"
SAYS = "please leave a greeting"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    settings = {
        "RINGBACK_MODEL": scripted(folder, SAYS),
        "RINGBACK_CALLBACK_RETRY_DELAY": "0.2",
        "RINGBACK_CALLBACK_RETRIES": "1",
    }
    with cluster(folder, settings=settings) as running:
        running.wait_until_ready()
        yield running


def words(document: dict[str, Any]) -> str:
    return str(document["results"]["channels"][0]["alternatives"][0]["transcript"])


def is_delivered(api: Node, request_id: str) -> bool:
    return bool(api.request(request_id)["callback"]["code"] == 200)


def named(api: Node, audio: bytes, query: str, word: str) -> Reply:
    """A request with an `Idempotency-Key`."""
    return api.call(
        "POST", f"/v1/listen?{query}", audio, {"content-type": "audio/flac", "idempotency-key": word}
    )


def test_a_callback_comes_from_other_nodes_than_the_one_that_was_asked(nodes: Cluster) -> None:
    with Receiver() as receiver:
        requested = {
            api.listen(CLIP.read_bytes(), f"callback={quote(receiver.url)}").json()["request_id"]
            for api in nodes.of("api")
            for _ in range(2)
        }
        arrived = receiver.wait_for(lambda got: len(got) >= len(requested))
    assert {each.headers["dg-request-id"] for each in arrived} == requested
    assert all(SAYS in words(each.json()) for each in arrived)
    for api in nodes.of("api"):
        # The delivery is settled just after the receiver has it; every node tells the same.
        for request_id in requested:
            api.wait_until(partial(is_delivered, api, request_id), PATIENCE, "the callback is not settled")
    assert not any(
        "transcription.ended" in api.log or "delivery.attempted" in api.log for api in nodes.of("api")
    )


def test_a_caller_who_waits_gets_what_another_node_heard(nodes: Cluster) -> None:
    for api in nodes.of("api"):
        reply = api.listen(CLIP.read_bytes())
        assert reply.status == 200
        assert SAYS in words(reply.json())


def test_a_request_sent_again_to_another_node_is_the_same_request(nodes: Cluster) -> None:
    with Receiver() as receiver:
        query = f"callback={quote(receiver.url)}"
        replies = [named(api, CLIP.read_bytes(), query, "order-66") for api in nodes.of("api")]
        assert len({reply.json()["request_id"] for reply in replies}) == 1
        assert [reply.headers.get("idempotent-replayed") for reply in replies] == [None, "true", "true"]
        receiver.wait_for(bool)


def test_what_was_given_up_is_sent_again_through_another_node(nodes: Cluster) -> None:
    statuses = iter([500, 500])

    def answer(_: Received) -> int:
        return next(statuses, 200)

    one, other, _ = nodes.of("api")
    with Receiver(answer) as receiver:
        request_id = one.listen(CLIP.read_bytes(), f"callback={quote(receiver.url)}").json()["request_id"]
        parked = ["requests", "deliveries", "--state", "parked", "--json"]
        other.wait_until(lambda: request_id in command(other, *parked), PATIENCE, "it is not parked")
        command(other, "requests", "redeliver", request_id)
        arrived = receiver.wait_for(lambda got: len(got) == 3)
    assert len({each.headers["webhook-id"] for each in arrived}) == 1
    assert len({each.body for each in arrived}) == 1


def command(api: Node, *arguments: str) -> str:
    """What the installed command says of a server."""
    environment = os.environ | {"RINGBACK_API_KEY": KEY, "RINGBACK_PORT": str(api.port)}
    done = subprocess.run(
        [RINGBACK, *arguments, "--data-dir", api.data_dir],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return done.stdout


async def test_a_stream_calls_back_through_the_nodes_that_deliver(nodes: Cluster) -> None:
    audio = linear16(CLIP)
    with Receiver() as receiver:
        query = f"{RAW}&callback={quote(receiver.url, safe='')}"
        async with stream(nodes.api.port, query, key=KEY) as client:
            await client.speak(audio, pace=0)
            await client.send(CLOSE_STREAM)
            assert await client.closed(60) == 1000
        arrived = await asyncio.to_thread(
            receiver.wait_for, lambda got: any(each.json()["type"] == "Metadata" for each in got)
        )
    numbers = [int(each.headers["ringback-sequence"]) for each in arrived]
    assert numbers == list(range(1, len(arrived) + 1))
    recognised = [each.json() for each in arrived if each.json()["type"] == "Results"]
    assert SAYS in " ".join(each["channel"]["alternatives"][0]["transcript"] for each in recognised)


@pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")  # the SDK's own import
def test_the_official_sdk_sees_one_server(nodes: Cluster) -> None:
    api = nodes.api
    there = DeepgramClientEnvironment(base=api.url, production=api.url, agent=api.url, agent_rest=api.url)
    with httpx.Client() as http:
        client = DeepgramClient(api_key=KEY, environment=there, httpx_client=http)
        response = client.listen.v1.media.transcribe_file(request=CLIP.read_bytes(), model="nova-3")
    assert SAYS in json.loads(response.json())["results"]["channels"][0]["alternatives"][0]["transcript"]


def test_a_key_ends_on_every_node_within_a_second(nodes: Cluster) -> None:
    one, other, _ = nodes.of("api")
    keys = f"/v1/projects/{one.project}/keys"
    made = one.post(keys, {"comment": "short", "scopes": ["member"]}).json()
    assert other.get("/v1/projects", key=made["key"]).status == 200
    one.call("DELETE", f"{keys}/{made['api_key_id']}")
    other.wait_until(
        lambda: other.get("/v1/projects", key=made["key"]).status == 401, PATIENCE, "the key still works"
    )


def test_every_node_answers_probes_and_only_those_of_callers_answer_callers(nodes: Cluster) -> None:
    for node in nodes.nodes:
        assert node.get("/v1/status").json()["system_health"] == "Healthy"
        assert b"ringback_jobs{" in node.get("/metrics").body
        assert (node.get("/v1/projects").status == 200) is (node.role == "api")


@pytest.mark.alone
def test_a_node_says_that_it_leaves_before_it_does(nodes: Cluster) -> None:
    """The last one: it stops a node, which answers for a second after its probe has failed."""
    api = nodes.of("api")[-1]
    assert api.process is not None
    api.process.terminate()
    api.wait_until(lambda: api.get("/v1/status").status == 503, PATIENCE, "its probe does not fail")
    assert api.get("/v1/projects").status == 200  # while it still answers callers
    assert api.process.wait(PATIENCE) == 0
    nodes.nodes.remove(api)
