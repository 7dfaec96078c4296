"""What `listen.recognition_events` demands of the finals of any recogniser, of both that follow a script."""

from collections.abc import Callable, Sequence
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
)
from ringback.listen.turn_confidence import TurnThresholds
from ringback.stand_in.live_speech import ScriptedSpeech
from ringback.stand_in.script import Rule, Saying
from ringback.stand_in.turn_speech import ScriptedTurns

RAW = ListenOptions(encoding="linear16", sample_rate=8_000, interim_results=True, punctuate=True)
TURNS = ListenOptions(
    encoding="linear16", sample_rate=8_000, thresholds=TurnThresholds(eager_eot_threshold=0.4)
)


class Speech(Protocol):
    def feed(self, data: bytes) -> Sequence[RecognitionEvent]: ...
    def flush(self, channel: int | None) -> Sequence[RecognitionEvent]: ...
    def end(self) -> Sequence[RecognitionEvent]: ...


STEPS = st.lists(st.one_of(st.integers(0, 40_000), st.just("flush")), max_size=20)
"""Bytes of audio, and flushes."""

SAYINGS = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from(["one", "two three"]), st.floats(0, 1)), max_size=4
)
"""Quarters of a second of silence before it, its text, its completeness."""


def rule_of(says: Sequence[tuple[int, str, float]]) -> Rule:
    start, sayings = 0.0, []
    for gap, text, completeness in says:
        sayings.append(Saying(text, start=start + gap / 4, completeness=completeness))
        start += gap / 4 + 0.4 * len(text.split())
    return Rule(says=tuple(sayings))


def finals_among(events: Sequence[RecognitionEvent]) -> list[RecognitionResult]:
    return [each for each in events if isinstance(each, RecognitionResult) and each.final]


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(lambda rule: ScriptedSpeech(rule, RAW), id="listen"),
        pytest.param(lambda rule: ScriptedTurns(rule, TURNS), id="turns"),
    ],
)
@given(STEPS, SAYINGS)
def test_finals_follow_each_other_without_a_gap_and_each_flush_brings_one(
    begin: Callable[[Rule], Speech], steps: list[int | str], says: list[tuple[int, str, float]]
) -> None:
    speech = begin(rule_of(says))
    finals: list[RecognitionResult] = []
    opened = False
    for step in steps:
        events = speech.flush(None) if isinstance(step, str) else speech.feed(bytes(step))
        if isinstance(step, str):
            assert [each.cause for each in finals_among(events)] == [Cause.FINALIZE] * opened
        else:
            first = [each for each in events if isinstance(each, AudioOpened)]
            assert first == [AudioOpened(1)] * (not opened)
            opened = True
        finals += finals_among(events)
    *rest, finished = speech.end()
    assert finals_among(rest) == rest
    assert {each.cause for each in finals_among(rest)} <= {Cause.END}
    finals += finals_among(rest)
    said = " ".join(word.text for each in finals for word in each.words)
    assert said == " ".join(text for _, text, _ in says)
    assert [each.start for each in finals] == [0.0, *(each.end for each in finals)][: len(finals)]
    assert all(each.start <= each.end for each in finals)
    assert isinstance(finished, RecognitionFinished)
    assert finished.duration >= (finals[-1].end if finals else 0.0)
