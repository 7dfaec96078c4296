"""A query that was parsed before, with the same callback or another, means what it meant."""

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.errors import Failure, Refusal
from ringback.listen.options import ListenOptions, Mode, _parsed, parse
from ringback.listen.parameters import PARAMETERS

NAMES = sorted({parameter.name for parameter in PARAMETERS})
VALUES = ["true", "false", "1", "0.8", "a:b", "en", "multi", "v2", "linear16", "POST", "", "\0", "\ud800"]
VALUES += ["x" * 3_000]
URLS = ["http://a/?x=1", "https://b", "ws://c", "", "undefined", "null", "\0", "\ud800", "no url"]

Pairs = list[tuple[str, str]]


def outcome_of(pairs: Pairs, mode: Mode, unencoded: bool, *, again: bool) -> ListenOptions | Failure:
    try:
        if again:
            return parse(pairs, mode, callback_unencoded=unencoded)
        return _parsed(pairs, mode, unencoded)
    except Refusal as refused:
        return refused.failure


@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES))
        | st.tuples(st.just("callback"), st.sampled_from(URLS)),
        max_size=4,
    ),
    mode=st.sampled_from(Mode),
    unencoded=st.booleans(),
)
@example([("callback", "\0"), ("punctuate", "maybe")], Mode.RECORDED, False)
@example([("punctuate", "maybe"), ("callback", "\0")], Mode.RECORDED, False)
@example([("callback", "http://a"), ("callback", "http://b")], Mode.LIVE, False)
@example([("callback", "http://a"), ("b", "c")], Mode.RECORDED, True)
def test_a_query_means_the_same_again(pairs: Pairs, mode: Mode, unencoded: bool) -> None:
    once = outcome_of(pairs, mode, unencoded, again=False)
    for _ in range(2):
        assert outcome_of(pairs, mode, unencoded, again=True) == once


def test_only_the_url_of_the_callback_differs() -> None:
    first, second = (
        parse([("tag", "a"), ("callback", url)], Mode.RECORDED) for url in ("http://a/1", "http://a/2")
    )
    assert (first.callback, second.callback) == ("http://a/1", "http://a/2")
    assert msgspec.structs.replace(first, callback=None) == msgspec.structs.replace(second, callback=None)
