from ringback.engines.name_spans import OVERLAP, PIECE, TokenLabel, of_pieces, pieces, spans_of
from ringback.transcript import NamedSpan


def labels(*of: tuple[int, str], confidence: float = 0.9) -> list[TokenLabel]:
    return [TokenLabel(word, label, confidence, 5) for word, label in of]


def kinds(found: tuple[NamedSpan, ...]) -> list[tuple[int, int, str]]:
    return [(each.first, each.end, each.kind) for each in found]


def test_parts_of_a_word_and_neighbours_of_a_kind_are_one_name() -> None:
    found = spans_of(
        labels(
            (0, "O"), (1, "B-GIVEN_NAME"), (1, "I-GIVEN_NAME"), (2, "B-SURNAME"), (3, "I-SURNAME"), (4, "O")
        )
    )
    assert kinds(found) == [(1, 2, "name_given"), (2, 4, "name_family")]


def test_a_new_name_begins_where_the_model_says_so() -> None:
    found = spans_of(labels((0, "B-GIVEN_NAME"), (1, "B-GIVEN_NAME")))
    assert kinds(found) == [(0, 1, "name_given"), (1, 2, "name_given")]


def test_number_and_street_are_one_address() -> None:
    found = spans_of(
        labels((0, "B-BUILDING_NUMBER"), (1, "B-STREET_NAME"), (2, "I-STREET_NAME"), (3, "B-CITY"))
    )
    assert kinds(found) == [(0, 3, "location_address"), (3, 4, "location_city")]


def test_what_is_unsure_or_of_no_use_is_no_name() -> None:
    assert spans_of(labels((0, "B-CITY"), confidence=0.2)) == ()
    assert spans_of(labels((0, "B-TAX_ID"), (1, "B-PHONE"), (2, "O"))) == ()


def test_a_word_in_two_windows_is_what_the_better_one_says() -> None:
    window = [TokenLabel(0, "O", 0.9, 1), TokenLabel(1, "O", 0.9, 0)]
    next_one = [TokenLabel(1, "B-CITY", 0.8, 3), TokenLabel(2, "O", 0.9, 4)]
    assert kinds(spans_of([*window, *next_one])) == [(1, 2, "location_city")]


def test_long_texts_go_in_pieces_that_cover_them() -> None:
    words = [str(number) for number in range(2 * PIECE + 7)]
    parts = list(pieces(words))
    assert [first for first, _ in parts] == [0, PIECE - OVERLAP, 2 * (PIECE - OVERLAP)]
    assert all(list(part) == words[first : first + PIECE] for first, part in parts)
    assert parts[-1][0] + len(parts[-1][1]) == len(words)
    assert [part for _, part in pieces(words[:PIECE])] == [words[:PIECE]]


def test_a_name_in_two_pieces_counts_once() -> None:
    first = (0, [NamedSpan(1, 2, "name_given"), NamedSpan(598, 600, "location_city")])
    second = (576, [NamedSpan(22, 25, "location_city"), NamedSpan(30, 31, "name_given")])
    assert kinds(of_pieces([first, second])) == [
        (1, 2, "name_given"),
        (598, 601, "location_city"),
        (606, 607, "name_given"),
    ]
