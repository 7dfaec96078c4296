"""What a caller of `turn_detection` is told, where it can do nothing."""

from ringback.listen.options import ListenOptions
from ringback.listen.turn_warnings import with_turn_warnings

REQUESTED = ListenOptions(turn_detection=True)


def test_without_the_model_the_fix_is_named() -> None:
    served = with_turn_warnings(REQUESTED, judges_turns=False)
    assert not served.turn_detection
    (warning,) = served.warnings
    assert (warning.parameter, warning.type) == ("turn_detection", "unsupported")
    assert "make setup EXTRAS=turns" in warning.message


def test_where_silence_ends_nothing_there_is_nothing_to_hold_back() -> None:
    served = with_turn_warnings(ListenOptions(turn_detection=True, endpointing=None), judges_turns=True)
    assert not served.turn_detection
    assert [warning.type for warning in served.warnings] == ["ignored"]


def test_else_nothing_changes() -> None:
    assert with_turn_warnings(REQUESTED, judges_turns=True) is REQUESTED
    assert with_turn_warnings(ListenOptions(), judges_turns=False) == ListenOptions()
