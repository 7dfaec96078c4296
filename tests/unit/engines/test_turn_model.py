"""The turn model: what it sees, and that it is the one that was judged."""

import json
from pathlib import Path

import numpy as np
import pytest

from ringback.engines.mel import mel_filters
from ringback.engines.turn_model import WINDOW, SmartTurn, turn_features, turn_model_file
from ringback.errors import Misconfigured
from support.speech import samples_of

TESTS = Path(__file__).parents[2]
LABELS = TESTS.parent.parent / "shared" / "labels" / "turns_dev.json"
FILE = turn_model_file()


@pytest.fixture(scope="module")
def model() -> SmartTurn:
    assert FILE is not None
    return SmartTurn(FILE)


def test_features_are_those_of_the_training() -> None:
    """Frame by frame, straight from the definition: normalised, mirrored at the edges, log10, 8 below the
    loudest, (x + 4) / 4."""
    noise = np.random.default_rng(7).standard_normal(20_000).astype(np.float32) * 0.1
    found = turn_features(noise)
    padded = np.concatenate([np.zeros(WINDOW - len(noise)), noise]).astype(np.float32)
    wave = ((padded - padded.mean()) / np.sqrt(padded.var() + 1e-7)).astype(np.float64)
    mirrored = np.concatenate([wave[200:0:-1], wave, wave[-2:-202:-1]])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    loudest = found.max() * 4 - 4
    for frame in (0, 676, 700, 799):
        power = np.abs(np.fft.rfft(mirrored[frame * 160 : frame * 160 + 400] * hann)) ** 2
        mel = np.log10(np.maximum(mel_filters(80) @ power, 1e-10))
        expected = (np.maximum(mel, loudest - 8) + 4) / 4
        assert found[:, frame] == pytest.approx(expected, abs=1e-5)
    assert found.shape == (80, 800)


def test_only_the_last_eight_seconds_are_heard() -> None:
    noise = np.random.default_rng(8).standard_normal(WINDOW + 5_000).astype(np.float32)
    assert np.array_equal(turn_features(noise), turn_features(noise[-WINDOW:]))


def test_a_sentence_is_complete_and_half_of_one_is_not(model: SmartTurn) -> None:
    said = samples_of(TESTS / "audio" / "phone_en_conf_onlyperson.flac")
    quiet = np.zeros(3_200, np.float32)
    assert model.completeness(np.concatenate([said, quiet])) > 0.9
    assert model.completeness(np.concatenate([said[: int(2.25 * 16_000)], quiet])) < 0.5


def test_samples_that_are_no_numbers_are_no_end(model: SmartTurn) -> None:
    assert model.completeness(np.full(16_000, np.nan, np.float32)) == 0.0


def test_another_file_is_not_the_model(tmp_path: Path) -> None:
    other = tmp_path / "smart_turn.onnx"
    other.write_bytes(b"not a model")
    with pytest.raises(Misconfigured, match="EXTRAS=turns"):
        SmartTurn(other)


def test_verdicts_are_those_of_the_labelled_set(model: SmartTurn) -> None:
    if not LABELS.exists():
        pytest.skip("the speech corpus and its labels (../shared) are not on this machine")
    items = json.loads(LABELS.read_text())["items"]
    whole = [each for each in items if each["where"] != "cut" and each["gap"] >= 0.2][:12]
    apart = []
    for each in whole:
        clip = samples_of(TESTS.parent.parent / "shared" / "corpus" / each["clip"])
        samples = clip[int(each["start"] * 16_000) : int((each["end"] + 0.2) * 16_000)]
        apart.append(abs(model.completeness(samples) - each["smart_turn_p"]["0.2"]))
    assert sorted(apart)[len(apart) // 2] < 0.01
    assert sum(apart) / len(apart) < 0.03
