"""No message of a live stream reaches 1 MiB, at which Python's `websockets` stops reading."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ringback.listen.json_parts import JsonDiarizer
from ringback.listen.live_messages import LiveMessages, ResultSpan, split_words
from ringback.listen.options import MOST_LIVE_EXTRA_BYTES, ListenOptions
from ringback.transcript import Word
from support.conversations import FACTS, live_options, spoken

MIB = 1 << 20
EXTRA = {"k": "\x01" * ((MOST_LIVE_EXTRA_BYTES - 8) // 6)}
"""The longest that `listen.options` lets through, in the characters that JSON writes longest."""
OPTIONS = ListenOptions(punctuate=True, language="multi", extra=EXTRA)


def longest(text: str) -> Word:
    return Word(text, 12345.678, 12345.678, 0.1234, spaced=True, speaker=99, language="zh-Hant-TW")


def test_the_largest_piece_fits() -> None:
    words = [longest("\x01" * length) for length in (1, 7, 100) for _ in range(5_000)]
    for piece in split_words(words):
        message = LiveMessages(OPTIONS, FACTS).results(ResultSpan(19, 0, 10**8), piece, final=True)
        assert len(message) < MIB


def test_one_word_beyond_measure_is_cut() -> None:
    (piece,) = split_words([longest("\x01" * 10_000_000)])
    assert len(LiveMessages(OPTIONS, FACTS).results(ResultSpan(0, 0, 1), piece, final=True)) < MIB


def test_the_longest_metadata_fits() -> None:
    tags = tuple("\x01" * 128 for _ in range(1_000))
    options = ListenOptions(tag=tags, extra=EXTRA)
    assert len(LiveMessages(options, FACTS).metadata("a" * 64, 1e6, 20)) < MIB


def test_what_a_span_of_speech_holds_is_one_piece() -> None:
    """Whisper writes 448 tokens for a window at most."""
    words = spoken(" ".join(["extraordinarily"] * 448), 0.0, 30.0)
    assert list(split_words(words)) == [list(words)]


def test_no_words_are_one_piece_too() -> None:
    assert list(split_words(())) == [[]]


@given(st.lists(st.integers(0, 12_000), max_size=60))
def test_pieces_lose_no_word(lengths: list[int]) -> None:
    words = [Word("x" * length, n, n + 1, 1.0) for n, length in enumerate(lengths)]
    assert [word.start for piece in split_words(words) for word in piece] == [word.start for word in words]


def test_every_result_names_the_diarizer() -> None:
    messages = LiveMessages(live_options(""), replace(FACTS, diarizer=JsonDiarizer("uuid", "v1")))
    for final in (False, True):
        message = json.loads(messages.results(ResultSpan(0, 0, 1), (), final=final))
        assert message["metadata"]["diarize_info"] == {"model_uuid": "uuid", "arch": "v1"}
    plain = json.loads(LiveMessages(live_options(""), FACTS).results(ResultSpan(0, 0, 1), (), final=True))
    assert "diarize_info" not in plain["metadata"]


def test_no_languages_are_no_list() -> None:
    """LiveKit takes the first of them without looking whether there is one."""
    messages = LiveMessages(live_options("language=multi"), FACTS)
    empty = json.loads(messages.results(ResultSpan(0, 0, 1), (), final=True))
    assert "languages" not in empty["channel"]["alternatives"][0]
    assert empty["channel"]["alternatives"][0]["languages_hinted"] == []
    said = json.loads(
        messages.results(ResultSpan(0, 0, 1), (Word("sí", 0, 1, 1.0, language="es"),), final=True)
    )
    assert said["channel"]["alternatives"][0]["languages"] == ["es"]


def test_hints_are_repeated_in_every_result() -> None:
    """https://developers.deepgram.com/docs/nova-3-language-prompting"""
    hinted = LiveMessages(live_options("language=multi&language_hint=en-GB&language_hint=es"), FACTS)
    for final in (False, True):
        message = json.loads(hinted.results(ResultSpan(0, 0, 1), (), final=final))
        assert message["channel"]["alternatives"][0]["languages_hinted"] == ["en", "es"]
    other = LiveMessages(live_options("language=es&language_hint=en"), FACTS)
    message = json.loads(other.results(ResultSpan(0, 0, 1), (), final=True))
    assert "languages_hinted" not in message["channel"]["alternatives"][0]
