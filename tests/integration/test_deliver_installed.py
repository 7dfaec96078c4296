"""Schedules and thin callbacks through the installed server: what was asked at submit holds at delivery."""

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.ports import free_port
from support.program import RINGBACK, Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE

NO_AUDIO = b"this is no recording: its callback carries the refusal, and costs no engine"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    port = free_port()
    settings = {
        "RINGBACK_CALLBACK_RETRY_DELAY": "3600",
        "RINGBACK_PUBLIC_URL": f"http://127.0.0.1:{port}/",
    }
    with Program(tmp_path_factory.mktemp("schedules"), settings, port) as program:
        program.wait_until_ready()
        yield program


def test_a_request_names_its_own_schedule(server: Program) -> None:
    with Receiver(lambda _: 500) as receiver:
        reply = server.listen(NO_AUDIO, f"callback={receiver.url}&callback_schedule=0.1s%2C0.2")
        request_id = reply.json()["request_id"]
        receiver.wait_for(lambda arrived: len(arrived) == 3)
        server.wait_until(partial(_is_parked, server, request_id), PATIENCE, "it is not parked")
        assert [each.headers["ringback-attempt"] for each in receiver.received] == ["1", "2", "3"]


def test_a_key_has_a_schedule_of_its_own_which_a_request_may_override(server: Program) -> None:
    made = server.post(f"/v1/projects/{server.project}/keys", {"comment": "own", "scopes": ["member"]}).json()
    limits = [RINGBACK, "keys", "limits", made["api_key_id"], "--schedule", "0.1s"]
    subprocess.run([*limits, "--data-dir", server.data_dir], check=True, capture_output=True)
    with Receiver(lambda _: 500) as receiver:
        for more in ("", "&callback_schedule=0.1s%2C0.1s%2C0.1s"):
            reply = server.listen(NO_AUDIO, f"callback={receiver.url}{more}", key=made["key"])
            request_id = reply.json()["request_id"]
            server.wait_until(partial(_is_parked, server, request_id), PATIENCE, "it is not parked")
        assert [each.headers["ringback-attempt"] for each in receiver.received] == [*"12", *"1234"]


def test_a_bad_schedule_is_refused_at_once(server: Program) -> None:
    reply = server.listen(NO_AUDIO, "callback=http%3A%2F%2F127.0.0.1%2F&callback_schedule=soon")
    assert reply.status == 400
    assert "`callback_schedule=soon`: expected `standard`, `deepgram` or" in reply.json()["err_msg"]


def test_the_link_of_a_thin_callback_leads_to_the_document(server: Program) -> None:
    def too_large(arrival: Received) -> int:
        return 200 if "result_url" in arrival.json() else 413

    clip = (Path(__file__).parents[1] / "audio" / "phone_en_conf_onlyperson.flac").read_bytes()
    with Receiver(too_large) as receiver:
        reply = server.listen(clip, f"callback={receiver.url}&callback_schedule=0.1s")
        request_id = reply.json()["request_id"]
        whole, thin = receiver.wait_for(lambda arrived: len(arrived) == 2)
    link = thin.json()["result_url"]
    assert link.startswith(server.url)
    fetched = server.get(link.removeprefix(server.url))
    assert fetched.status == 200
    assert fetched.body == whole.body
    assert thin.json()["bytes"] == len(whole.body)
    assert (thin.json()["request_id"], thin.json()["status"]) == (request_id, 200)
    assert thin.headers["webhook-id"] == whole.headers["webhook-id"]
    # The second attempt is settled just after the receiver has it.
    server.wait_until(lambda: _delivery(server, request_id)["state"] == "done", PATIENCE, "not delivered")
    refused, delivered = _delivery(server, request_id)["attempts"]
    assert (refused["code"], delivered["code"]) == (413, 200)
    assert delivered["detail"]["thin"] is True


def _delivery(server: Program, request_id: str) -> dict[str, Any]:
    [delivery] = server.request(request_id)["ringback"]["deliveries"]
    return dict(delivery)


def _is_parked(server: Program, request_id: str) -> bool:
    deliveries = server.request(request_id)["ringback"]["deliveries"]
    return [delivery["state"] for delivery in deliveries] == ["parked"]
