"""Whatever a receiver does, an attempt ends within its limit, in bounded memory, as a value."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import trustme

from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.dial import verifying_tls
from ringback.egress.policy import Policy
from ringback.egress.responses import (
    BODY_LIMIT,
    FetchLimits,
    Limits,
    NoResponse,
    NoResponseReason,
    ReceiverResponse,
)
from ringback.egress.target import parse_target
from support.bad_receivers import (
    answer_without_reading,
    broken_chunks,
    dripped_body,
    dripped_headers,
    endless_answer,
    endless_chunks,
    endless_interim_answers,
    gzip_bomb,
    hang_up,
    headers_then_end,
    headers_then_reset,
    huge_header,
    many_headers,
    nameless_header,
    never_reads,
    no_reason,
    not_http,
    reset,
    reset_after_headers,
    silence,
    truncated_answer,
    two_lengths,
)
from support.raw_receiver import Behaviour, Conversation, answering, receiving
from support.waiting import PATIENCE, real_pause

POLICY = Policy(["127.0.0.1", "localhost"])
LIMITS = Limits(connect=30.0, total=60.0)
"""Where an answer comes: so slow is no machine."""
SHORT = Limits(connect=0.5, total=1.0)
"""Where none comes."""
FETCH_LIMITS = FetchLimits(connect=30.0, response=60.0, total=90.0)
TOLERANCE = 4.0
"""Seconds that an attempt may take beyond its limit on a machine that runs much else; without one, it would
take as long as the receiver likes."""


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(POLICY, SystemClock()) as opened:
        yield opened


async def attempt(
    egress: EgressClient, url: str, body: bytes = b"{}", limits: Limits = LIMITS
) -> ReceiverResponse | NoResponse:
    """One attempt, which must end in time."""
    began = time.monotonic()
    answer = await egress.send_request(parse_target(url, POLICY, ports=False), "POST", {}, body, limits)
    assert time.monotonic() - began < limits.total + TOLERANCE
    return answer


@pytest.mark.parametrize("status", [200, 204, 302, 404, 410, 413, 500, 503])
async def test_a_status_is_an_answer(egress: EgressClient, status: int) -> None:
    async with receiving(answering(status, location="http://127.0.0.1:1/", retry_after="7")) as receiver:
        answer = await attempt(egress, receiver.url())
    assert isinstance(answer, ReceiverResponse)
    assert (answer.status, answer.retry_after, answer.address) == (status, "7", "127.0.0.1")
    assert receiver.connections == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        endless_answer,
        endless_chunks,
        gzip_bomb,
        truncated_answer,
        reset_after_headers,
        dripped_body,
        broken_chunks,
        answer_without_reading,
        dripped_headers,
        huge_header,
        many_headers,
        headers_then_end,
        headers_then_reset,
        two_lengths,
        nameless_header,
        no_reason,
    ],
)
async def test_the_status_line_decides(egress: EgressClient, behaviour: Behaviour) -> None:
    async with receiving(behaviour) as receiver:
        answer = await attempt(egress, receiver.url(), body=b"x" * 20_000_000)
    assert isinstance(answer, ReceiverResponse)
    assert answer.status == 200
    assert len(answer.body) <= BODY_LIMIT


UNUSUAL_HEADERS = {
    "one of 12 KB": b"content-length: 6\r\ncontent-security-policy: " + b"y" * 12_000 + b"\r\n",
    "one of 200 KB": b"content-length: 6\r\nx: " + b"y" * 200_000 + b"\r\n",
    "160 of them": b"content-length: 6\r\n" + b"".join(b"x-%d: %s\r\n" % (i, b"y" * 70) for i in range(160)),
    "3,000 of them": b"content-length: 6\r\n" + b"".join(b"x-%d: y\r\n" % i for i in range(3_000)),
    "two equal lengths": b"content-length: 6\r\ncontent-length: 6\r\n",
    "a list of equal lengths": b"content-length: 6, 6\r\n",
    "a space before a colon": b"set-cookie : a\r\ncontent-length: 6\r\n",
    "a length and chunks": b"content-length: 6\r\ntransfer-encoding: chunked\r\n",
    "a folded header": b"x: y\r\n  z\r\ncontent-length: 6\r\n",
    "bytes beyond ASCII": b"x: \xff\xfe\x01\r\ncontent-length: 6\r\n",
}


@pytest.mark.parametrize("headers", UNUSUAL_HEADERS.values(), ids=UNUSUAL_HEADERS)
async def test_answers_that_other_clients_read_are_read_whole(egress: EgressClient, headers: bytes) -> None:
    body = b"6\r\nthanks\r\n0\r\n\r\n" if b"chunked" in headers else b"thanks"

    async def unusual(talk: Conversation) -> None:
        while True:
            await talk.request()
            await talk.say(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n" + body)

    async with receiving(unusual) as receiver:
        answers = [await attempt(egress, receiver.url()) for _ in range(2)]
        async with egress.fetch(parse_target(receiver.url(), POLICY, ports=False), FETCH_LIMITS) as fetched:
            audio = b"".join([chunk async for chunk in fetched.chunks])
    assert [answer.body for answer in answers if isinstance(answer, ReceiverResponse)] == [b"thanks"] * 2
    assert audio == b"thanks"
    assert len(receiver.received) == 3, "each was sent once"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (hang_up, NoResponseReason.RESET),
        (reset, NoResponseReason.RESET),
        (silence, NoResponseReason.TIMEOUT),
        (never_reads, NoResponseReason.TIMEOUT),
        (endless_interim_answers, NoResponseReason.PROTOCOL),
        (not_http, NoResponseReason.PROTOCOL),
    ],
)
async def test_no_status_line_is_no_answer(
    egress: EgressClient, behaviour: Behaviour, reason: NoResponseReason
) -> None:
    limits = SHORT if reason is NoResponseReason.TIMEOUT else LIMITS
    async with receiving(behaviour) as receiver:
        answer = await attempt(egress, receiver.url("/secret?key=1"), b"x" * 20_000_000, limits)
    assert isinstance(answer, NoResponse)
    assert answer.reason is reason
    assert "secret" not in answer.detail
    assert receiver.connections == 1, "an attempt on a fresh connection is made once"


async def test_nobody_listens(egress: EgressClient) -> None:
    async with receiving(silence) as receiver:
        pass
    answer = await attempt(egress, receiver.url())
    assert isinstance(answer, NoResponse)
    assert (answer.reason, answer.detail) == (NoResponseReason.CONNECT, "no connection: connection refused")
    assert answer.address == "127.0.0.1", "the address that was tried"


async def test_a_put_is_sent_once_too(egress: EgressClient) -> None:
    """aiohttp by itself sends a PUT again when the connection is lost."""
    async with receiving(hang_up) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        answer = await egress.send_request(target, "PUT", {}, b"{}", LIMITS)
    assert isinstance(answer, NoResponse)
    assert receiver.connections == 1


async def test_a_kept_connection_that_died_costs_no_attempt(egress: EgressClient) -> None:
    async def once_per_connection(talk: Conversation) -> None:
        await talk.request()
        await talk.answer()  # without `connection: close`, and then closed all the same, on the next request
        if talk.number == 1:
            await talk.reader.readuntil(b"\r\n\r\n")
            talk.reset()

    async with receiving(once_per_connection) as receiver:
        for _ in range(2):
            answer = await attempt(egress, receiver.url())
            assert isinstance(answer, ReceiverResponse)
            assert answer.status == 200
    assert receiver.connections == 2


async def test_an_answer_to_nothing_is_nobodys_answer(egress: EgressClient) -> None:
    """What a receiver says on an idle connection must not be taken for its answer to the next delivery."""
    is_idle, dropped = asyncio.Event(), asyncio.Event()

    async def talkative(talk: Conversation) -> None:
        await talk.request()
        await talk.answer(200, b"asked for")
        if talk.number == 1:
            await is_idle.wait()
            await talk.answer(200, b"not asked for")
            with suppress(OSError):
                await talk.reader.read()
            dropped.set()

    async with receiving(talkative) as receiver:
        first = await attempt(egress, receiver.url())
        is_idle.set()
        async with asyncio.timeout(PATIENCE):
            await dropped.wait()
        second = await attempt(egress, receiver.url())
    assert isinstance(first, ReceiverResponse)
    assert isinstance(second, ReceiverResponse)
    assert (first.body, second.body) == (b"asked for", b"asked for")
    assert receiver.connections == 2


async def test_it_is_known_whether_the_request_was_sent(egress: EgressClient) -> None:
    async with receiving(silence) as deaf, receiving(never_reads) as busy:
        limits = Limits(connect=3.0, total=3.0)
        sent, unsent = await asyncio.gather(
            attempt(egress, deaf.url(), limits=limits),
            attempt(egress, busy.url(), b"x" * 20_000_000, limits),
        )
    assert sent.phases.sent is not None
    assert unsent.phases.connect is not None
    assert unsent.phases.sent is None


async def test_interim_answers_are_passed_over(egress: EgressClient) -> None:
    async def hint_first(talk: Conversation) -> None:
        await talk.request()
        await talk.say(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 3)
        await talk.answer(201)

    async with receiving(hint_first) as receiver:
        answer = await attempt(egress, receiver.url())
    assert isinstance(answer, ReceiverResponse)
    assert answer.status == 201


async def test_a_cancelled_attempt_leaves_no_connection(egress: EgressClient) -> None:
    received, ended = asyncio.Event(), asyncio.Event()

    async def until_closed(talk: Conversation) -> None:
        await talk.request()
        received.set()
        await talk.reader.read()
        ended.set()

    async with receiving(until_closed) as receiver:
        sending = asyncio.create_task(attempt(egress, receiver.url()))
        await received.wait()
        sending.cancel()
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def test_connections_are_kept(egress: EgressClient) -> None:
    async with receiving(answering(200, b"thanks")) as receiver:
        answers = [await attempt(egress, receiver.url()) for _ in range(3)]
    assert receiver.connections == 1
    first, *later = answers
    assert first.phases.connect is not None
    assert all(answer.phases.connect is None for answer in later)


async def test_a_receiver_without_tls_is_not_waited_for(egress: EgressClient) -> None:
    async with receiving(never_reads) as receiver:
        answer = await attempt(egress, receiver.url(scheme="https"), limits=Limits(0.3, 5.0))
    assert isinstance(answer, NoResponse)
    assert (answer.reason, answer.detail) == (NoResponseReason.TIMEOUT, "no connection within 0.3 s")
    assert answer.phases.total < 0.3 + TOLERANCE


def _tls_of(authority: trustme.CA, *hosts: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    return context


async def test_tls_is_verified_against_the_machines_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, unknown = trustme.CA(), trustme.CA()
    bundle = tmp_path / "authorities.pem"
    known.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    results = {}
    async with EgressClient(POLICY, SystemClock()) as egress:
        for name, tls in {
            "good": _tls_of(known, "localhost"),
            "unknown authority": _tls_of(unknown, "localhost"),
            "other host": _tls_of(known, "other.example"),
        }.items():
            async with receiving(answering(), tls) as receiver:
                results[name] = await attempt(egress, receiver.url(scheme="https", host="localhost"))
    good, *bad = results.values()
    assert isinstance(good, ReceiverResponse)
    assert good.phases.tls is not None
    assert all(isinstance(answer, NoResponse) and answer.reason is NoResponseReason.TLS for answer in bad)
    assert not any(isinstance(answer, ReceiverResponse) for answer in bad)


async def test_the_machines_store_is_read_once_and_not_before_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = list[ssl.SSLContext]()

    def counted() -> ssl.SSLContext:
        made.append(verifying_tls())
        return made[-1]

    monkeypatch.setattr("ringback.egress.dial.verifying_tls", counted)
    async with EgressClient(POLICY, SystemClock()) as egress, receiving(answering()) as receiver:
        await attempt(egress, receiver.url())
        assert not made
        urls = [receiver.url(path, scheme="https") for path in ("/a", "/b", "/c")]
        await asyncio.gather(*(attempt(egress, url) for url in urls))
    assert len(made) == 1


async def test_what_is_sent(egress: EgressClient) -> None:
    async with receiving(answering()) as receiver:
        url = f"http://us%40er:p%3Ass%2Fw%C3%B6rd@127.0.0.1:{receiver.port}/a%2Fb?c=%41&d=e%20f#g"
        target = parse_target(url, POLICY, ports=False)
        await egress.send_request(target, "PUT", {"Content-Type": "application/json"}, b'{"a":1}', LIMITS)
    [received] = receiver.received
    assert received.line == "PUT /a%2Fb?c=%41&d=e%20f HTTP/1.1"
    assert received.body == b'{"a":1}'
    assert received.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "7",
        "authorization": "Basic dXNAZXI6cDpzcy93w7ZyZA==",
    }


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
async def test_the_length_is_exact_at_every_size(egress: EgressClient, size: int) -> None:
    async with receiving(answering()) as receiver:
        await attempt(egress, receiver.url(), b"x" * size)
    [received] = receiver.received
    assert received.headers["content-length"] == str(size)
    assert "transfer-encoding" not in received.headers
    assert len(received.body) == size


async def test_cookies_are_not_kept(egress: EgressClient) -> None:
    async with receiving(answering(set_cookie="a=b")) as receiver:
        for _ in range(2):
            await attempt(egress, receiver.url())
    assert all("cookie" not in received.headers for received in receiver.received)


async def test_memory_stays_flat_under_bad_receivers(egress: EgressClient) -> None:
    process = psutil.Process()
    rises: list[int] = []

    async def watch(before: int) -> None:
        while True:
            rises.append(process.memory_info().rss - before)
            await real_pause(0.05, "memory is sampled 20 times a second")

    async with receiving(endless_answer) as endless, receiving(gzip_bomb) as bomb, receiving(silence) as deaf:
        watching = asyncio.create_task(watch(process.memory_info().rss))
        await asyncio.gather(
            *(attempt(egress, each.url(), limits=SHORT) for each in (endless, bomb, deaf) for _ in range(10))
        )
        watching.cancel()
    print(f"memory rose by at most {max(rises) / 1e6:.1f} MB under 30 bad receivers")
    assert max(rises) < 50_000_000


async def test_a_bad_receiver_does_not_slow_a_good_one(egress: EgressClient) -> None:
    async with receiving(silence) as bad, receiving(answering()) as good:
        waiting = [asyncio.create_task(attempt(egress, bad.url())) for _ in range(50)]
        for _ in range(20):
            assert isinstance(await attempt(egress, good.url()), ReceiverResponse)
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
