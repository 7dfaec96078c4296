"""Words that mean the same request, and fingerprints of what was asked."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from ringback.errors import Refusal
from ringback.server.idempotency import LONGEST_KEY, idempotency_key_of, with_fingerprint

SECRET = b"s" * 32
Pairs = list[tuple[str, str]]


def saying(word: str | None) -> HTTPConnection:
    headers = [] if word is None else [(b"idempotency-key", word.encode("latin-1"))]
    return HTTPConnection({"type": "http", "headers": headers})


@pytest.mark.parametrize(("said", "word"), [(None, None), (" monday ", "monday"), ('"8e03-95"', '"8e03-95"')])
def test_a_word_is_taken_as_it_is(said: str | None, word: str | None) -> None:
    assert idempotency_key_of(saying(said)) == word


@pytest.mark.parametrize("word", ["", "  ", "\xe9", "a\x01b", "x" * (LONGEST_KEY + 1)])
def test_a_key_that_cannot_be_stored_is_refused(word: str) -> None:
    with pytest.raises(Refusal) as caught:
        idempotency_key_of(saying(word))
    assert caught.value.failure.status == 400


PAIRS = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6)


@given(PAIRS, st.randoms(), st.text())
def test_the_order_of_parameters_means_nothing(pairs: Pairs, random: Random, audio: str) -> None:
    shuffled = sorted(pairs, key=lambda _: random.random())
    assert with_fingerprint("w", pairs, audio, SECRET) == with_fingerprint("w", shuffled, audio, SECRET)


@given(PAIRS, PAIRS, st.text(), st.text())
def test_two_wishes_are_never_taken_for_one(first: Pairs, second: Pairs, audio: str, other: str) -> None:
    same = sorted(first) == sorted(second) and audio == other
    assert (
        with_fingerprint("w", first, audio, SECRET) == with_fingerprint("w", second, other, SECRET)
    ) == same


def test_without_the_secret_nothing_can_be_guessed() -> None:
    assert (
        with_fingerprint("w", [], "", SECRET).fingerprint
        != with_fingerprint("w", [], "", b"t" * 32).fingerprint
    )
