"""A sample callback: each phase is told, the one that fails with its fix."""

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from ringback.callbacks.trial import Phase, Trial, trial
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits
from support.raw_receiver import Behaviour, Conversation, answering, receiving

POLICY = Policy(["127.0.0.1", "localhost"])
LIMITS = Limits(connect=30.0, total=60.0)
"""Where an answer comes: so slow is no machine."""
SHORT = Limits(connect=0.5, total=1.0)
"""Where none comes."""
RINGBACK = Path(sys.executable).with_name("ringback")


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(POLICY, SystemClock()) as opened:
        yield opened


async def tried(egress: EgressClient, url: str, method: str = "POST", limits: Limits = LIMITS) -> Trial:
    return await trial(egress, POLICY, url, clock=SystemClock(), limits=limits, method=method)


def phases(found: Trial) -> list[Phase]:
    """Those that went well; whatever failed is the last step."""
    assert [step.ok for step in found.steps] == [True] * (len(found.steps) - 1) + [found.delivered]
    assert found.failed == (None if found.delivered else found.steps[-1].phase)
    assert (found.hint is None) == found.delivered
    return [step.phase for step in found.steps if step.ok]


async def test_a_sample_that_arrives(egress: EgressClient) -> None:
    async with receiving(answering(202, b"thanks")) as receiver:
        found = await tried(
            egress, receiver.url("/hush", host="localhost").replace("//", "//user:hush@"), "PUT"
        )
    assert phases(found) == ["url", "dns", "policy", "connect", "send", "first_byte", "status"]
    assert (found.status, found.answer, found.address) == (202, "thanks", "127.0.0.1")
    assert "hush" not in str(found)
    timed = {step.phase for step in found.steps if step.seconds is not None}
    assert timed == {Phase.DNS, Phase.CONNECT, Phase.SEND, Phase.FIRST_BYTE}
    [received] = receiver.received
    assert received.line == "PUT /hush HTTP/1.1"
    assert received.headers["dg-request-id"] == found.request_id
    assert received.headers["authorization"].startswith("Basic ")
    assert received.headers["webhook-id"] not in {"", found.request_id}
    document = json.loads(received.body)
    assert document["metadata"]["request_id"] == found.request_id
    spoken = document["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert spoken == "This is a test of your callback."


async def test_it_is_signed_like_a_real_one(egress: EgressClient) -> None:
    def sign(webhook_id: str, moment: float, body: bytes) -> Mapping[str, str]:
        return {"webhook-signature": f"{webhook_id} {moment > 1e9} {len(body)}"}

    async with receiving(answering()) as receiver:
        for query in ("", "?X-Amz-Signature=a"):
            url = receiver.url(f"/{query}", host="user:hush@127.0.0.1")
            await trial(egress, POLICY, url, clock=SystemClock(), limits=LIMITS, key_id="key-1", sign=sign)
    signed, presigned = receiver.received
    assert signed.headers["dg-token"] == "key-1"
    assert signed.headers["webhook-signature"] == f"{signed.headers['webhook-id']} True {len(signed.body)}"
    assert "authorization" in signed.headers
    ours = {"authorization", "dg-token", "webhook-id", "webhook-signature"}
    assert ours.isdisjoint(presigned.headers)


@pytest.mark.parametrize(
    ("url", "failed", "said", "hint"),
    [
        ("receiver.example/", Phase.URL, "cannot be used", "https://"),
        ("http://a b/", Phase.URL, "cannot be used", "percent-encode"),
        ("http://10.0.0.1/", Phase.POLICY, "10.0.0.1 is a private address", "RINGBACK_CALLBACK_ALLOW"),
        ("http://metadata.google.internal/", Phase.POLICY, "metadata service", "RINGBACK_CALLBACK_ALLOW"),
        ("http://nowhere.invalid/", Phase.DNS, "nowhere.invalid", "spelling"),
        ("http://127.0.0.1:1/", Phase.CONNECT, "connection refused", "server through?"),
    ],
)
async def test_what_fails_before_anything_is_sent(
    egress: EgressClient, url: str, failed: Phase, said: str, hint: str
) -> None:
    found = await tried(egress, url)
    phases(found)
    assert found.failed is failed
    assert said in found.steps[-1].said
    assert found.hint is not None
    assert hint in found.hint
    assert "TIMEOUT" not in found.hint
    assert found.request_id is None


async def test_a_name_that_leads_inside(egress: EgressClient) -> None:
    async with EgressClient(POLICY, SystemClock(), lambda *_: ["10.0.0.1"]) as strict:
        found = await tried(strict, "http://inner.example/")
    assert phases(found) == ["url", "dns"]
    assert found.failed is Phase.POLICY
    assert "10.0.0.1" not in str(found)


async def test_a_port_that_callbacks_may_not_name(egress: EgressClient) -> None:
    found = await trial(
        egress, Policy(ports=[443]), "http://127.0.0.1:81/", clock=SystemClock(), limits=LIMITS
    )
    assert found.failed is Phase.POLICY
    assert found.hint is not None
    assert "RINGBACK_CALLBACK_PORTS" in found.hint


async def never_answers(talk: Conversation) -> None:
    await talk.request()
    await asyncio.Event().wait()


async def hangs_up(talk: Conversation) -> None:
    await talk.request()


async def speaks_something_else(talk: Conversation) -> None:
    await talk.say(b"220 mail.example ESMTP\r\n")
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("behaviour", "failed", "hint"),
    [
        (never_answers, Phase.FIRST_BYTE, "work later; RINGBACK_CALLBACK_TIMEOUT is the limit"),
        (hangs_up, Phase.FIRST_BYTE, "ended the connection without an answer"),
        (speaks_something_else, Phase.STATUS, "something else than an HTTP server"),
        (answering(301, location="/x"), Phase.STATUS, "no redirects"),
        (answering(401), Phase.STATUS, "user:password"),
        (answering(404), Phase.STATUS, "path"),
        (answering(405), Phase.STATUS, "does not take POST"),
        (answering(418), Phase.STATUS, "may say why"),
        (answering(500, b"boom"), Phase.STATUS, "its log"),
    ],
)
async def test_what_a_receiver_does_wrong(
    egress: EgressClient, behaviour: Behaviour, failed: Phase, hint: str
) -> None:
    async with receiving(behaviour) as receiver:
        found = await tried(egress, receiver.url(), limits=SHORT if behaviour is never_answers else LIMITS)
    phases(found)
    assert found.failed is failed
    assert found.hint is not None
    assert hint in found.hint
    assert found.request_id is not None


async def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with EgressClient(POLICY, SystemClock()) as egress, receiving(answering(), context) as receiver:
        good = await tried(egress, receiver.url(scheme="https", host="localhost"))
        bad = await tried(egress, receiver.url(scheme="https"))
    assert phases(good) == ["url", "dns", "policy", "connect", "tls", "send", "first_byte", "status"]
    assert phases(bad) == ["url", "policy", "connect"]
    assert bad.failed is Phase.TLS


async def test_a_receiver_that_does_not_speak_tls(egress: EgressClient) -> None:
    async with receiving(never_answers) as receiver:
        found = await tried(egress, receiver.url(scheme="https"), limits=SHORT)
    assert phases(found) == ["url", "policy", "connect"]
    assert found.failed is Phase.TLS


async def test_a_receiver_that_accepts_no_connection(egress: EgressClient) -> None:
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than the system lets wait: those that come after are not answered
            early = waiting.enter_context(socket.socket())
            early.setblocking(False)
            early.connect_ex(full.getsockname())
        found = await tried(egress, f"http://127.0.0.1:{full.getsockname()[1]}/", limits=SHORT)
    assert phases(found) == ["url", "policy"]
    assert found.failed is Phase.CONNECT
    assert "no connection within 0.5 s" in found.steps[-1].said


async def test_the_doctor_tells_it_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RINGBACK_CALLBACK_ALLOW", "127.0.0.1")
    monkeypatch.setenv("RINGBACK_CALLBACK_PORTS", "any")
    async with receiving(answering()) as good, receiving(answering(404, b"no such hook")) as bad:
        arrived = await doctor(good.url())
        refused = await doctor(bad.url(), "--method", "put")
    assert arrived[0] == 0
    assert arrived[1].count("✓") == 6
    assert "A callback arrives." in arrived[1]
    assert refused[0] == 1
    assert "✗ status      it answered 404" in refused[1]
    assert "→ check the URL's path" in refused[1]
    assert "no such hook" in refused[1]
    assert bad.received[0].line.startswith("PUT ")


async def doctor(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        RINGBACK, "doctor", "callback", *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
