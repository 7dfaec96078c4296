"""What goes on of `traceparent` and `tracestate`, by https://www.w3.org/TR/trace-context-2/ and its tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.telemetry.trace_context import LONGEST_TRACESTATE, TraceContext, context_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def read(parent: str, *states: str) -> TraceContext | None:
    headers = [(b"host", b"x"), (b"traceparent", parent.encode("latin-1"))]
    return context_of(headers + [(b"tracestate", state.encode("latin-1")) for state in states])


def test_its_parts_are_found_again() -> None:
    found = read(PARENT, "congo=t61rcWkgMzE")
    assert found == TraceContext(PARENT, "congo=t61rcWkgMzE")
    assert (found.trace_id, found.span_id, found.flags) == (TRACE, SPAN, 1)
    assert found.headers == {"traceparent": PARENT, "tracestate": "congo=t61rcWkgMzE"}
    assert TraceContext(PARENT).headers == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "parent",
    [
        "",
        PARENT[:-1],
        PARENT + "0",
        PARENT + "-x",  # version 00 has no more parts
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT.upper(),
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"cc-{TRACE}-{SPAN}-01.what-the-future-brings",
        f"00-{TRACE}-{SPAN}-0\r\nx",
        f"00-{TRACE}-{SPAN}-01\r\nx-evil: 1",
        PARENT + "\n",
    ],
)
def test_what_is_no_traceparent_is_not_passed_on(parent: str) -> None:
    assert read(parent, "a=1") is None


def test_two_traceparents_are_none() -> None:
    header = (b"traceparent", PARENT.encode())
    assert context_of([header, header]) is None
    assert context_of([(b"tracestate", b"a=1")]) is None


@pytest.mark.parametrize("parent", [f"cc-{TRACE}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01-more", f"  {PARENT}\t"])
def test_a_newer_version_goes_on_as_the_one_that_is_known(parent: str) -> None:
    assert read(parent) == TraceContext(PARENT)


def test_flags_that_are_not_known_are_cleared() -> None:
    assert read(f"00-{TRACE}-{SPAN}-ff") == TraceContext(f"00-{TRACE}-{SPAN}-03")


@pytest.mark.parametrize(
    ("states", "sent"),
    [
        (["foo=1"], "foo=1"),
        (["foo=1 \t , \t bar=2", "baz=3"], "foo=1,bar=2,baz=3"),
        (["foo=1,", ",bar=2"], "foo=1,bar=2"),
        (["foo=1=2"], ""),
        (["foo"], ""),
        (["foo=1,foo=2"], ""),
        (["Foo=1"], ""),
        (["foo =1"], ""),
        (["foo=\x01"], ""),
        (["foo=\xe9"], ""),
        (["foo=bär,ok=1"], ""),
        (["@x=1"], ""),
        (["t@v=1,fw529a3039@dt=FfAAA"], "t@v=1,fw529a3039@dt=FfAAA"),
        (["0a=1,_=2"], ""),
        (["a=" + "v" * 256], "a=" + "v" * 256),
        (["a=" + "v" * 257], ""),
        (["k" * 257 + "=1"], ""),
        ([",".join(f"k{n}=1" for n in range(32))], ",".join(f"k{n}=1" for n in range(32))),
        ([",".join(f"k{n}=1" for n in range(33))], ""),
    ],
)
def test_tracestate_goes_on_whole_or_not_at_all(states: list[str], sent: str) -> None:
    assert read(PARENT, *states) == TraceContext(PARENT, sent)


def test_a_tracestate_that_is_too_long_loses_long_entries_and_then_the_oldest() -> None:
    long, short = "a=" + "v" * 200, [f"k{n}=" + "v" * 96 for n in range(5)]
    assert read(PARENT, ",".join([short[0], long, *short[1:4]])) == TraceContext(PARENT, ",".join(short[:4]))
    assert read(PARENT, ",".join([*short, "last=" + "v" * 50])) == TraceContext(PARENT, ",".join(short))


@given(
    parents=st.lists(st.binary(max_size=80), max_size=2), states=st.lists(st.binary(max_size=700), max_size=3)
)
def test_no_byte_that_was_not_understood_ever_goes_on(parents: list[bytes], states: list[bytes]) -> None:
    good = [(b"traceparent", PARENT.encode())]
    for headers in ([(b"traceparent", each) for each in parents], good):
        found = context_of([*headers, *((b"tracestate", each) for each in states)])
        if found is not None:
            assert len(found.tracestate) <= LONGEST_TRACESTATE
            assert all(" " <= char <= "~" for value in found.headers.values() for char in value)
