"""Several channels to one: nothing that can be heard in a channel may be gone in the mix."""

import numpy as np
import numpy.typing as npt
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.mixing import Mixer
from ringback.audio.raw import RawAudio

Signal = npt.NDArray[np.float32]
RATE = 16_000


def noise(seed: int, seconds: float = 1.0, volume: float = 0.1) -> Signal:
    return (volume * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def mixed(signal: Signal, block: int = 320) -> Signal:
    mixer = Mixer()
    return np.concatenate(
        [mixer.mix(signal[:, at : at + block], RATE) for at in range(0, signal.shape[1], block)], axis=1
    )


def loudness(signal: Signal) -> float:
    return float(np.sqrt(np.square(signal).mean()))


@pytest.mark.parametrize("block", [7, 320, 4_000, 16_000])
def test_an_inverted_channel_does_not_silence_the_other(block: int) -> None:
    speech = noise(1)
    for inverted in (-speech, -0.98 * speech, -speech + noise(2, volume=0.001)):
        out = mixed(np.stack((speech, inverted)), block)
        assert loudness(out) == pytest.approx(loudness(speech), rel=0.02)


def test_channels_with_speech_of_their_own_are_all_in_the_mix() -> None:
    one, other = noise(1), noise(2)
    np.testing.assert_array_equal(mixed(np.stack((one, other)))[0], np.float32(0.5) * (one + other))


@pytest.mark.parametrize("channels", [2, 8, 20])
def test_one_channel_that_speaks_among_silent_ones_is_no_cancellation(channels: int) -> None:
    signal = np.zeros((channels, RATE), np.float32)
    signal[1] = noise(1)
    np.testing.assert_allclose(mixed(signal)[0], signal[1] / channels, atol=1e-7)


def test_a_speaker_who_is_not_inverted_is_heard_after_one_who_is() -> None:
    one, other = noise(1), noise(2)
    out = mixed(np.concatenate((np.stack((one, -one)), np.stack((other, 0.5 * other))), axis=1))
    np.testing.assert_allclose(out[0, : RATE // 2], one[: RATE // 2])
    np.testing.assert_allclose(out[0, -RATE // 2 :], 0.75 * other[-RATE // 2 :], rtol=1e-5)


def test_the_louder_of_two_that_cancel_is_taken_and_kept() -> None:
    speech = noise(1)
    out = mixed(np.stack((0.9 * speech, -speech)))
    np.testing.assert_array_equal(out[0], -speech)


def test_silence_stays_silence() -> None:
    tiny = noise(1, volume=1e-6)
    assert loudness(mixed(np.stack((tiny, -tiny)))) == 0.0
    assert Mixer().mix(np.zeros((2, 0), np.float32), RATE).shape == (1, 0)


def test_raw_samples_of_a_stream_are_mixed_so() -> None:
    speech = (noise(1) * 32_000).astype("<i2")
    audio = RawAudio(Decoding("linear16", RATE, 2))
    data = np.stack((speech, -speech), axis=1).tobytes()
    blocks = [block for at in range(0, len(data), 641) for block in audio.push(data[at : at + 641])]
    assert loudness(np.concatenate([*blocks, *audio.finish()], axis=1)) > 0.09
