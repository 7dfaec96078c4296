"""The installed program from a lost callback to its return: redelivery, results, `ringback requests`."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from support.program import KEY, RINGBACK, Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE

AUDIO = Path(__file__).parents[1] / "audio"
CLIP = (AUDIO / "phone_en_auth_incorrect.flac").read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    settings = {"RINGBACK_CALLBACK_RETRIES": "0"}
    with Program(tmp_path_factory.mktemp("server"), settings) as running:
        running.wait_until_ready()
        yield running


def ringback(server: Program, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    return subprocess.run(
        [str(RINGBACK), "requests", *arguments, "--server", server.url],
        env=environment | {"RINGBACK_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def said(server: Program, *arguments: str) -> str:
    done = ringback(server, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def submit(server: Program, url: str, tag: str) -> str:
    answer = server.listen(CLIP, f"callback={quote(url, safe='')}&tag={tag}", "audio/flac")
    request_id: str = answer.json()["request_id"]
    return request_id


def wait_until_all(state: str, server: Program, request_id: str) -> None:
    """Until every delivery of a request is in this state: it is settled just after its receiver has it."""
    server.wait_until(
        lambda: {d["state"] for d in server.request(request_id)["ringback"]["deliveries"]} == {state},
        PATIENCE,
        f"the callback is not {state}",
    )


def test_a_lost_callback_comes_back(server: Program) -> None:
    recovered = False

    def answer(_: Received) -> int:
        return 200 if recovered else 503

    with Receiver(answer) as receiver:
        request_id = submit(server, receiver.url, "lost")
        wait_until_all("parked", server, request_id)

        listed = said(server, "deliveries", "--state", "parked", "--tag", "lost")
        assert request_id in listed
        assert "503" in listed
        page = said(server, "show", request_id)
        assert "server_error 503" in page
        assert f"ringback requests redeliver {request_id}" in page
        assert receiver.url not in page

        recovered = True
        said(server, "redeliver", request_id)
        first, second = receiver.wait_for(lambda got: len(got) == 2)
        assert second.headers["webhook-id"] == first.headers["webhook-id"]
        assert second.body == first.body
        wait_until_all("done", server, request_id)
        said(server, "redeliver", request_id)
        third = receiver.wait_for(lambda got: len(got) == 3)[2]
        assert third.headers["webhook-id"] == first.headers["webhook-id"]
        wait_until_all("done", server, request_id)
        result = json.loads(said(server, "result", request_id))
        assert result == first.json()
        assert "delivered" in said(server, "list", "--tag", "lost")


def test_many_go_elsewhere_and_many_come_back(server: Program) -> None:
    with Receiver(lambda _: 500) as broken, Receiver() as other:
        ids = [submit(server, broken.url, "many") for _ in range(3)]
        for request_id in ids:
            wait_until_all("parked", server, request_id)
        said(server, "redeliver", ids[0], "--url", other.url, "--method", "PUT")
        (sent,) = other.wait_for(lambda got: len(got) == 1)
        assert (sent.method, sent.headers["dg-request-id"]) == ("PUT", ids[0])

        broken.answer = lambda _: 200
        where = ("--destination", broken.url, "--tag", "many")
        assert said(server, "redeliver", *where, "--dry-run").startswith("3 deliveries")
        requested = ringback(server, "redeliver", *where)
        assert requested.returncode == 1
        assert "Send 3 deliveries again?" in requested.stderr
        assert said(server, "redeliver", *where, "--yes") == "Due again: 3 deliveries.\n"
        receiver = broken.wait_for(lambda got: len(got) == 6)
        assert {each.headers["dg-request-id"] for each in receiver[3:]} == set(ids)
        nothing = ringback(server, "redeliver", *where)
        assert "nothing to send again" in nothing.stderr


def test_the_command_says_what_the_server_says(server: Program) -> None:
    lost = ringback(server, "show", "00000000-0000-4000-8000-000000000000")
    assert (lost.returncode, lost.stderr) == (1, "Error: The server refused (404): Request not found.\n")
    nowhere = subprocess.run(
        [str(RINGBACK), "requests", "list", "--server", "http://127.0.0.1:9", "--key", "x"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert nowhere.returncode == 1
    assert "No answer from http://127.0.0.1:9" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
    assert "no such requests" in ringback(server, "list", "--tag", "nobody").stderr
    assert json.loads(said(server, "list", "--limit", "1", "--json"))["requests"]


def test_a_callback_is_tried(server: Program) -> None:
    with Receiver() as receiver:
        project_free = server._call(
            "POST", "/v1/callbacks/test", json.dumps({"url": receiver.url}).encode(), "application/json"
        )
        (sample,) = receiver.wait_for(lambda got: len(got) == 1)
    trial = project_free.json()
    assert (trial["delivered"], trial["status"]) == (True, 200)
    assert sample.headers["dg-request-id"] == trial["request_id"]
    refused = server._call(
        "POST", "/v1/callbacks/test", b'{"url": "http://10.0.0.1/hook"}', "application/json"
    )
    assert (refused.json()["delivered"], refused.json()["failed"]) == (False, "policy")
