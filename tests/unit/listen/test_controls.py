"""The client's text messages, read; nothing that a client may send makes the reader fail."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.listen.controls import (
    LONGEST,
    CloseStream,
    Configure,
    Control,
    Finalize,
    KeepAlive,
    Misread,
    Sync,
    read,
)

PREFIX = "Could not deserialize last text message: "
VARIANTS = "expected one of `CloseStream`, `Configure`, `Sync`, `KeepAlive`, `Finalize`"
NO_CHANNEL = "invalid value: `channel` must be the index of a channel"
NO_KEYTERMS = "invalid type: `keyterms` must be a list of strings"
NO_FEATURES = "invalid type: `features` must hold booleans"


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ('{"type":"KeepAlive"}', KeepAlive()),
        (' {"type": "KeepAlive", "more": 1} ', KeepAlive()),
        ('{"type":"CloseStream"}', CloseStream()),
        ('{"type":"Sync"}', Sync()),
        ('{"type":"Finalize"}', Finalize(None)),
        ('{"type":"Finalize","channel":null}', Finalize(None)),
        ('{"channel":1,"type":"Finalize"}', Finalize(1)),
        ('{"type":"Configure"}', Configure(None, {}, ())),
        ('{"type":"Configure","keyterms":[]}', Configure((), {}, ())),
        (
            '{"type":"Configure","keyterms":["a b"],"features":{"numerals":true},"processors":{"x":1}}',
            Configure(("a b",), {"numerals": True}, ("processors",)),
        ),
        (
            '{"type":"Configure","features":null,"language_hints":["es"]}',
            Configure(None, {}, ("language_hints",)),
        ),
    ],
)
def test_what_clients_send(text: str, control: Control) -> None:
    assert read(text) == control


def test_the_error_seen_on_the_wire_word_by_word() -> None:
    """An Android client once sent the type with a space at its end; this is what Deepgram answered."""
    assert read('{ "type": "KeepAlive "}') == Misread(
        f"{PREFIX}unknown variant `KeepAlive `, {VARIANTS} at line 1 column 22"
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("hello", "expected value at line 1 column 1"),
        ('{"type":', "EOF while parsing a value at line 1 column 8"),
        ('{"type":"KeepAlive"} x', "trailing characters at line 1 column 22"),
        ("{}", "missing field `type` at line 1 column 2"),
        ('{"type":null}', "missing field `type` at line 1 column 13"),
        ('{"type":1}', "invalid type: `type` must be a string at line 1 column 10"),
        ("[1]", "expected an object with the field `type` at line 1 column 3"),
        ('{"é":1,"type":"é"}', f"unknown variant `é`, {VARIANTS} at line 1 column 19"),
        ('{\n "type":\n  "Stop"\n}', f"unknown variant `Stop`, {VARIANTS} at line 3 column 8"),
        ('{"type":"Finalize","channel":"0"}', f"{NO_CHANNEL} at line 1 column 33"),
        ('{"type":"Finalize","channel":20}', f"{NO_CHANNEL} at line 1 column 32"),
        ('{"type":"Finalize","channel":true}', f"{NO_CHANNEL} at line 1 column 34"),
        ('{"type":"Configure","keyterms":"a"}', f"{NO_KEYTERMS} at line 1 column 35"),
        ('{"type":"Configure","keyterms":[1]}', f"{NO_KEYTERMS} at line 1 column 35"),
        ('{"type":"Configure","features":[]}', f"{NO_FEATURES} at line 1 column 34"),
        ('{"type":"Configure","features":{"a":1}}', f"{NO_FEATURES} at line 1 column 39"),
        (
            '{"type": "Configure", "keyterm": ["Deepgram"]}',
            "unknown field `keyterm`, expected one of `features`, `processors`, `keyterms`, `language_hints`",
        ),
        ("[" * LONGEST, "recursion limit exceeded"),
        ("1" * LONGEST, "number out of range"),
        ("x" * (LONGEST + 1), f"the message is longer than {LONGEST} characters"),
    ],
    ids=lambda value: value[:30],
)
def test_what_cannot_be_read_is_placed(text: str, what: str) -> None:
    assert read(text) == Misread(PREFIX + what)


def test_a_long_type_is_cut() -> None:
    misread = read(json.dumps({"type": "x" * 10_000}))
    assert isinstance(misread, Misread)
    assert len(misread.description) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("type"), inner, max_size=3)
    ),
    max_leaves=10,
)
KINDS = st.sampled_from(["KeepAlive", "Finalize", "CloseStream", "Configure", "Sync", "\ud800", '"type":"'])
FIELDS = st.sampled_from(["channel", "keyterms", "features", "processors", "language_hints", "type"])


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(read(text), Control)


@given(KINDS, st.dictionaries(FIELDS, JSON), st.booleans())
def test_any_fields_are_read(kind: str, fields: dict[str, object], first: bool) -> None:
    document = {"type": kind, **fields} if first else {**fields, "type": kind}
    assert isinstance(read(json.dumps(document)), Control)
