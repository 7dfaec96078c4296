from dataclasses import replace

import pytest

from ringback.engines import keyterms
from ringback.engines.keyterms import Judgement, KeytermCandidate
from ringback.transcript import Word, joined


def recognised(text: str) -> list[Word]:
    return [Word(each, i * 0.5, i * 0.5 + 0.4, 0.6) for i, each in enumerate(text.split())]


def proposed(text: str, *terms: str) -> list[tuple[str, str]]:
    words = recognised(text)
    return [
        (each.term, joined(words[each.first : each.end])) for each in keyterms.candidates(words, list(terms))
    ]


def test_a_term_is_proposed_where_it_sounds_near() -> None:
    assert proposed("Take met for men twice a day.", "Metformin", "Zendesk")[0] == (
        "Metformin",
        "met for men",
    )


def test_a_term_that_is_written_already_is_not() -> None:
    assert proposed("Call Acme, now.", "Acme") == []
    assert proposed("At Acme Corp, now.", "Acme Corp") == []
    assert proposed("Call acme, now.", "Acme")[0] == ("Acme", "acme,")


def test_a_term_that_was_heard_right_needs_no_question() -> None:
    (found,) = keyterms.candidates(recognised("so the y-combinator, he said"), ["Y Combinator"])
    assert (found.first, found.end, found.spelled) == (2, 3, True)
    assert not any(
        each.spelled for each in keyterms.candidates(recognised("why combinators"), ["Y Combinator"])
    )


def test_a_term_in_lower_case_leaves_the_capital_of_the_sentence() -> None:
    assert keyterms.candidates(recognised("Greeting, he said"), ["greeting"]) == []


def test_one_term_has_a_few_readings_of_the_same_words() -> None:
    found = keyterms.candidates(recognised("ask her risk again and asterisk"), ["Asterisk"])
    best = found[0]
    rivals = [each for each in found[1:] if each.first < best.end and best.first < each.end]
    assert len(rivals) <= 3


def test_of_one_term_three_readings_of_the_same_words_are_asked_about() -> None:
    found = keyterms.candidates(recognised("met for men or"), ["Metformin"])
    assert [(each.first, each.end) for each in found] == [(0, 3), (0, 4), (0, 2)]


def test_where_a_term_is_written_its_readings_elsewhere_are_asked_about() -> None:
    found = keyterms.candidates(recognised("now Metformin afterwards metformen please"), ["Metformin"])
    assert [(each.first, each.end) for each in found] == [(3, 4), (3, 5)]


def test_the_most_alike_go_first_and_few_are_asked() -> None:
    terms = [f"Metformi{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    found = keyterms.candidates(recognised("metformin met form in"), terms)
    assert len(found) == keyterms.MOST_CANDIDATES
    assert [each.likeness for each in found] == sorted((each.likeness for each in found), reverse=True)


def test_the_term_keeps_its_writing_the_sentence_its_marks_and_the_words_their_times() -> None:
    words = recognised('He said "met for men," and left.')
    changed = keyterms.with_term(words, KeytermCandidate("Metformin", 2, 5, 0.8))
    assert joined(changed) == 'He said "Metformin," and left.'
    assert (changed[2].start, changed[2].end, changed[2].confidence) == (1.0, 2.4, 0.6)
    assert changed[:2] == tuple(words[:2])
    assert changed[3:] == tuple(words[5:])


def test_a_term_of_several_words_is_as_many_words_within_the_same_time() -> None:
    changed = keyterms.with_term(
        recognised("from why combinator?"), KeytermCandidate("Y Combinator", 1, 3, 0.8)
    )
    assert [word.text for word in changed] == ["from", "Y", "Combinator?"]
    assert (changed[1].start, changed[2].end) == (0.5, 1.4)
    assert changed[1].end == changed[2].start


def test_a_mark_of_the_term_is_not_doubled() -> None:
    changed = keyterms.with_term(recognised("search ya who!"), KeytermCandidate("Yahoo!", 1, 3, 0.8))
    assert joined(changed) == "search Yahoo!"


def test_of_two_terms_for_the_same_words_the_one_with_more_gain_stands() -> None:
    words = recognised("take met for men daily")
    said = [
        (KeytermCandidate("Metformin", 1, 4, 0.7), 1.5),
        (KeytermCandidate("Metoprolol", 1, 3, 0.9), -0.5),
    ]
    assert joined(keyterms.with_terms(words, said)) == "take Metformin daily"


def test_judgement_is_by_the_gain_and_for_the_unsure_by_the_sound() -> None:
    far, near = KeytermCandidate("Metformin", 0, 1, 0.55), KeytermCandidate("Metformin", 0, 1, 0.75)
    short = KeytermCandidate("SSN", 0, 1, 0.9)
    assert keyterms.judge(far, -0.5) is keyterms.judge(short, -1.0) is Judgement.SAID
    assert keyterms.judge(far, -1.5) is Judgement.NOT_SAID
    assert keyterms.judge(near, -1.5) is Judgement.UNSURE
    assert keyterms.judge(near, -7.0) is Judgement.NOT_SAID
    long = KeytermCandidate("Levothyroxine", 0, 1, 0.55)
    assert keyterms.judge(long, -5.0) is Judgement.UNSURE
    assert keyterms.judge(long, -5.5) is Judgement.NOT_SAID
    assert keyterms.judge(KeytermCandidate("Acme", 0, 1, 0.9), -1.5) is Judgement.NOT_SAID
    assert keyterms.is_likely_unprompted(near, -2.0, -14.0)
    assert not keyterms.is_likely_unprompted(near, -2.0, -15.0)
    assert keyterms.is_likely_unprompted(long, -2.0, -19.0)
    assert not keyterms.is_likely_unprompted(long, -2.0, -20.0)


def test_initials_are_asked_about_where_little_sounds_like_them() -> None:
    found = keyterms.candidates(recognised("send one two three"), ["SSN", "Sssn"])
    assert ("SSN", 0, 1) in {(each.term, each.first, each.end) for each in found}
    assert all(each.term == "SSN" and each.end - each.first <= 2 for each in found)


def test_initials_need_both_gains() -> None:
    far, near = KeytermCandidate("SSN", 0, 1, 0.3), KeytermCandidate("SSN", 0, 1, 0.6)
    assert keyterms.judge(near, -0.5) is Judgement.SAID
    assert keyterms.judge(far, 2.0) is keyterms.judge(near, -4.5) is Judgement.UNSURE
    assert keyterms.judge(near, -5.0) is Judgement.NOT_SAID
    assert keyterms.is_likely_unprompted(far, 0.5, -15.0)
    assert not keyterms.is_likely_unprompted(far, -2.8, -13.3)


SAID, UNSURE, NOT_SAID = Judgement.SAID, Judgement.UNSURE, Judgement.NOT_SAID


@pytest.mark.parametrize(
    ("term", "likeness", "gain", "judgement"),
    [
        ("Metformin", 0.5, -1.0, SAID),
        ("Metformin", 0.49, -1.0, NOT_SAID),
        ("Metformin", 0.5, -1.01, NOT_SAID),
        ("Metformin", 0.7, -6.5, UNSURE),
        ("Metformin", 0.69, -6.5, NOT_SAID),
        ("Metformin", 0.7, -6.51, NOT_SAID),
        ("Acmes", 0.7, -6.5, UNSURE),
        ("Acme", 0.99, -1.01, NOT_SAID),
        ("Metoprolol", 0.5, -5.0, UNSURE),
        ("Metoprolol", 0.5, -5.01, NOT_SAID),
        ("SSN", 0.28, -4.5, UNSURE),
        ("SSN", 0.49, 5.0, UNSURE),
        ("SSN", 0.99, -4.51, NOT_SAID),
    ],
)
def test_the_limits_of_a_judgement(term: str, likeness: float, gain: float, judgement: Judgement) -> None:
    assert keyterms.judge(KeytermCandidate(term, 0, 1, likeness), gain) is judgement


@pytest.mark.parametrize(
    ("term", "prompted", "gain", "likely"),
    [
        ("Metformin", -9.0, -14.7, True),
        ("Metformin", 9.0, -14.71, False),
        ("Metoprolol", -9.0, -19.5, True),
        ("Metoprolol", 9.0, -19.51, False),
        ("SSN", -2.0, -13.0, True),
        ("SSN", -2.0, -13.01, False),
        ("S.S.N.", -2.0, -13.01, False),
        ("Ssn", -2.0, -13.01, True),
        ("SSNSSN", -2.0, -13.01, True),
    ],
)
def test_the_limits_without_the_prompt(term: str, prompted: float, gain: float, likely: bool) -> None:
    assert keyterms.is_likely_unprompted(KeytermCandidate(term, 0, 1, 0.7), prompted, gain) is likely


def test_a_number_is_not_taken_for_initials() -> None:
    letters = keyterms.candidates(recognised("sent"), ["SSN"])
    assert [(each.first, each.end) for each in letters] == [(0, 1)]
    assert keyterms.candidates(recognised("sent7"), ["SSN"]) == []


def test_a_long_term_is_looked_for_in_one_word_more_than_it_has() -> None:
    term = "The Quick Brown Fox Jumps Over"
    misheard = "da quick brown focks jump sover"
    (best, *_) = keyterms.candidates(recognised(f"so {misheard} yes"), [term])
    assert (best.first, best.end) == (1, 7)
    (best, *_) = keyterms.candidates(recognised(f"so {misheard.replace('focks', 'fo cks')} yes"), [term])
    assert (best.first, best.end) == (1, 8)
    spread = keyterms.candidates(recognised("so da quick brown fo cks jump sover yes well"), [term])
    assert max(each.end - each.first for each in spread) == 7


def test_of_terms_that_are_as_alike_the_shortest_reading_goes_first() -> None:
    found = keyterms.candidates(recognised("metformen metformen"), ["Metformin", "Metformun"])
    alike = [each for each in found if each.likeness == found[0].likeness]
    assert alike == sorted(alike, key=lambda each: (each.end - each.first, each.first, each.term))
    assert len(alike) > 1


def test_a_reading_beside_a_term_that_is_written_is_no_question() -> None:
    found = keyterms.candidates(recognised("Metformin met foreman"), ["Metformin"])
    assert found
    assert all(each.first > 0 for each in found)


def test_initials_that_hardly_sound_like_it_are_asked_about_a_few_times() -> None:
    found = keyterms.candidates(recognised(" ".join(["send"] * 30)), ["SSN"])
    assert 0 < len(found) <= keyterms.MOST_OF_INITIALS
    both = keyterms.candidates(recognised(" ".join(["send"] * 30 + ["metformen"] * 20)), ["SSN", "Metformin"])
    assert sum(each.term == "Metformin" for each in both) == keyterms.MOST_CANDIDATES


def test_parts_of_a_word_share_its_time_by_their_letters_and_the_whole_is_as_sure_as_the_least() -> None:
    (word,) = [Word("acme.com", 1.0, 2.0, 0.9)]
    first, second = keyterms.parted([word])
    assert first == Word("acme.", 1.0, 1.625, 0.9)
    assert second == Word("com", 1.625, 2.0, 0.9, spaced=False)
    assert keyterms.rejoined([first, replace(second, confidence=0.4)]) == (Word("acme.com", 1.0, 2.0, 0.4),)
    # Only what was parted is joined: these stood apart in a text without spaces.
    apart = (Word("米", 0.0, 0.4, 0.9), Word("饭", 0.4, 0.8, 0.9, spaced=False))
    assert keyterms.rejoined(apart) == apart
    spaced = (Word("acme.", 0.0, 0.4, 0.9), Word("com", 0.4, 0.8, 0.9))
    assert keyterms.rejoined(spaced) == spaced


def test_a_term_is_as_sure_as_the_words_that_it_replaces_and_shares_their_time_by_its_letters() -> None:
    words = [Word("a", 0.0, 1.0, 0.25, spaced=False), Word("bc", 1.0, 2.0, 0.75)]
    one, two = keyterms.with_term(words, KeytermCandidate("X Yzz", 0, 2, 0.8))
    assert one == Word("X", 0.0, 0.5, 0.5, spaced=False)
    assert two == Word("Yzz", 0.5, 2.0, 0.5)


def test_terms_that_claim_different_words_are_all_written() -> None:
    words = recognised("take met for men and y combinator daily")
    said = [
        (KeytermCandidate("Metformin", 1, 4, 0.7), 1.5),
        (KeytermCandidate("Y Combinator", 5, 7, 0.9), 2.5),
    ]
    assert joined(keyterms.with_terms(words, said)) == "take Metformin and Y Combinator daily"


def test_the_longest_terms_that_are_looked_for() -> None:
    assert keyterms.usable(["x" * 60, "x" * 61]) == ("x" * 60,)
    assert keyterms.usable(["a b c d e f g h", "a b c d e f g h i"]) == ("a b c d e f g h",)


def test_what_cannot_be_a_term_is_passed_over() -> None:
    hostile = [
        "",
        " ",
        "\u200b",
        "?!",
        "x" * 10_000,
        "a b c d e f g h i",
        "\ud800",
        " Acme  Corp ",
        "Acme Corp",
    ]
    assert keyterms.usable(hostile) == ("Acme Corp",)


def test_nothing_heard_or_nothing_asked_proposes_nothing() -> None:
    assert keyterms.candidates([], ["Acme"]) == []
    assert keyterms.candidates(recognised("acme"), []) == []


def test_words_in_parts_are_whole_again() -> None:
    words = recognised("mail news.ycombinator.com. or a_b@c.co/x, U.S. $1,000.50 ... and/or 3.5")
    parts = keyterms.parted(words)
    assert [part.text for part in parts[1:4]] == ["news.", "ycombinator.", "com."]
    assert joined(parts) == joined(words)
    assert keyterms.rejoined(parts) == tuple(words)


def test_a_term_inside_an_address_leaves_its_end() -> None:
    parts = keyterms.parted(recognised("go to acne.com."))
    changed = keyterms.with_term(parts, KeytermCandidate("Acme", 2, 3, 0.6))
    assert joined(keyterms.rejoined(changed)) == "go to Acme.com."


def test_text_without_spaces_is_not_parted() -> None:
    words = [Word("3.5", 0.0, 0.4, 0.9), Word("米", 0.4, 0.8, 0.9, spaced=False)]
    assert keyterms.parted(words) == tuple(words)
