from dataclasses import replace

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


def test_a_word_is_what_the_surest_of_its_tokens_is() -> None:
    tokens = [
        TokenLabel(0, "B-GIVEN_NAME", 0.5, 5),
        TokenLabel(0, "I-CITY", 0.75, 5),
        TokenLabel(0, "I-PHONE", 0.9, 5),
        TokenLabel(0, "I-STATE", 0.25, 5),
    ]
    (span,) = spans_of(tokens)
    assert span == NamedSpan(0, 1, "location_city", 0.75)
    assert spans_of([replace(token, confidence=0.25) for token in tokens[:1]]) != ()
    assert spans_of([replace(token, confidence=0.24) for token in tokens[:1]]) == ()


def test_a_name_is_as_sure_as_the_least_of_its_words() -> None:
    def city(*confidences: float) -> list[TokenLabel]:
        return [
            TokenLabel(word, "I-CITY" if word else "B-CITY", confidence, 5)
            for word, confidence in enumerate(confidences)
        ]

    assert spans_of(city(0.9, 0.5, 0.75)) == (NamedSpan(0, 3, "location_city", 0.5),)
    assert spans_of(city(0.5, 0.75)) == (NamedSpan(0, 2, "location_city", 0.5),)


def test_names_with_a_word_between_them_are_two() -> None:
    found = spans_of(labels((0, "I-CITY"), (2, "I-CITY"), (4, "I-STREET_NAME"), (6, "I-STREET_NAME")))
    assert [(each.first, each.end) for each in found] == [(0, 1), (2, 3), (4, 5), (6, 7)]


def test_whether_a_name_begins_says_the_first_of_its_tokens_that_is_part_of_one() -> None:
    found = spans_of(labels((0, "B-CITY"), (1, "I-CITY"), (1, "B-CITY")))
    assert kinds(found) == [(0, 2, "location_city")]
    found = spans_of(labels((0, "B-CITY"), (1, "B-PHONE"), (1, "I-CITY")))
    assert kinds(found) == [(0, 2, "location_city")]


def test_a_word_at_the_edge_of_a_window_is_as_far_from_it_as_its_nearest_token() -> None:
    first = [TokenLabel(0, "B-CITY", 0.8, 4), TokenLabel(0, "I-CITY", 0.8, 2)]
    second = [TokenLabel(0, "O", 0.9, 3), TokenLabel(0, "O", 0.9, 3)]
    assert spans_of([*first, TokenLabel(1, "O", 0.9, 1), *second]) == ()
    # Where both show it as well, the first one counts.
    assert kinds(spans_of([*first, TokenLabel(1, "O", 0.9, 1), TokenLabel(0, "O", 0.9, 2)])) == [
        (0, 1, "location_city")
    ]


def test_a_text_is_one_piece_up_to_its_length_and_then_the_next_has_some_words_again() -> None:
    for words, firsts in [(0, [0]), (1, [0]), (PIECE, [0]), (PIECE + 1, [0, PIECE - OVERLAP])]:
        assert [first for first, _ in pieces(["word"] * words)] == firsts
    (_, whole) = next(iter(pieces(["word"] * 3)))
    assert len(whole) == 3


def test_of_two_names_that_overlap_the_longer_counts_and_neighbours_are_two() -> None:
    of_both = of_pieces([(0, [NamedSpan(1, 2, "name_given"), NamedSpan(1, 3, "location_city")])])
    assert kinds(of_both) == [(1, 3, "location_city")]
    later = of_pieces([(0, [NamedSpan(1, 3, "name_given")]), (2, [NamedSpan(0, 4, "location_city")])])
    assert kinds(later) == [(2, 6, "location_city")]
    same = of_pieces([(0, [NamedSpan(1, 3, "name_given")]), (2, [NamedSpan(0, 2, "location_city")])])
    assert kinds(same) == [(1, 3, "name_given")]
    apart = of_pieces([(0, [NamedSpan(1, 3, "name_given")]), (3, [NamedSpan(0, 1, "name_family")])])
    assert kinds(apart) == [(1, 3, "name_given"), (3, 4, "name_family")]
