"""Answers as they come in, cut at any place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.egress.answer_parser import HEAD_BYTES, INTERIM_ANSWERS, AnswerParser

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nRetry-After: 7\r\n\r\nthanks"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\ntha\r\n3\r\nnks\r\n0\r\nt: u\r\n\r\n"
)


def fed(*pieces: bytes) -> AnswerParser:
    parser = AnswerParser()
    for piece in pieces:
        parser.feed(piece)
    return parser


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n"]
)
def test_an_answer_may_be_cut_anywhere(answer: bytes, before: bytes) -> None:
    whole = before + answer
    for cut in range(len(whole) + 1):
        parser = fed(whole[:cut], whole[cut:])
        assert (parser.status, parser.reason, parser.take(), parser.complete) == (200, "OK", b"thanks", True)
        assert parser.reusable
    parser = fed(*(whole[place : place + 1] for place in range(len(whole))))
    assert (parser.status, parser.take(), parser.reusable) == (200, b"thanks", True)


def test_the_status_is_known_with_its_line() -> None:
    parser = fed(b"HTTP/1.1 204")
    assert parser.status is None
    parser = fed(b"HTTP/1.1 204", b" No Content\r\n")
    assert (parser.status, parser.reason, parser.has_headers) == (204, "No Content", False)


def test_headers_are_found_whatever_their_case() -> None:
    assert fed(PLAIN).header(b"retry-after") == "7"
    assert fed(PLAIN).header(b"location") is None


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 200\r\n", b"HTTP/1.1 200 \r\n", b"HTTP/1.0 200 OK\n", b"HTTP/1.1  200 OK\r\n"]
)
def test_status_lines_in_odd_forms(line: bytes) -> None:
    parser = fed(line + b"content-length: 2\r\n\r\nok")
    assert (parser.status, parser.take(), parser.complete) == (200, b"ok", True)


@pytest.mark.parametrize(
    "start",
    [b"220 mail.example ESMTP\r\n", b"\x16\x03\x01", b"HTTP/1.1 20x OK\r\n", b"http/1.1 200 OK\r\n", b"\n"],
)
def test_what_is_no_http_is_known_at_once(start: bytes) -> None:
    parser = fed(start)
    assert (parser.status, parser.fault) == (None, "the answer was not HTTP that can be read")


def test_interim_answers_are_bounded() -> None:
    interim = b"HTTP/1.1 103 Hints\r\n\r\n"
    assert fed(interim * INTERIM_ANSWERS + PLAIN).complete
    assert fed(interim * (INTERIM_ANSWERS + 1) + PLAIN).fault == "too many interim answers"


def test_endless_headers_are_bounded_and_leave_the_status() -> None:
    parser = fed(b"HTTP/1.1 200 OK\r\nx: ", b"y" * HEAD_BYTES)
    assert (parser.status, parser.fault) == (200, "its headers are larger than 256 KB")
    assert fed(b"HTTP/1.1 2", b"0" * HEAD_BYTES).status is None


@pytest.mark.parametrize(
    ("answer", "glued"),
    [
        (PLAIN, PLAIN),
        (PLAIN, b"HTTP/1.1 500 No\r\n\r\n"),
        (PLAIN, b"x"),
        (CHUNKED, CHUNKED),
        (b"HTTP/1.1 204 No Content\r\n\r\n", PLAIN),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\nthanks", PLAIN),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
def test_what_is_glued_to_an_answer_spoils_the_connection_only(
    answer: bytes, glued: bytes, apart: bool
) -> None:
    parser = fed(answer, glued) if apart else fed(answer + glued)
    assert parser.status in {200, 204}
    assert parser.take() in {b"thanks", b""}
    assert parser.complete
    assert not parser.reusable


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 6\r\ncontent-length: 6\r\n",
        b"content-length: 6, 6\r\n",
        b"set-cookie : a\r\ncontent-length: 6\r\n",
        b"\x01: y\r\nnameless\r\ncontent-length: 6\r\n",
    ],
)
def test_a_head_that_had_to_be_repaired_is_read_but_not_trusted(headers: bytes) -> None:
    parser = fed(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\nthanks")
    assert (parser.take(), parser.complete, parser.reusable) == (b"thanks", True, False)


def test_a_length_beside_chunks_is_passed_over() -> None:
    parser = fed(CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-length: 1\r\n\r\n", 1))
    assert (parser.take(), parser.complete, parser.reusable) == (b"thanks", True, False)


def test_unequal_lengths_leave_the_status() -> None:
    parser = fed(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\ncontent-length: 7\r\n\r\nthanks!")
    assert (parser.status, parser.fault) == (200, "its headers cannot be read")


def test_without_a_length_the_body_ends_with_the_connection() -> None:
    parser = fed(b"HTTP/1.1 200 OK\r\n\r\ntha", b"nks")
    assert not parser.complete
    parser.end()
    assert (parser.take(), parser.complete, parser.reusable) == (b"thanks", True, False)


@pytest.mark.parametrize("answer", [PLAIN[:-1], CHUNKED[:-7], PLAIN[:30]])
def test_an_answer_that_breaks_off(answer: bytes) -> None:
    parser = fed(answer)
    parser.end()
    assert (parser.status, parser.complete, parser.fault) == (200, False, "it broke off")


def test_a_switch_of_protocols_keeps_what_comes_behind_it() -> None:
    head = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nx: " + b"y" * 20_000 + b"\r\n\r\n"
    parser = fed(head + b"\x81", b"\x00")
    assert (parser.status, parser.header(b"upgrade"), parser.after) == (101, "websocket", b"\x81\x00")
    assert not parser.reusable


def test_a_reason_is_short_and_printable() -> None:
    parser = fed(b"HTTP/1.1 500 \x1b[31m" + b"x" * 500 + b"\r\n\r\n")
    assert parser.reason == "?[31m" + "x" * 55


PARTS = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 101 Switch\r\n", b"HTTP/1.1 103 Hints\r\n\r\n", b"HTTP/1.0 304 N\n"),
    *(b"upgrade: websocket\r\n", b"connection: upgrade\r\n", b"connection: close\r\n", b"set-cookie : a\r\n"),
    *(b"content-length: 5\r\n", b"content-length: -1\r\n", b"content-length: %d\r\n" % 10**30),
    *(b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip\r\n", b" folded\r\n", b": x\r\n"),
    *(b"\r\n", b"\n", b"\r", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n", b"f" * 20, b"\x00\xff"),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.binary(max_size=4), max_size=12), st.integers(1, 9))
def test_whatever_comes_is_read_alike_however_it_is_cut(parts: list[bytes], step: int) -> None:
    data = b"HTTP/1.1 200 OK\r\n" * (step % 2) + b"".join(parts)
    parsers = [fed(data), fed(*(data[place : place + step] for place in range(0, len(data), step)))]
    whole, cut = ((each.status, each.complete, each.reusable, each.take()) for each in parsers)
    assert whole[:3] == cut[:3]
    assert not whole[1] or whole[3] == cut[3]
    for each in parsers:
        each.end()
        assert each.status is None or each.over
        assert not each.reusable
