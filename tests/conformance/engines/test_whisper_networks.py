"""Whisper's network in onnxruntime beside the same one in CTranslate2, in single precision, on real speech.

Numbers of 8 bits differ from one processor to the next, so that no two texts are compared token by token.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines import guards
from ringback.engines.tokens import WhisperTokens
from ringback.engines.weights import find
from ringback.engines.whisper_ctranslate2 import CTranslate2Whisper
from ringback.engines.whisper_loading import load_network
from ringback.engines.whisper_network import Generated, LocatedText, Search, TokenTimes, WhisperNetwork
from ringback.engines.whisper_onnx import OnnxWhisper
from support.accuracy import word_error_rate
from support.speech import samples_of

AUDIO = Path(__file__).parent.parent.parent / "audio"
CLIPS = ("librivox_0880.flac", "librivox_0920.flac", "librivox_0930.flac")
SPOKEN = {each["path"]: each["text"] for each in json.loads((AUDIO / "manifest.json").read_text())}


@dataclass(frozen=True)
class Networks:
    """Both, of one model."""

    tokens: WhisperTokens
    ours: OnnxWhisper
    other: CTranslate2Whisper

    @property
    def pair(self) -> tuple[WhisperNetwork, WhisperNetwork]:
        return self.ours, self.other

    def text(self, generated: Generated) -> tuple[int, ...]:
        return tuple(token for token in generated.tokens if token < self.tokens.end_of_text)


def networks(name: str) -> Networks:
    weights = find(name, Path("/none"))
    tokens = WhisperTokens(weights.folder / "tokenizer.json", multilingual=name == "base")
    ours, device = load_network(weights, tokens, "cpu", "default", 2)
    assert (device, ours.compute_type) == ("cpu", "int8")
    other, device = load_network(weights, tokens, "cpu", "float32", 2)
    assert (device, other.compute_type) == ("cpu", "float32")
    assert isinstance(ours, OnnxWhisper)
    assert isinstance(other, CTranslate2Whisper)
    return Networks(tokens, ours, other)


@pytest.fixture(scope="module", params=["tiny.en", "base"])
def both(request: pytest.FixtureRequest) -> Networks:
    return networks(request.param)


@pytest.fixture(scope="module")
def tiny() -> Networks:
    return networks("tiny.en")


@pytest.fixture(scope="module")
def clips() -> list[Samples]:
    return [samples_of(AUDIO / name) for name in CLIPS]


def seconds_of(segments: Sequence[Samples]) -> list[float]:
    return [len(segment) / SAMPLE_RATE for segment in segments]


def windows_of(segments: Sequence[Samples]) -> list[float]:
    return [seconds + guards.PADDING for seconds in seconds_of(segments)]


def generated(
    network: WhisperNetwork,
    segments: Sequence[Samples],
    prompt: Sequence[int],
    *,
    beams: int = 1,
    most: int = 100,
) -> list[Generated]:
    encoded = network.encode(segments, windows_of(segments))
    return network.generate(encoded, Search(prompt, [100] * len(segments), beams))


@pytest.mark.parametrize("beams", [1, 5])
def test_both_write_the_same_texts(both: Networks, clips: list[Samples], beams: int) -> None:
    prompt = both.tokens.prompt("en")
    found = [generated(network, clips, prompt, beams=beams) for network in both.pair]
    texts = [[both.tokens.decode(both.text(each)) for each in of_network] for of_network in found]
    assert word_error_rate(zip(texts[1], texts[0], strict=True)) <= 0.1
    spoken = [SPOKEN[name] for name in CLIPS]
    assert word_error_rate(zip(spoken, texts[0], strict=True)) <= 0.2
    for mine, theirs in zip(*found, strict=True):
        assert mine.log_probability == pytest.approx(theirs.log_probability, abs=0.1)
        assert mine.no_speech == pytest.approx(theirs.no_speech, abs=0.1)


def test_silence_is_no_speech_to_both(both: Networks) -> None:
    noise = np.random.default_rng(0).normal(0.0, 1e-3, 2 * SAMPLE_RATE).astype(np.float32)
    for network in both.pair:
        (found,) = generated(network, [noise], both.tokens.prompt("en"))
        assert found.no_speech > 0.5


@pytest.mark.parametrize("beams", [1, 5])
def test_both_hear_each_token_at_the_same_time(both: Networks, clips: list[Samples], beams: int) -> None:
    prompt = both.tokens.prompt("en")
    apart: list[float] = []
    doubts: list[float] = []
    written = generated(both.ours, clips, prompt, beams=beams)
    for mine, theirs in zip(*(times(both, network, clips, written) for network in both.pair), strict=True):
        assert len(mine.starts) == len(theirs.starts) == len(mine.probabilities) + 1
        assert all(first <= second for first, second in pairwise(mine.starts))
        apart += np.abs(np.subtract(mine.starts, theirs.starts)).tolist()[:-1]
        doubts += np.abs(np.subtract(mine.probabilities, theirs.probabilities)).tolist()
    assert np.mean(np.array(apart) <= 0.1) >= 0.9
    assert np.mean(doubts) <= 0.1


def times(
    both: Networks, network: WhisperNetwork, clips: list[Samples], written: list[Generated]
) -> list[TokenTimes]:
    texts = [
        LocatedText(row, both.text(text), text, seconds)
        for row, (text, seconds) in enumerate(zip(written, seconds_of(clips), strict=True))
    ]
    return network.locate(network.encode(clips, windows_of(clips)), both.tokens.prompt("en"), texts)


def test_times_of_the_first_tokens_only(tiny: Networks, clips: list[Samples]) -> None:
    """Of a text that is cut off at a timestamp the rest is decoded again."""
    prompt = tiny.tokens.prompt("en")
    encoded = tiny.ours.encode(clips[:1], windows_of(clips[:1]))
    (written,) = tiny.ours.generate(encoded, Search(prompt, [100]))
    text = tiny.text(written)
    (few,) = tiny.ours.locate(encoded, prompt, [LocatedText(0, text[:3], written, 3.0)])
    (whole,) = tiny.ours.locate(encoded, prompt, [LocatedText(0, text, written, 3.0)])
    assert few.probabilities == whole.probabilities[:3]
    assert len(few.starts) == 4
    assert np.abs(np.subtract(few.starts[:3], whole.starts[:3])).max() <= 0.1


def test_a_text_stops_at_its_cap(tiny: Networks, clips: list[Samples]) -> None:
    encoded = tiny.ours.encode(clips, windows_of(clips))
    whole = tiny.ours.generate(encoded, Search(tiny.tokens.prompt("en"), [100] * 3))
    cut = tiny.ours.generate(encoded, Search(tiny.tokens.prompt("en"), [4, 100, 6]))
    assert [len(each.tokens) for each in cut] == [4, len(whole[1].tokens), 6]
    assert cut[0].tokens == whole[0].tokens[:4]
    (times,) = tiny.ours.locate(
        encoded, tiny.tokens.prompt("en"), [LocatedText(0, tiny.text(cut[0]), cut[0], 3.0)]
    )
    assert len(times.starts) == len(tiny.text(cut[0])) + 1


def test_a_segment_has_its_text_alone_and_beside_others(tiny: Networks, clips: list[Samples]) -> None:
    """But for rounding: one row is multiplied in another order than several."""
    segments = [clips[0], clips[1], clips[1][: 2 * SAMPLE_RATE], clips[2]]
    together = generated(tiny.ours, segments, tiny.tokens.prompt("en"))
    alone = [generated(tiny.ours, [segment], tiny.tokens.prompt("en"))[0] for segment in segments]
    texts = [[tiny.tokens.decode(tiny.text(each)) for each in found] for found in (alone, together)]
    assert word_error_rate(zip(*texts, strict=True)) <= 0.05
    for one, beside_others in zip(alone, together, strict=True):
        assert one.log_probability == pytest.approx(beside_others.log_probability, abs=0.05)
        assert one.no_speech == pytest.approx(beside_others.no_speech, abs=0.05)


def test_what_was_encoded_may_be_written_over(tiny: Networks, clips: list[Samples]) -> None:
    """Texts end at different tokens: those that go on move up."""
    segments = [clips[0][:SAMPLE_RATE], clips[1], clips[2][: 2 * SAMPLE_RATE], clips[0]]
    texts = []
    for reused in (True, False):
        encoded = tiny.ours.encode(segments, windows_of(segments))
        search = Search(tiny.tokens.prompt("en"), [100] * 4, encoded_is_reused=reused)
        texts.append([each.tokens for each in tiny.ours.generate(encoded, search)])
    assert texts[0] == texts[1]


def test_threads_share_a_network(tiny: Networks, clips: list[Samples]) -> None:
    prompt = tiny.tokens.prompt("en")
    alone = [generated(tiny.ours, [clip], prompt)[0].tokens for clip in clips]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda clip: generated(tiny.ours, [clip], prompt)[0].tokens, clips * 2))
    assert found == alone * 2


def test_both_think_the_right_text_more_probable(tiny: Networks, clips: list[Samples]) -> None:
    tokens = tiny.tokens
    texts = [tokens.encode(f" {SPOKEN[CLIPS[0]]}"), tokens.encode(" The quick brown fox jumps over the dog.")]
    prompt = [tokens.start_of_previous, *tokens.encode(" Glossary: Dashwood."), *tokens.prompt("en")]
    for start in (tokens.prompt("en"), prompt):
        sums = []
        for network in tiny.pair:
            encoded = network.encode(clips[:2], windows_of(clips[:2]))
            found = network.probabilities(encoded, start, [0, 0, 1], [*texts, texts[0]])
            assert [len(each) for each in found] == [len(texts[0]), len(texts[1]), len(texts[0])]
            sums.append([float(np.log(np.maximum(each, 1e-10)).mean()) for each in found])
        mine, theirs = sums
        assert mine[0] > mine[1] + 3
        assert mine[0] > mine[2] + 3
        assert mine == pytest.approx(theirs, abs=1.0)


def test_a_text_longer_than_what_is_scored_at_once(tiny: Networks, clips: list[Samples]) -> None:
    tokens = tiny.tokens
    text = tokens.encode(f" {SPOKEN[CLIPS[1]]}") * 4
    assert len(text) > 64
    found = [
        network.probabilities(
            network.encode(clips[1:2], windows_of(clips[1:2])), tokens.prompt("en"), [0], [text]
        )[0]
        for network in tiny.pair
    ]
    assert len(found[0]) == len(text)
    assert np.mean(np.abs(np.subtract(found[0], found[1]))) <= 0.1


def test_both_hear_the_same_language(clips: list[Samples]) -> None:
    base = networks("base")
    found = [network.languages(network.encode(clips, windows_of(clips))) for network in base.pair]
    for mine, theirs in zip(*found, strict=True):
        assert mine[0][0] == theirs[0][0] == "en"
        assert mine[0][1] == pytest.approx(theirs[0][1], abs=0.1)
        assert sum(share for _, share in mine) == pytest.approx(1.0, abs=1e-3)
        assert [share for _, share in mine] == sorted((share for _, share in mine), reverse=True)
        assert {language for language, _ in mine} == {language for language, _ in theirs}
