"""Which samples of an utterance an engine is sent, and when its states are dropped."""

import numpy as np
import pytest

from ringback.audio.samples import Samples
from ringback.engines.base import (
    LanguageProbabilities,
    ModelInfo,
    Recognition,
    Task,
    Urgency,
    UtteranceSpeech,
)
from ringback.engines.messages import UtterancePart
from ringback.engines.open_utterances import OpenUtterances
from ringback.engines.segment_queue import Segment, UtteranceSoFar
from ringback.engines.utterances import SentUtterances
from ringback.transcript import Word, joined


def segment(samples: int, begin: int = 0, source: str = "a", *, ends: bool = False) -> Segment:
    return Segment(
        0,
        np.arange(samples, dtype=np.float32),
        Task("model"),
        Urgency.LIVE_PARTIAL,
        source,
        utterance=UtteranceSoFar(begin, ends),
    )


def unsent(utterances: SentUtterances, each: Segment) -> tuple[UtterancePart, list[float]]:
    part, samples = utterances.unsent(each)
    return part, samples.tolist()


def test_each_sample_is_sent_once() -> None:
    utterances = SentUtterances()
    assert unsent(utterances, segment(2)) == (UtterancePart("a", opens=True, ends=False), [0, 1])
    assert unsent(utterances, segment(5)) == (UtterancePart("a", opens=False, ends=False), [2, 3, 4])
    assert unsent(utterances, segment(5, ends=True)) == (UtterancePart("a", opens=False, ends=True), [])


def test_behind_its_end_an_utterance_begins_anew() -> None:
    utterances = SentUtterances()
    unsent(utterances, segment(2, ends=True))
    assert unsent(utterances, segment(3)) == (UtterancePart("a", opens=True, ends=False), [0, 1, 2])


def test_another_utterance_of_the_source_begins_anew() -> None:
    utterances = SentUtterances()
    unsent(utterances, segment(2))
    assert unsent(utterances, segment(3, begin=9))[0].opens


def test_an_engine_that_has_heard_too_much_hears_it_anew() -> None:
    """A cut at a pause that lies further back than the last partial."""
    utterances = SentUtterances()
    unsent(utterances, segment(5))
    assert unsent(utterances, segment(3, ends=True)) == (UtterancePart("a", opens=True, ends=True), [0, 1, 2])


def test_sources_do_not_meet() -> None:
    utterances = SentUtterances()
    unsent(utterances, segment(2, source="a"))
    assert unsent(utterances, segment(3, source="b"))[0].opens
    assert not unsent(utterances, segment(3, source="a"))[0].opens


def test_what_is_dropped_is_dropped_once_and_not_while_it_is_at_work() -> None:
    utterances = SentUtterances()
    unsent(utterances, segment(2, source="a"))
    unsent(utterances, segment(2, source="b"))
    utterances.drop("a")
    utterances.drop("b")
    assert utterances.take_dropped(busy={"a"}) == ["b"]
    assert utterances.take_dropped(busy=()) == ["a"]
    assert utterances.take_dropped(busy=()) == []


def test_what_has_ended_or_never_began_needs_no_drop() -> None:
    utterances = SentUtterances()
    unsent(utterances, segment(2, ends=True))
    utterances.drop("a")
    utterances.drop("b")
    assert utterances.take_dropped(busy=()) == []


def test_what_began_anew_is_not_dropped() -> None:
    utterances = SentUtterances()
    unsent(utterances, segment(2))
    utterances.drop("a")
    assert unsent(utterances, segment(3))[0].opens
    assert utterances.take_dropped(busy=()) == []


class Echo:
    """A transducer whose words are the samples that it was fed."""

    device = "cpu"
    info = ModelInfo("echo", "transducer", "1", "-", ("en",), incremental=True)

    def warm(self) -> None: ...

    def open(self) -> list[float]:
        return []

    def feed(self, parts: list[UtteranceSpeech]) -> list[Recognition]:
        for part in parts:
            if (part.samples < 0).any():
                raise ValueError("less than nothing")
            part.state.extend(part.samples.tolist())
        return [Recognition(tuple(Word(f"{x:.0f}", 0, 0, 1) for x in part.state)) for part in parts]

    def recognise(self, batch: list[Samples], task: Task) -> list[Recognition]:
        raise NotImplementedError

    def identify(self, batch: list[Samples]) -> list[LanguageProbabilities]:
        raise NotImplementedError


def fed(utterances: OpenUtterances, *parts: tuple[UtterancePart, list[float]]) -> list[str]:
    samples = [np.array(each, np.float32) for _, each in parts]
    recognised = utterances.feed(Echo(), [part for part, _ in parts], samples)  # type: ignore[arg-type]
    return [joined(each.words) for each in recognised]


OPENS, GOES_ON, ENDS = (
    UtterancePart("a", opens=True, ends=False),
    UtterancePart("a", opens=False, ends=False),
    UtterancePart("a", opens=False, ends=True),
)


def test_the_engine_keeps_the_state_until_the_end() -> None:
    utterances = OpenUtterances()
    assert fed(utterances, (OPENS, [1]), (UtterancePart("b", opens=True, ends=False), [7])) == ["1", "7"]
    assert fed(utterances, (GOES_ON, [2])) == ["1 2"]
    assert fed(utterances, (ENDS, [])) == ["1 2"]
    assert len(utterances) == 1
    with pytest.raises(KeyError, match="a is not open"):
        fed(utterances, (GOES_ON, [3]))


def test_an_utterance_that_opens_again_forgets_the_one_before() -> None:
    utterances = OpenUtterances()
    fed(utterances, (OPENS, [1]))
    assert fed(utterances, (OPENS, [2])) == ["2"]
    assert len(utterances) == 1


def test_a_closed_utterance_is_gone() -> None:
    utterances = OpenUtterances()
    fed(utterances, (OPENS, [1]))
    utterances.close("a")
    utterances.close("a")
    assert len(utterances) == 0


def test_after_a_failure_nothing_is_open() -> None:
    """The serving process sends all of it again."""
    utterances = OpenUtterances()
    fed(utterances, (OPENS, [1]))
    with pytest.raises(ValueError, match="less than nothing"):
        fed(utterances, (GOES_ON, [-1]), (UtterancePart("b", opens=True, ends=False), [1]))
    assert len(utterances) == 0
