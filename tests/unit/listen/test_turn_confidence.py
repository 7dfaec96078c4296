"""The confidence in the end of a turn: which silence each threshold waits for."""

import pytest

from ringback.listen.turn_confidence import (
    MOST,
    HesitationPauses,
    PauseEndpoints,
    TurnPauses,
    TurnThresholds,
    confidence,
    silence_until,
)


@pytest.mark.parametrize(
    ("threshold", "completeness", "seconds"),
    [
        (0.5, 1.0, 0.23),
        (0.5, 0.5, 0.23),
        (0.7, 0.9, 0.40),
        (0.9, 0.6, 0.76),
        (0.5, 0.0, 0.69),
        (0.7, 0.0, 1.20),
        (0.9, 0.0, 2.30),
        (0.7, 0.25, 0.80),
    ],
)
def test_each_threshold_is_a_wait(threshold: float, completeness: float, seconds: float) -> None:
    wait = silence_until(threshold, completeness)
    assert wait == pytest.approx(seconds, abs=0.01)
    assert wait is not None
    assert confidence(wait, completeness) == pytest.approx(threshold)


def test_confidence_rises_with_silence_and_is_never_certain() -> None:
    values = [confidence(silence, 0.4) for silence in (-1.0, 0.0, 0.1, 1.0, 10.0, 1000.0)]
    assert values == sorted(values)
    assert (values[0], values[1], values[-1]) == (0.0, 0.0, MOST)


def test_what_was_said_counts_up_to_a_half() -> None:
    assert confidence(0.3, 0.0) < confidence(0.3, 0.3) < confidence(0.3, 0.5) == confidence(0.3, 1.0)
    assert confidence(0.3, -0.5) == confidence(0.3, 0.0)


def endpoints(completeness: float, **thresholds: float) -> PauseEndpoints:
    given = {"eot_threshold": 0.7, "eot_timeout_ms": 5000, **thresholds}
    return TurnPauses(TurnThresholds(**given)).endpoints(completeness)  # type: ignore[arg-type] # a test's


def test_a_turn_ends_at_its_threshold_and_at_the_timeout() -> None:
    assert endpoints(1.0).end == pytest.approx(0.397, abs=0.001)
    assert endpoints(0.0, eot_timeout_ms=500).end == 0.5
    assert endpoints(1.0, eot_threshold=1.0) == PauseEndpoints(5.0)
    assert silence_until(1.0, 1.0) is None


def test_an_eager_end_comes_before_the_end_or_not_at_all() -> None:
    both = endpoints(1.0, eot_threshold=0.9, eager_eot_threshold=0.5)
    assert both.eager == pytest.approx(0.229, abs=0.001)
    assert endpoints(1.0, eager_eot_threshold=0.7).eager is None
    assert endpoints(0.0, eot_timeout_ms=500, eager_eot_threshold=0.6).eager is None


def test_the_model_is_asked_where_its_verdict_matters() -> None:
    assert TurnPauses(TurnThresholds()).asks_model
    assert not TurnPauses(TurnThresholds(1.0)).asks_model
    assert TurnPauses(TurnThresholds(1.0, 0.5)).asks_model


@pytest.mark.parametrize(
    ("endpointing", "completeness", "end"),
    [(300, 0.5, 0.3), (300, 0.1, 0.3), (300, 0.09, 1.2), (1500, 0.0, 1.5), (1000, 0.0, 1.2)],
)
def test_a_hesitation_is_waited_for(endpointing: int, completeness: float, end: float) -> None:
    assert HesitationPauses(endpointing).endpoints(completeness) == PauseEndpoints(end)
