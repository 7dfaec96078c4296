"""Fetching audio by URL: redirects, limits, and Deepgram's words for what goes wrong."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ringback import __version__
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.remote_content import refusal_of
from ringback.egress.responses import FetchFailed, FetchLimits, FetchReason
from ringback.egress.target import parse_target
from support.bad_receivers import bomb, gzip_bomb
from support.raw_receiver import Behaviour, Conversation, answering, receiving
from support.waiting import PATIENCE, real_pause

POLICY = Policy(["127.0.0.1", "localhost"])
MACHINE = 4.0
"""Seconds more that a machine may take which runs much else."""
LIMITS = FetchLimits(connect=30.0, response=60.0, total=90.0)
"""Where an answer comes: so slow is no machine."""
SHORT = FetchLimits(connect=0.5, response=0.7, total=1.5)
"""Where none comes, or none that ends."""


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(POLICY, SystemClock()) as opened:
        yield opened


async def fetched(egress: EgressClient, url: str, limits: FetchLimits = LIMITS) -> bytes:
    """All bytes behind `url`."""
    async with egress.fetch(parse_target(url, POLICY, ports=False), limits) as answer:
        assert answer.status == 200
        return b"".join([chunk async for chunk in answer.chunks])


async def failure(egress: EgressClient, url: str, limits: FetchLimits = LIMITS) -> FetchFailed:
    """Why nothing came from `url`; within its time."""
    began = time.monotonic()
    with pytest.raises(FetchFailed) as failed:
        await fetched(egress, url, limits)
    assert time.monotonic() - began < limits.total + MACHINE
    assert "secret" not in str(failed.value)
    return failed.value


async def test_the_bytes_come_as_they_are(egress: EgressClient) -> None:
    audio = bytes(range(256)) * 20_000
    async with receiving(answering(200, audio, content_encoding="gzip")) as receiver:
        assert await fetched(egress, receiver.url("/a.wav?secret=1")) == audio
    [received] = receiver.received
    assert received.line == "GET /a.wav?secret=1 HTTP/1.1"
    assert received.headers["accept-encoding"] == "identity"


async def test_credentials_are_sent_and_stay_with_their_origin(egress: EgressClient) -> None:
    async def lead_elsewhere(talk: Conversation) -> None:
        received = await talk.request()
        if received.line.startswith("GET /first"):
            await talk.answer(302, location="/second")
        else:
            await talk.answer(302, location=f"http://localhost:{other.port}/third")

    async with receiving(answering(200, b"audio")) as other, receiving(lead_elsewhere) as first:
        assert await fetched(egress, f"http://u:p@127.0.0.1:{first.port}/first") == b"audio"
    sent = [received.headers.get("authorization") for received in first.received]
    assert sent == ["Basic dTpw", "Basic dTpw"]
    assert [received.headers.get("authorization") for received in other.received] == [None]


async def test_redirects_end(egress: EgressClient) -> None:
    async with receiving(answering(307, location="/again")) as receiver:
        failed = await failure(egress, receiver.url())
    assert failed.reason is FetchReason.TOO_MANY_REDIRECTS
    assert receiver.connections == 6


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (404, "The remote server hosting the media returned a client error: 404 Said."),
        (401, "The remote server hosting the media returned a client error: 401 Said."),
        (500, "The remote server hosting the media failed to return valid data. (it answered 500 Said)"),
        (304, "The remote server hosting the media failed to return valid data. (it answered 304 Said)"),
        (
            302,
            "The remote server hosting the media sent a redirect with a bad `location` header. "
            "(it is missing)",
        ),
    ],
)
async def test_deepgrams_words(egress: EgressClient, status: int, text: str) -> None:
    async with receiving(answering(status)) as receiver:
        failed = await failure(egress, receiver.url("/secret"))
    refused = refusal_of(failed).failure
    assert (refused.status, refused.err_code, refused.err_msg) == (400, "REMOTE_CONTENT_ERROR", text)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(b"audio" * 9, mtime=0)), ("deflate", zlib.compress(b"audio" * 9))],
)
async def test_a_coding_that_nobody_asked_for_is_undone(
    egress: EgressClient, coding: str, packed: bytes
) -> None:
    async with receiving(answering(200, packed, content_encoding=coding)) as receiver:
        assert await fetched(egress, receiver.url()) == b"audio" * 9


async def test_a_bomb_is_bounded_by_what_its_consumer_takes(egress: EgressClient) -> None:
    bomb()  # it takes a moment to make
    async with receiving(gzip_bomb) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        taken = 0
        async with egress.fetch(target, LIMITS) as answer:
            async for chunk in answer.chunks:
                assert len(chunk) <= 1 << 18
                taken += len(chunk)
                if taken > 1_000_000:
                    break
    assert taken < 1_500_000


@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        (answering(204), "it answered 204 Said: without a body"),
        (answering(200), "it answered 200 Said with an empty body"),
        (
            answering(200, gzip.compress(b"", mtime=0), content_encoding="gzip"),
            "it answered 200 Said with an empty body",
        ),
        (answering(200, b" <!doctype html><p>", content_type="audio/wav"), "it answered with a web page"),
        (answering(200, b"<p>Sign in" * 99, content_type="text/html"), "it answered with a web page"),
        (answering(200, b'{"error": 1}', content_type="application/json"), "it answered with JSON"),
        (answering(200, b"x", content_encoding="br"), "it came with the content coding br"),
    ],
)
async def test_what_is_no_audio_is_named(egress: EgressClient, behaviour: Behaviour, detail: str) -> None:
    async with receiving(behaviour) as receiver:
        failed = await failure(egress, receiver.url("/secret"))
    assert failed.reason is FetchReason.NO_DATA
    assert failed.detail.startswith(detail)
    assert not failed.temporary


@pytest.mark.parametrize(
    ("location", "reason", "detail"),
    [
        ("http://", FetchReason.BAD_LOCATION, "it names no host"),
        ("https:///secret", FetchReason.BAD_LOCATION, "it names no host"),
        ("//", FetchReason.BAD_LOCATION, "it names no host"),
        ("http:", FetchReason.BAD_LOCATION, ""),
        ("ftp://127.0.0.1/", FetchReason.BAD_LOCATION, "the scheme must be http or https"),
        ("http://10.0.0.1/secret", FetchReason.BLOCKED, "after a redirect: 10.0.0.1 is a private address"),
        ("http://[::ffff:169.254.169.254]/", FetchReason.BLOCKED, "after a redirect: "),
    ],
)
async def test_a_redirect_that_leads_nowhere_is_reported(
    egress: EgressClient, location: str, reason: FetchReason, detail: str
) -> None:
    async with receiving(answering(302, location=location)) as receiver:
        failed = await failure(egress, receiver.url("/secret"))
    assert failed.reason is reason
    assert failed.detail.startswith(detail)
    assert not failed.temporary
    assert receiver.connections == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
async def test_what_may_pass_is_temporary_and_has_the_time_that_the_host_asks_for(
    egress: EgressClient, status: int
) -> None:
    async with receiving(answering(status, retry_after="7")) as receiver:
        failed = await failure(egress, receiver.url("/secret"))
    assert (failed.temporary, failed.retry_after) == (True, "7")


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 410, 451])
async def test_what_the_same_url_will_give_again_is_final(egress: EgressClient, status: int) -> None:
    async with receiving(answering(status)) as receiver:
        failed = await failure(egress, receiver.url("/secret"))
    assert not failed.temporary


async def test_the_host_learns_who_asks(egress: EgressClient) -> None:
    async with receiving(answering(200, b"audio")) as receiver:
        await fetched(egress, receiver.url())
    [received] = receiver.received
    assert received.headers["user-agent"] == f"ringback/{__version__}"


async def silence(talk: Conversation) -> None:
    await talk.request()
    await asyncio.Event().wait()


async def dripping(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await talk.say(b"x")
        await real_pause(0.05, "20 bytes a second")


async def endless(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await talk.say(bytes(65_536))


async def truncated(talk: Conversation) -> None:
    await talk.request()
    await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this")


async def reset(talk: Conversation) -> None:
    await talk.request()
    talk.reset()


@pytest.mark.parametrize(
    ("behaviour", "limits", "detail", "temporary"),
    [
        (silence, SHORT, "no answer within 0.7 s", True),
        (dripping, SHORT, "it took too long", False),
        (endless, SHORT, "it took too long", False),
        (truncated, LIMITS, "it broke off", True),
        (reset, LIMITS, "the connection was closed before an answer came", True),
    ],
)
async def test_a_bad_host_yields_no_data_in_time(
    egress: EgressClient, behaviour: Behaviour, limits: FetchLimits, detail: str, temporary: bool
) -> None:
    async with receiving(behaviour) as receiver:
        failed = await failure(egress, receiver.url("/secret"), limits)
    assert (failed.reason, failed.detail) == (FetchReason.NO_DATA, detail)
    assert failed.temporary is temporary


async def test_a_host_that_drips_is_given_up_long_before_the_whole_limit(egress: EgressClient) -> None:
    limits = replace(LIMITS, bytes_per_second=1_000, pace_window=0.4)
    began = time.monotonic()
    async with receiving(dripping) as receiver:
        failed = await failure(egress, receiver.url("/secret"), limits)
    assert time.monotonic() - began < LIMITS.total / 2
    assert failed.reason is FetchReason.NO_DATA
    assert failed.detail == "too slow: less than 1000 bytes a second over 0.4 s"


async def test_a_host_that_keeps_the_pace_is_heard_to_its_end(egress: EgressClient) -> None:
    async def steady(talk: Conversation) -> None:
        await talk.request()
        await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n\r\n")
        for _ in range(50):
            await talk.say(bytes(1_000))
            await real_pause(0.03, "30 kB a second, above the pace")

    limits = replace(LIMITS, bytes_per_second=100, pace_window=1.0)
    async with receiving(steady) as receiver:
        assert len(await fetched(egress, receiver.url(), limits)) == 50_000


async def test_our_own_slowness_is_not_held_against_the_host(egress: EgressClient) -> None:
    limits = replace(LIMITS, bytes_per_second=100_000, pace_window=1.0)
    audio = bytes(2_000_000)
    async with receiving(answering(200, audio)) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        taken = 0
        async with egress.fetch(target, limits) as answer:
            async for chunk in answer.chunks:
                if not taken:
                    await real_pause(1.2, "longer than the pace's window")
                taken += len(chunk)
    assert taken == len(audio)


async def test_a_consumer_that_stops_early_frees_the_connection(egress: EgressClient) -> None:
    ended = asyncio.Event()

    async def until_closed(talk: Conversation) -> None:
        try:
            await endless(talk)
        finally:
            ended.set()

    async with receiving(until_closed) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        async with egress.fetch(target, LIMITS) as answer:
            async for _ in answer.chunks:
                break
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def test_a_slow_consumer_slows_the_host(egress: EgressClient) -> None:
    """Back-pressure: what is not taken is not read into memory."""
    sent = 0

    async def counting(talk: Conversation) -> None:
        nonlocal sent
        await talk.request()
        await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await talk.say(bytes(65_536))
            sent += 65_536

    async with receiving(counting) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        async with egress.fetch(target, LIMITS) as answer:
            await anext(aiter(answer.chunks))
            before = -1
            while before != sent:  # until the host can send no more
                before = sent
                await real_pause(0.1, "a host that can send more does so at once")
    assert sent < 16_000_000
