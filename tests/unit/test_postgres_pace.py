import pytest

from ringback.storage.postgres.pace import LEAST_WAIT, LONGEST_PAUSE, PAUSED, TransactionPace


def test_what_follows_no_other_begins_at_once() -> None:
    assert TransactionPace().pause(1_000.0) == 0


def test_a_node_that_waits_for_no_other_never_pauses() -> None:
    pace = TransactionPace()
    for _ in range(100):
        pace.follow(ended=10.0, waited=LEAST_WAIT)
    assert pace.pause(10.0) == 0


def test_most_of_what_was_waited_is_paused() -> None:
    pace = TransactionPace()
    pace.follow(ended=10.000, waited=0.008)
    assert pace.pause(10.000) == pytest.approx(0.006)
    assert pace.pause(10.001) == pytest.approx(0.005)
    assert pace.pause(10.006) == pytest.approx(0.0, abs=1e-9)
    assert pace.pause(99.0) == 0


def test_pauses_and_waits_come_to_what_others_need() -> None:
    """What was paused is not waited: both together stay what the other nodes need between two turns."""
    pace, others = TransactionPace(), 0.016
    for _ in range(50):
        pace.follow(ended=0.0, waited=others - pace.pause(0.0))
    assert pace.pause(0.0) == pytest.approx(PAUSED * others)


def test_without_other_nodes_pauses_end_soon() -> None:
    pace = TransactionPace()
    pace.follow(ended=10.0, waited=1.0)
    for _ in range(20):
        pace.follow(ended=10.0, waited=0.0)
    assert pace.pause(10.0) < 0.0001


def test_a_pause_has_its_limit() -> None:
    pace = TransactionPace()
    pace.follow(ended=12.0, waited=5.0)
    assert pace.pause(12.0) == pytest.approx(LONGEST_PAUSE)
