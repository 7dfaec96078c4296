"""Messages of protobuf: against bytes written by hand, and read back as they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.engines.protobuf import Field, bytes_field, fields, fixed32_field, int_field, text_field

NUMBERS = st.integers(1, (1 << 29) - 1)
VALUES = st.integers(0, (1 << 64) - 1) | st.binary(max_size=300)


@pytest.mark.parametrize(
    ("encoded", "number", "value"),
    [
        (b"\x08\x00", 1, 0),
        (b"\x08\x7f", 1, 127),
        (b"\x08\x80\x01", 1, 128),
        (b"\x08\x96\x01", 1, 150),
        (b"\x08" + b"\xff" * 9 + b"\x01", 1, (1 << 64) - 1),
        (b"\x12\x07testing", 2, b"testing"),
        (b"\x12\x00", 2, b""),
        (b"\x12\x80\x01" + b"x" * 128, 2, b"x" * 128),
        (b"\xa2\x01\x01y", 20, b"y"),
        (b"\x15\x00\x00\x80\x3f", 2, b"\x00\x00\x80\x3f"),
        (b"\x19\x01\x02\x03\x04\x05\x06\x07\x08", 3, b"\x01\x02\x03\x04\x05\x06\x07\x08"),
    ],
)
def test_a_field_is_read(encoded: bytes, number: int, value: int | bytes) -> None:
    assert list(fields(encoded)) == [Field(number, value, encoded)]


def test_fields_are_written_as_the_specification_has_them() -> None:
    assert int_field(1, 0) == b"\x08\x00"
    assert int_field(1, 127) == b"\x08\x7f"
    assert int_field(1, 128) == b"\x08\x80\x01"
    assert int_field(20, 150) == b"\xa0\x01\x96\x01"
    assert bytes_field(2, b"testing") == b"\x12\x07testing"
    assert bytes_field(2, b"x" * 300) == b"\x12\xac\x02" + b"x" * 300
    assert text_field(2, "Zoë") == b"\x12\x04Zo\xc3\xab"
    assert fixed32_field(2, b"\x00\x00\x80\x3f") == b"\x15\x00\x00\x80\x3f"


@given(st.lists(st.tuples(NUMBERS, VALUES), max_size=8))
def test_what_was_written_is_read_in_order(written: list[tuple[int, int | bytes]]) -> None:
    parts = [
        int_field(number, value) if isinstance(value, int) else bytes_field(number, value)
        for number, value in written
    ]
    read = list(fields(b"".join(parts)))
    assert [(field.number, field.value) for field in read] == written
    assert [field.encoded for field in read] == parts


def test_messages_stand_in_each_other() -> None:
    inner = int_field(3, 7) + text_field(4, "Conv")
    (outer,) = fields(bytes_field(1, inner))
    assert [field.value for field in fields(outer.content)] == [7, b"Conv"]


def test_nothing_is_a_message_without_fields() -> None:
    assert list(fields(b"")) == []


def test_a_number_has_no_content() -> None:
    (field,) = fields(int_field(5, 1))
    with pytest.raises(ValueError, match="field 5 is a number, bytes were expected"):
        assert field.content


@pytest.mark.parametrize(
    "whole",
    [
        b"\x12\x07testing",
        b"\x15\x00\x00\x80\x3f",
        b"\x19\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\xa0\x01\x96\x01",
    ],
)
def test_a_message_that_ends_too_early_is_refused(whole: bytes) -> None:
    before = int_field(1, 1)
    for length in range(1, len(whole)):
        with pytest.raises((ValueError, IndexError)):
            list(fields(before + whole[:length]))


@pytest.mark.parametrize("kind", [3, 4, 6, 7])
def test_groups_and_unknown_wire_types_are_refused(kind: int) -> None:
    with pytest.raises(ValueError, match=f"no message of protobuf: wire type {kind}"):
        list(fields(bytes([1 << 3 | kind]) + bytes(16)))


def test_numbers_below_zero_are_not_written() -> None:
    with pytest.raises(ValueError, match="byte must be"):
        int_field(1, -1)
