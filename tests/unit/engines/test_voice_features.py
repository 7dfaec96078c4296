"""Kaldi's features, as CAM++ was trained on them."""

import numpy as np
import pytest

from ringback.audio.samples import Samples
from ringback.engines.voice_features import HOP, voice_features


def tone(hertz: float, seconds: float = 0.5) -> Samples:
    wave = 0.1 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 16_000)) / 16_000)
    samples: Samples = wave.astype(np.float32)
    return samples


@pytest.mark.parametrize(("hertz", "band"), [(200.0, 6), (1_000.0, 27), (4_000.0, 60)])
def test_a_tone_is_loudest_in_the_band_around_it(hertz: float, band: int) -> None:
    features = voice_features(tone(hertz))
    assert features.shape == (50, 80)
    assert set(features[5:-5].argmax(axis=1).tolist()) == {band}


def test_there_is_a_row_for_each_hundredth_of_a_second() -> None:
    for samples in (HOP // 2, HOP, 400, 1_234, 16_000):
        assert len(voice_features(np.zeros(samples, np.float32))) == (samples + HOP // 2) // HOP


def test_silence_lies_on_the_floor_and_a_constant_is_silence() -> None:
    silent = voice_features(np.zeros(1_600, np.float32))
    assert np.allclose(silent, np.log(np.finfo(np.float32).eps))
    assert np.allclose(voice_features(np.full(1_600, 0.25, np.float32)), silent)


def test_numbers_are_kaldis() -> None:
    """As kaldi-native-fbank computes them: no dither, no energy, edges not snipped."""
    features = voice_features(tone(440.0) + tone(3_000.0) * np.float32(0.2))
    bands = [0, 10, 16, 17, 20, 40, 54, 79]
    middle = [-14.1566, -7.7885, -3.3663, -6.2157, -10.5741, -15.9424, -7.8752, -15.9424]
    assert features[25, bands] == pytest.approx(middle, abs=1e-3)
    assert features[0, [0, 17, 40, 54]] == pytest.approx([-7.7266, -2.0091, -8.1681, -1.9616], abs=1e-3)
    assert features[-1, [0, 17, 40, 54]] == pytest.approx([-7.5663, -2.0163, -8.1854, -1.96], abs=1e-3)
