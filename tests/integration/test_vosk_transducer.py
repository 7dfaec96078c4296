"""The protocol of transducers over a recogniser of another make, with real weights: Kaldi's Korean."""

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import Transducer
from ringback.engines.messages import UtterancePart
from ringback.engines.open_utterances import OpenUtterances
from ringback.transcript import Word, joined
from support.speech import samples_of
from support.vosk_transducer import VoskTransducer

if TYPE_CHECKING:
    from support.clips import Clip

pytestmark = pytest.mark.slow

LIBRARIES = sorted((Path(__file__).parents[2] / ".venvs" / "vosk" / "lib").glob("python*/site-packages"))
STEP = SAMPLE_RATE // 10


@pytest.fixture(scope="module")
def korean() -> Iterator[Transducer]:
    if not LIBRARIES:
        pytest.skip("vosk is not installed: run `make test-long`")
    sys.path.append(str(LIBRARIES[0]))
    yield VoskTransducer()
    sys.path.remove(str(LIBRARIES[0]))


def test_two_streams_are_heard_as_they_are_spoken(korean: Transducer, corpus: "list[Clip]") -> None:
    clips = sorted((clip for clip in corpus if clip.language == "ko"), key=lambda clip: clip.path.name)[:2]
    speech = {clip.path.name: samples_of(clip.path) for clip in clips}
    partials, finals = streamed(korean, speech)
    for clip in clips:
        words, said = finals[clip.path.name], without_signs(clip.text or "")
        wrong = Levenshtein.normalized_distance(without_signs(joined(words)), said)
        lengths = list(map(len, partials[clip.path.name]))
        print(f"{clip.path.name}: {len(set(lengths))} partials, {wrong:.0%} of characters wrong")
        assert wrong < 0.5
        assert len(set(lengths)) > len(words) / 3
        assert all(one.start < one.end <= other.start + 0.01 for one, other in pairwise(words))
        assert words[-1].end <= clip.duration
        assert all(0 < word.confidence <= 1 for word in words)


def streamed(
    korean: Transducer, speech: dict[str, Samples]
) -> tuple[dict[str, list[tuple[Word, ...]]], dict[str, tuple[Word, ...]]]:
    """All at once, in steps of 100 ms: the words after each step, and after the flush."""
    utterances = OpenUtterances()
    partials: dict[str, list[tuple[Word, ...]]] = {name: [] for name in speech}
    for at in range(0, max(map(len, speech.values())), STEP):
        parts = [UtterancePart(name, at == 0, ends=False) for name in speech if at < len(speech[name])]
        samples = [speech[part.utterance][at : at + STEP] for part in parts]
        for part, recognised in zip(parts, utterances.feed(korean, parts, samples), strict=True):
            partials[part.utterance].append(recognised.words)
    ends = [UtterancePart(name, opens=False, ends=True) for name in speech]
    flushed = utterances.feed(korean, ends, [np.zeros(0, np.float32)] * len(ends))
    assert len(utterances) == 0
    return partials, {part.utterance: each.words for part, each in zip(ends, flushed, strict=True)}


def without_signs(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
