"""Forms, however their bytes are cut: fields are kept, the file is passed on, everything has its bounds."""

from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from ringback.errors import Refusal
from ringback.server.multipart import (
    MOST_FIELD_BYTES,
    MOST_PARTS,
    FileBegin,
    FileBytes,
    FileEnd,
    FormField,
    FormReader,
    form_boundary,
)

BOUNDARY = b"----a-boundary"


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return b"--" + BOUNDARY + b"\r\n" + head.encode() + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def read(body: bytes, sizes: Iterable[int] = (), discarded: Iterable[str] = ()) -> tuple[list[str], bytes]:
    """What came, in words, and the file's bytes; the body is cut into pieces of these sizes."""
    reader = FormReader(BOUNDARY, frozenset(discarded))
    seen, file = [], b""
    places = iter(sizes)
    while body:
        size = next(places, len(body))
        piece, body = body[:size], body[size:]
        for event in reader.receive(piece):
            match event:
                case FormField(name, value):
                    seen.append(f"{name}={value}")
                case FileBegin():
                    seen.append("begin")
                case FileBytes(data):
                    file += data
                case FileEnd():
                    seen.append("end")
    reader.finish()
    return seen, file


def refusal(body: bytes) -> tuple[int, str]:
    with pytest.raises(Refusal) as refused:
        read(body)
    return refused.value.failure.status, refused.value.failure.err_msg


FILE = part(
    "file", b"RIFF\r\n--" + BOUNDARY[:-1] + b"\r\n\0\xff", '; filename="a.wav"\r\nContent-Type: audio/wav'
)
BODY = form(part("model", b"whisper-1"), FILE, part("prompt", "café".encode()))


@given(st.lists(st.integers(1, 40), max_size=60))
def test_it_is_the_same_however_it_is_cut(sizes: list[int]) -> None:
    seen, file = read(BODY, sizes)
    assert seen == ["model=whisper-1", "begin", "end", "prompt=café"]
    assert file == b"RIFF\r\n--" + BOUNDARY[:-1] + b"\r\n\0\xff"


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    with suppress(Refusal):
        read(b"--" + BOUNDARY + b"\r\n" + body)


def test_a_file_needs_no_file_name_and_other_files_are_not_kept() -> None:
    body = form(part("file", b"RIFF"), part("cover", b"PNG" * 100_000, '; filename="a.png"'))
    assert read(body) == (["begin", "end", "cover=(not kept)"], b"RIFF")


def test_what_is_to_be_discarded_is_not_kept() -> None:
    body = form(part("voice", b"x" * (MOST_FIELD_BYTES + 1)))
    assert read(body, discarded=["voice"])[0] == ["voice=(not kept)"]


def test_names_are_read_as_browsers_write_them() -> None:
    quoted = (
        part('a\\"b', b"1")
        + part("ä", b"2")
        + b"--"
        + BOUNDARY
        + b"\r\nContent-Disposition: form-data; name=c"
    )
    assert read(form(quoted + b"\r\n\r\n3\r\n"))[0] == ['a"b=1', "ä=2", "c=3"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (form(*[part("a", b"")] * (MOST_PARTS + 1)), 413, "parts"),
        (form(part("a", b"x" * (MOST_FIELD_BYTES + 1))), 413, "longer than"),
        (form(part("a" * 3_000, b"x") * 100), 413, "longer than"),
        (form(part("a", b"x", "\r\nX: 1" * 20)), 400, "headers"),
        (form(part("a", b"x", "\r\nX: " + "1" * 5_000)), 400, "headers"),
        (form(part("file", b"x"), part("file", b"x")), 400, "more than one"),
        (form(part("a", b"\xff")), 400, "UTF-8"),
        (BODY[:-30], 400, "ends before"),
        (b"", 400, "ends before"),
        (b'{"file": "x"}', 400, "no multipart/form-data"),
    ],
)
def test_what_is_too_much_or_no_form_is_refused(body: bytes, status: int, said: str) -> None:
    found, message = refusal(body)
    assert found == status
    assert said in message


def asking(content_type: str) -> Request:
    return Request({"type": "http", "headers": [(b"content-type", content_type.encode())]})


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=a"]
)
def test_other_types_are_refused(content_type: str) -> None:
    with pytest.raises(Refusal) as refused:
        form_boundary(asking(content_type))
    assert refused.value.failure.status == 415


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=abc", 'Multipart/Form-Data; a=b; boundary="abc"']
)
def test_the_boundary_is_found(content_type: str) -> None:
    assert form_boundary(asking(content_type)) == b"abc"


def test_a_boundary_has_a_longest() -> None:
    with pytest.raises(Refusal) as refused:
        FormReader(b"a" * 1_000)
    assert refused.value.failure.status == 400
