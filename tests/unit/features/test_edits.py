"""Edits, and where other positions are after them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.edits import Edit, apply_edits, moved, outside
from ringback.transcript import Word


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(each, float(i), i + 0.5, 0.9) for i, each in enumerate(text.split()))


def test_words_give_way_and_ranges_follow() -> None:
    words = words_of("a b c d e")
    edits = [Edit(1, 3, words_of("x")), Edit(4, 5, words_of("y z"))]
    assert [word.text for word in apply_edits(words, edits)] == ["a", "x", "d", "y", "z"]
    assert moved([(0, 1), (1, 3), (2, 4), (3, 4), (4, 5), (0, 5)], edits) == (
        (0, 1),
        (1, 2),
        (1, 3),
        (2, 3),
        (3, 5),
        (0, 5),
    )


def test_of_deleted_words_an_empty_range_is_left() -> None:
    assert moved([(1, 2), (0, 3)], [Edit(1, 2, ())]) == ((1, 1), (0, 2))


def test_edits_of_closed_words_are_left_out() -> None:
    edits = [Edit(0, 1, ()), Edit(1, 3, ()), Edit(4, 5, ())]
    assert outside(edits, [(2, 4)]) == [edits[0], edits[2]]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 3)), max_size=5))
def test_a_range_holds_what_its_words_became(shape: list[tuple[int, int, int]]) -> None:
    edits: list[Edit] = []
    at = 0
    for gap, covered, written in shape:
        first = at + gap
        at = first + covered
        edits.append(Edit(first, at, words_of(" ".join(f"e{len(edits)}" for _ in range(written)))))
    words = words_of(" ".join(f"w{i}" for i in range(at + 2)))
    after = apply_edits(words, edits)
    for number, (edit, (first, end)) in enumerate(
        zip(edits, moved([(e.first, e.end) for e in edits], edits), strict=True)
    ):
        assert [word.text for word in after[first:end]] == [f"e{number}"] * len(edit.words)
    untouched = [i for i in range(len(words)) if not any(e.first <= i < e.end for e in edits)]
    for i, (first, end) in zip(untouched, moved([(i, i + 1) for i in untouched], edits), strict=True):
        assert after[first:end] == (words[i],)
