"""Where speech is cut so that each piece is likely to be in one language."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.audio.phrases import phrases_of
from ringback.audio.samples import SAMPLE_RATE, Samples


def sound(*parts: tuple[float, float]) -> Samples:
    """Syllables of (seconds, loudness), one after the other, in a little noise."""
    time = np.arange(round(sum(seconds for seconds, _ in parts) * SAMPLE_RATE)) / SAMPLE_RATE
    loudness = np.concatenate([np.full(round(seconds * SAMPLE_RATE), loud) for seconds, loud in parts])
    syllables = (0.3 + 0.7 * np.abs(np.sin(2 * np.pi * 2.3 * time))) * np.sin(2 * np.pi * 300 * time)
    noise = np.random.default_rng(3).normal(0, 1e-4, len(time))
    return (loudness * syllables + noise).astype(np.float32)


def cuts(samples: Samples) -> list[float]:
    return [phrase.start / SAMPLE_RATE for phrase in phrases_of(samples)[1:]]


def test_speech_is_cut_in_its_pauses() -> None:
    found = cuts(sound((2.0, 0.1), (0.3, 0.0), (2.5, 0.1), (0.2, 0.0), (2.0, 0.1)))
    assert found == [pytest.approx(2.15, abs=0.15), pytest.approx(4.9, abs=0.12)]


def test_a_pause_is_found_in_noise_too() -> None:
    assert any(2.0 < cut < 2.4 for cut in cuts(sound((2.0, 0.1), (0.4, 0.01), (2.0, 0.1))))


def test_a_pause_that_leaves_too_short_a_phrase_is_no_cut() -> None:
    assert cuts(sound((0.5, 0.1), (0.2, 0.0), (1.2, 0.1))) == []


def test_speech_without_a_pause_is_cut_all_the_same() -> None:
    phrases = phrases_of(sound((10.0, 0.1)))
    assert all(1.6 <= (phrase.end - phrase.start) / SAMPLE_RATE <= 5.04 for phrase in phrases)


def test_silence_is_not_counted_as_speech() -> None:
    phrases = phrases_of(sound((2.0, 0.1), (1.5, 0.0), (2.0, 0.1)))
    assert 3.5 < sum(phrase.seconds for phrase in phrases) < 4.5


@pytest.mark.parametrize("loudness", [0.0, 1e-6, 1.0])
@given(count=st.integers(0, 60_000))
def test_phrases_hold_every_sample_once(count: int, loudness: float) -> None:
    samples = np.full(count, loudness, np.float32)
    phrases = phrases_of(samples)
    assert [phrase.start for phrase in phrases[:1]] == [0] * bool(count)
    assert [phrase.end for phrase in phrases[-1:]] == [count] * bool(count)
    assert all(one.end == following.start for one, following in pairwise(phrases))
