import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sounds.likeness import Sound, likeness, likenesses, sounds_of


def alike(one: str, other: str) -> float:
    return max(likeness(a, b) for a in sounds_of(one) for b in sounds_of(other))


@pytest.mark.parametrize(
    ("said", "recognised"),
    [
        ("represenatives", "representatives"),
        ("Kokoro", "cocoa row"),
        ("Digium", "digi um"),
        ("Müller", "muller"),
        ("metformin", "met for men"),
    ],
)
def test_what_sounds_alike_is_alike_however_it_is_spelled(said: str, recognised: str) -> None:
    assert alike(said, recognised) >= 0.7


@pytest.mark.parametrize(
    ("said", "recognised"),
    [("message", "extension"), ("Acme", "please"), ("SSN", "it is"), ("three", "seven")],
)
def test_what_sounds_otherwise_is_not(said: str, recognised: str) -> None:
    assert alike(said, recognised) < 0.5


def test_case_accents_spaces_and_punctuation_make_no_difference() -> None:
    assert alike("Ringback, Inc.", "ring\u200bback  INC") == 1.0


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1455", "fourteen fifty five"),
        ("1455", "one four five five"),
        ("1,455", "one thousand four hundred fifty five"),
        ("905", "nine oh five"),
        ("1900", "nineteen hundred"),
        ("June 21st", "june twenty first"),
        ("the 12th", "the twelfth"),
        ("0", "zero"),
        ("007", "zero zero seven"),
    ],
)
def test_numbers_are_known_by_what_is_said(written: str, said: str) -> None:
    assert alike(written, said) == 1.0


def test_initialisms_are_spelled() -> None:
    assert sounds_of("SSN")[0].code == sounds_of("es es en")[0].code
    assert sounds_of("S.S.N.")[0] == sounds_of("SSN")[0]


def test_other_scripts_are_known_by_their_letters() -> None:
    assert alike("привет", "Привет") == 1.0
    assert alike("привет", "приве") > 0.8
    assert alike("привет", "hello") == 0.0


@pytest.mark.parametrize("nothing", ["", " ", "\u200b", "?!", "\ud800", "\x00"])
def test_what_says_nothing_has_no_sound(nothing: str) -> None:
    assert not sounds_of(nothing)[0]


@given(st.text(max_size=300))
def test_any_text_has_a_sound_that_is_like_itself(text: str) -> None:
    sounds = sounds_of(text)
    assert sounds
    if sounds[0]:
        assert likeness(sounds[0], sounds[0]) == 1.0


def test_a_huge_text_is_listened_to_in_part() -> None:
    assert len(sounds_of("metformin " * 100_000)[0].letters) <= 500


def test_each_is_compared_with_each() -> None:
    some, others = [Sound("a", "A"), Sound("b", "B")], [Sound("a", "A"), Sound("b", "B"), Sound("c", "K")]
    found = likenesses(some, others)
    assert found.shape == (2, 3)
    assert [found[0, 0], found[1, 1], found[0, 1]] == [1.0, 1.0, 0.0]
