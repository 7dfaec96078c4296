"""`callback_method=PUT` to presigned URLs, against a real S3 server that checks every signature."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from support.program import Program
from support.s3 import S3

CLIP = (Path(__file__).parents[1] / "audio" / "phone_en_auth_incorrect.flac").read_bytes()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("presigned"), {"RINGBACK_CALLBACK_RETRIES": "0"}) as program:
        yield program


def ended(server: Program, callback: str) -> tuple[str, dict[str, Any]]:
    """Hand in a recording, and wait for the end of its callback: the request's id and its one delivery."""
    reply = server.listen(CLIP, f"callback={quote(callback, safe='')}&callback_method=PUT")
    assert reply.status == 200, reply.body
    request_id = str(reply.json()["request_id"])
    server.wait_until(lambda: attempts(server, request_id) != [], 60, "no attempt was made")
    [attempt] = attempts(server, request_id)
    return request_id, attempt


def attempts(server: Program, request_id: str) -> list[dict[str, Any]]:
    deliveries = server.request(request_id)["ringback"]["deliveries"]
    return [attempt for delivery in deliveries for attempt in delivery["attempts"]]


def test_a_transcript_arrives_as_an_object(s3: S3, server: Program) -> None:
    request_id, attempt = ended(server, s3.presigned("calls/first call.json"))
    assert (attempt["outcome"], attempt["code"]) == ("delivered", 200)
    content, content_type = s3.get("calls/first call.json")
    document = json.loads(content)
    assert content_type == "application/json"
    assert document["metadata"]["request_id"] == request_id
    assert document["results"]["channels"][0]["alternatives"][0]["words"]


def test_the_url_may_hold_credentials_that_storage_must_not_see(s3: S3, server: Program) -> None:
    """Two ways to prove oneself at once are refused by S3."""
    _, attempt = ended(server, s3.presigned("second").replace("//", "//user:hush@", 1))
    assert attempt["outcome"] == "delivered"
    assert s3.get("second")[0]


def test_the_oldest_kind_of_signature_covers_the_content_type(s3: S3, server: Program) -> None:
    _, attempt = ended(server, s3.presigned_v2("third"))
    assert attempt["outcome"] == "delivered"
    assert s3.get("third")[0]


def test_a_wrong_signature_is_refused_and_shows(s3: S3, server: Program) -> None:
    url = s3.presigned("never", secret="wrong")
    request_id, attempt = ended(server, url)
    assert (attempt["outcome"], attempt["code"]) == ("client_error", 403)
    assert "SignatureDoesNotMatch" in attempt["detail"]["answer"]
    with pytest.raises(KeyError):
        s3.get("never")
    signature = url.rpartition("=")[2]
    assert signature not in server.log
    assert signature not in json.dumps(server.request(request_id))
