import pytest

from ringback.storage.postgres.pace import LONGEST_PAUSE, TransactionPace


def test_what_follows_no_other_begins_at_once() -> None:
    assert TransactionPace().pause(1_000.0) == 0


def test_as_much_time_as_the_last_one_took_stays_free() -> None:
    pace = TransactionPace()
    pace.follow(began=10.000, ended=10.004)
    assert pace.pause(10.004) == pytest.approx(0.004)
    assert pace.pause(10.005) == pytest.approx(0.003)
    assert pace.pause(10.008) == pytest.approx(0.0, abs=1e-9)
    assert pace.pause(99.0) == 0


def test_a_pause_has_its_limit() -> None:
    pace, short = TransactionPace(), TransactionPace(longest=0.01)
    for each in (pace, short):
        each.follow(began=10.0, ended=12.0)
    assert pace.pause(12.0) == pytest.approx(LONGEST_PAUSE)
    assert short.pause(12.0) == pytest.approx(0.01)


def test_only_the_last_one_counts() -> None:
    pace = TransactionPace()
    pace.follow(began=10.0, ended=10.02)
    pace.follow(began=10.02, ended=10.021)
    assert pace.pause(10.021) == pytest.approx(0.001)
