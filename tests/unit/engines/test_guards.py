"""The rules that keep short windows honest."""

import pytest

from ringback.engines import guards
from ringback.transcript import Word, joined

EOT = 100
ZERO = 200  # the token that means 0.00 s; each further one means 0.02 s more


def at(seconds: float) -> int:
    return ZERO + round(seconds / 0.02)


def usable_part(tokens: list[int], duration: float, cap: int | None = 99) -> guards.DecodedText:
    return guards.usable_part(tokens, EOT, ZERO, duration, cap)


def test_text_and_its_end_are_kept() -> None:
    assert usable_part([at(0), 1, 2, at(1.5), at(1.6), 3, at(3.0)], 3.2) == guards.DecodedText((1, 2, 3), 3.0)


def test_what_follows_a_timestamp_past_the_end_is_dropped() -> None:
    assert usable_part([at(0), 1, 2, at(3.4), at(3.4), 1, 2, at(5)], 3.2) == guards.DecodedText((1, 2), 3.2)


def test_a_timestamp_exactly_at_the_end_is_the_end() -> None:
    assert usable_part([at(0), 1, at(3.2), 9, 9], 3.2) == guards.DecodedText((1,), 3.2)


def test_a_text_without_a_last_timestamp_reaches_to_the_end() -> None:
    assert usable_part([at(0), 1, 2], 3.0) == guards.DecodedText((1, 2), 3.0)


def test_a_sentence_cut_off_by_the_cap_is_left_to_the_rest() -> None:
    tokens = [at(0), 1, 2, at(4.0), at(4.0), 3, 4]
    assert usable_part(tokens, 15.0, cap=len(tokens)) == guards.DecodedText((1, 2), 4.0)


def test_a_first_sentence_cut_off_by_the_cap_is_all_there_is() -> None:
    tokens = [at(0), 1, 2, 3]
    # The timestamp before it closes nothing, and so nothing of it may be dropped.
    assert usable_part(tokens, 15.0, cap=len(tokens)) == guards.DecodedText((1, 2, 3), 15.0)


def test_a_draft_keeps_the_sentence_that_the_cap_cut_off() -> None:
    tokens = [at(0), 1, 2, at(4.0), at(4.0), 3, 4]
    assert usable_part(tokens, 15.0, cap=None) == guards.DecodedText((1, 2, 3, 4), 15.0)


def test_nothing_heard_accounts_for_nothing() -> None:
    assert usable_part([at(0)], 3.0) == guards.DecodedText((), 0.0)


def test_special_tokens_are_no_text() -> None:
    assert usable_part([at(0), 1, EOT, ZERO - 1, EOT - 1, at(1.0)], 3.0) == guards.DecodedText(
        (1, EOT - 1), 1.0
    )


def test_text_that_is_closed_at_its_start_covers_nothing() -> None:
    assert usable_part([1, at(0)], 3.0) == guards.DecodedText((1,), 0.0)


def test_a_timestamp_one_step_before_the_end_is_not_the_end() -> None:
    assert usable_part([at(0), 1, at(3.18), 2, at(3.2)], 3.2) == guards.DecodedText((1, 2), 3.2)


def test_a_text_as_long_as_the_cap_that_ends_with_a_timestamp_is_whole() -> None:
    tokens = [at(0), 1, at(4.0), 2, at(6.0)]
    assert usable_part(tokens, 15.0, cap=len(tokens)) == guards.DecodedText((1, 2), 6.0)


@pytest.mark.parametrize(
    ("recognised", "duration", "due"),
    [(3.0, 4.0, False), (3.0, 4.3, True), (15, 15, False), (0.0, 1.2, False)],
)
def test_the_rest_is_due_when_more_than_a_word_is_missing(
    recognised: float, duration: float, due: bool
) -> None:
    assert guards.remainder_is_due(recognised, duration) is due


@pytest.mark.parametrize(
    "text",
    [
        "I am not sure. I am not sure.",
        "please hold the line please hold the line",
        "try again try again try again",
        "I like that one here I like that",
        "so we ask you we ask you now",
        "ON and on and so ON AND on",
        "go on and tell me what you saw there, go on and tell me",
        "no no no no",
        "no no no",
        "so we so we so we",
        "hmmmmmmmmm",
        "He was not an old-s-s-y-y-y-y-y-y-y-y-y",
        "Ever tried. Ever failed. No matter. Ever tried. Ever failed. No matter.",
        "go and see him there go and see",
        "well \"so we\" ask you so 'we ask' you then",
        "well a b c d e f g h i j k l a b c d e f g h i j k l then",
        "well no… -no 'no' then",
    ],
)
def test_loops_are_recognised(text: str) -> None:
    assert guards.repeats(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes.",
        "as as much as it's worth celebrating",
        "two words two words are fine",
        "Ever tried, ever failed. Try again. Fail again. Fail better.",
        "It was the best of times, it was the worst of times, it was the age of wisdom",
        "Go somewhere and do something.",
        "My number is 1-800-1000-1000.",
        "go and see him there go and",
        "well a b c d e f g h i j k l m a b c d e f g h i j k l m then",
        "and so on and so it goes",
        "Printing, in the only sense with which we are at present concerned",
    ],
)
def test_ordinary_speech_is_not_a_loop(text: str) -> None:
    assert not guards.repeats(text)


def words(text: str, *, spaced: bool = True) -> list[Word]:
    parts = text.split()
    return [Word(part, n, n + 1, 0.9, spaced=spaced or n == 0) for n, part in enumerate(parts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He was not an ill disposed young man.", "He was not an ill disposed young man."),
        ("He was a young man, a young man, a young man", "He was a young man,"),
        ("He was not an old-s-s-y-y-y-y-y-y-y-y-y", "He was not an"),
        ("He was no no no no", "He was no"),
        ("I am not sure. I am not sure.", "I am not sure."),
        ("go on and tell me what you saw there, go on and tell me", "go on and tell me what you saw there,"),
        ("well and and and so on and so on", "well and"),
        ("yyyyyyyyyyyyyyyy", ""),
        ("well yyyyyyyyyyyyyyyy no no no", "well"),
        ("a b c d a b c z a b c d a b c", "a b c d a b c z"),
        ("", ""),
    ],
)
def test_what_comes_before_a_loop_is_kept(text: str, expected: str) -> None:
    assert joined(guards.before_repetition(words(text))) == expected


def test_text_without_spaces_is_one_phrase() -> None:
    assert joined(guards.before_repetition(words("对 对 对 你 好", spaced=False))) == "对对对你好"
    assert guards.before_repetition(words("好 " * 9, spaced=False)) == ()


def test_repetition_that_is_no_exact_loop_shows_in_its_compression() -> None:
    text = " ".join(f"the number {n} and then" for n in range(40))
    assert guards.compression_ratio(text) > 2.4
    assert guards.needs_fallback(text, -0.1)


def test_a_guess_is_doubtful_however_it_reads() -> None:
    assert guards.needs_fallback("a perfectly ordinary sentence", -1.2)
    assert not guards.needs_fallback("a perfectly ordinary sentence", -0.3)
    assert not guards.needs_fallback("", -1.0)
    assert guards.compression_ratio("") == 0.0


def test_the_cap_leaves_room_for_fast_speech_and_ends_within_whisper_s_own() -> None:
    assert guards.token_cap(1.0, english=True) == 16
    assert guards.token_cap(15.0, english=True) == 128
    assert guards.token_cap(30.0, english=True) == 224
    assert guards.token_cap(1.0, english=True, draft=True) == 12
    assert guards.token_cap(30.0, english=True, draft=True) == 186


def test_other_scripts_need_more_tokens() -> None:
    assert guards.token_cap(5.0, english=False) == guards.token_cap(5.0, english=False, draft=True) == 108
    assert guards.token_cap(15.0, english=False) == 224


def test_the_prompt_is_never_longer_than_max_length() -> None:
    assert guards.max_length(20, 3) == 40
    assert guards.max_length(20, 45) == 66
    assert all(
        guards.max_length(cap, prompt) > prompt and guards.max_length(cap, prompt) >= 2 * cap
        for cap in range(9, 225)
        for prompt in range(224)
    )
