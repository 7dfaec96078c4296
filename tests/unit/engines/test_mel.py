"""The short window's spectrogram is the beginning of the one that Whisper was trained on."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from ringback.engines.mel import MelExtractor, mel_filters


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("seconds", [0.05, 1.0, 3.337])
def test_it_equals_the_reference_over_the_padded_window(bands: int, seconds: float) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
    reference = FeatureExtractor(feature_size=bands)(np.pad(samples, (0, 6 * 16_000 - len(samples))))
    (ours,) = MelExtractor(bands).batch([samples], 600)
    np.testing.assert_allclose(ours, reference[:, :600], atol=2e-3)


@pytest.mark.parametrize("bands", [80, 128])
def test_the_filters_are_those_of_the_reference(bands: int) -> None:
    reference = FeatureExtractor.get_mel_filters(16_000, 400, n_mels=bands)
    np.testing.assert_allclose(mel_filters(bands), reference, rtol=1e-6, atol=1e-9)


def test_each_segment_of_a_batch_is_scaled_by_itself() -> None:
    loud = np.random.default_rng(2).normal(0, 0.3, 16_000).astype(np.float32)
    extractor = MelExtractor(80)
    together = extractor.batch([loud, loud * 0.001], 400)
    np.testing.assert_array_equal(together[0], extractor.batch([loud], 400)[0])
    np.testing.assert_array_equal(together[1], extractor.batch([loud * np.float32(0.001)], 400)[0])


def test_a_segment_longer_than_the_window_is_cut_at_its_end() -> None:
    samples = np.random.default_rng(3).normal(0, 0.1, 32_000).astype(np.float32)
    assert MelExtractor(80).batch([samples], 100).shape == (1, 80, 100)
