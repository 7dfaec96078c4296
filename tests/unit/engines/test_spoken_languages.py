"""Which language each phrase counts as, and which is the channel's."""

import math

import pytest

from ringback.audio.phrases import Phrase
from ringback.engines.base import ModelInfo
from ringback.engines.spoken_languages import (
    IdentifiedPhrase,
    LanguageChoice,
    LanguageTracker,
    SpokenStretch,
    detected_channel,
    language_choice,
    stretches_of,
)
from ringback.listen.options import ListenOptions
from ringback.transcript import Channel, LanguageShare, Word

SURE, DOUBTFUL = 0.95, 0.5
ANY = LanguageChoice()


def phrase(
    language: str, probability: float = SURE, seconds: float = 2.0, **others: float
) -> IdentifiedPhrase:
    return IdentifiedPhrase(Phrase(0, 100, seconds), {language: probability, **others})


def path(*phrases: IdentifiedPhrase, choice: LanguageChoice = ANY) -> list[str]:
    languages, _ = LanguageTracker(choice).decide(phrases)
    return languages


def test_sure_phrases_keep_their_languages() -> None:
    said = ("es", "es", "en", "fr", "fr", "es")
    assert path(*map(phrase, said)) == list(said)


def test_a_doubtful_phrase_counts_as_what_is_around_it() -> None:
    odd = phrase("uk", DOUBTFUL, ru=0.4)
    assert path(phrase("ru"), odd, phrase("ru")) == ["ru"] * 3
    assert path(odd, phrase("ru")) == ["ru"] * 2
    assert path(phrase("ru"), odd) == ["ru"] * 2


def test_a_short_phrase_needs_neighbours_to_change_the_language() -> None:
    short = phrase("it", SURE, seconds=0.4, es=0.02)
    assert path(phrase("es"), short, phrase("es")) == ["es"] * 3
    assert path(phrase("es"), short, phrase("it"), phrase("it")) == ["es", "it", "it", "it"]


def test_a_long_phrase_changes_the_language_though_the_model_is_not_sure() -> None:
    spanish = phrase("es", 0.8, seconds=4.5, en=0.11)
    assert path(spanish, phrase("en"), phrase("en")) == ["es", "en", "en"]


def test_nothing_makes_nothing() -> None:
    tracker = LanguageTracker()
    assert tracker.decide([]) == ([], tracker)


def test_phrases_decided_in_two_calls_know_of_those_before() -> None:
    doubtful = phrase("pt", DOUBTFUL, es=0.45)
    _, tracker = LanguageTracker().decide([phrase("es")])
    assert tracker.decide([doubtful])[0] == ["es"]
    assert LanguageTracker().decide([doubtful])[0] == ["pt"]
    assert tracker.decide([phrase("pt")])[0] == ["pt"]


def scores(*phrases: IdentifiedPhrase, choice: LanguageChoice = ANY) -> dict[str, float]:
    _, tracker = LanguageTracker(choice).decide(phrases)
    return dict(tracker.scores)


def test_evidence_is_in_proportion_to_the_seconds_of_speech() -> None:
    assert scores(phrase("es", 0.8, seconds=2.0, en=0.2)) == pytest.approx({"es": 0.0, "en": math.log(0.25)})
    assert scores(phrase("es", 0.8, seconds=1.0, en=0.2)) == pytest.approx({"es": 0.0, "en": math.log(0.5)})
    assert scores(phrase("es", 0.8, seconds=3.0, en=0.2)) == pytest.approx({"es": 0.0, "en": math.log(0.125)})
    # 16 times as improbable is beyond what a change costs.
    assert scores(phrase("es", 0.8, seconds=4.0, en=0.2)) == {"es": 0.0}


def test_evidence_adds_up_and_no_phrase_decides_everything() -> None:
    doubtful = phrase("es", 0.6, en=0.3)
    assert scores(doubtful, doubtful) == pytest.approx({"es": 0.0, "en": math.log(0.25)})
    # However sure: 1000 times as probable counts as 333 times.
    sure = [phrase("es", 1.0, seconds=0.5, en=1e-9)]
    assert scores(*sure)["en"] == pytest.approx(0.25 * math.log(0.003))
    assert scores(*sure, phrase("es", 0.5, seconds=0.5, fr=0.5))["fr"] == pytest.approx(
        0.25 * math.log(0.003)
    )


def test_a_language_that_was_not_hinted_at_has_less() -> None:
    hinted = LanguageChoice(hints=("es",))
    assert scores(phrase("es", 0.5, en=0.5), choice=hinted) == pytest.approx({"es": 0.0, "en": -1.0})


def test_a_language_that_was_left_out_comes_back_at_the_price_of_a_change() -> None:
    _, tracker = LanguageTracker().decide([phrase("es", 1.0)])
    _, tracker = tracker.decide([phrase("en", 1.0, seconds=0.5, es=0.0)])
    gain = -0.25 * math.log(0.003)
    assert tracker.scores == pytest.approx({"es": 0.0, "en": gain - 2.5})
    assert tracker.choice == ANY


def test_only_candidates_are_considered() -> None:
    between = LanguageChoice(candidates=("it", "pt"))
    assert path(phrase("es", 0.9, it=0.01, pt=0.05), choice=between) == ["pt"]
    assert path(phrase("es", 1.0), choice=between)[0] in between.candidates


def test_hinted_languages_need_less_evidence_and_others_are_heard_all_the_same() -> None:
    hinted = LanguageChoice(hints=("ru",))
    assert path(phrase("uk", 0.6, ru=0.3), choice=hinted) == ["ru"]
    assert path(phrase("fr"), choice=hinted) == ["fr"]


@pytest.mark.parametrize("seconds", [1.9, 2.0, 4.0])
def test_a_hint_does_not_change_the_language_of_a_clear_phrase(seconds: float) -> None:
    """What it is sure of is heard as without the hint."""
    clear = phrase("fr", 0.999, seconds=seconds, en=0.0001)
    around = phrase("en", 0.999)
    for choice in (ANY, LanguageChoice(hints=("en",))):
        assert path(around, clear, around, choice=choice) == ["en", "fr", "en"]


def test_a_hint_decides_a_doubtful_phrase_among_others() -> None:
    doubtful = phrase("uk", 0.6, seconds=4.0, ru=0.3)
    assert path(doubtful) == ["uk"]
    assert path(doubtful, choice=LanguageChoice(hints=("ru", "en"))) == ["ru"]
    assert path(phrase("uk", 0.0), choice=LanguageChoice(hints=("ru",))) == ["uk"]


def test_neighbours_in_one_language_are_a_stretch() -> None:
    phrases = [
        IdentifiedPhrase(Phrase(0, 10, 1.0), {"es": 0.9}),
        IdentifiedPhrase(Phrase(10, 30, 3.0), {"es": 0.5, "pt": 0.4}),
        IdentifiedPhrase(Phrase(30, 40, 1.0), {"en": 1.0}),
    ]
    first, second = stretches_of(phrases, ["es", "es", "en"])
    assert (first.start, first.end, first.language) == (0, 30, "es")
    assert first.probabilities == pytest.approx({"es": 0.6, "pt": 0.3})
    assert (second.start, second.end, second.language) == (30, 40, "en")


def detected(*stretches: SpokenStretch, candidates: tuple[str, ...] = ()) -> Channel:
    return detected_channel((), stretches, LanguageChoice(candidates))


def test_the_language_of_a_channel_is_the_one_of_most_of_the_time() -> None:
    channel = detected(
        SpokenStretch(3.0, "es", {"es": 0.9, "en": 0.1}), SpokenStretch(7.0, "en", {"en": 1.0})
    )
    assert channel.language == "en"
    assert channel.language_confidence == pytest.approx(0.73)
    assert channel.other_languages == (LanguageShare("es", 0.3),)


def test_shares_are_summed_by_language_the_largest_first_then_by_name() -> None:
    said = (Word("hola", 0.0, 1.0, 1.0),)
    times = [("es", 4.0), ("fr", 1.0), ("de", 2.0), ("fr", 1.0), ("en", 2.0)]
    stretches = [SpokenStretch(seconds, language, {language: 1.0}) for language, seconds in times]
    channel = detected_channel(said, stretches, ANY)
    assert channel.alternative.words == said
    assert channel.language == "es"
    assert channel.other_languages == tuple(LanguageShare(each, 0.2) for each in ("de", "en", "fr"))


def test_candidates_of_which_the_model_says_nothing_are_equally_probable() -> None:
    assert LanguageChoice(candidates=("it", "pt")).among_candidates({"es": 1.0}) == {"it": 0.5, "pt": 0.5}


def test_without_words_nothing_is_detected() -> None:
    assert detected(SpokenStretch(0.0, "en", {"en": 1.0})) == Channel()
    assert detected() == Channel()


def test_speech_in_a_language_that_was_ruled_out_is_reported() -> None:
    channel = detected(
        SpokenStretch(6.0, "en", {"en": 1.0}),
        SpokenStretch(3.0, "es", {"fr": 0.9, "es": 0.01}),
        SpokenStretch(1.0, "es", {"pt": 0.4, "es": 0.3}),
        candidates=("en", "es"),
    )
    assert channel.language == "en"
    assert [each.language for each in channel.other_languages] == ["es"]
    assert channel.excluded_languages == (LanguageShare("fr", 0.3),)
    assert channel.language_confidence == pytest.approx((6.0 + 3.0 * 0.0 + 1.0 * 0.0) / 10.0)


def test_how_sure_the_language_is_tells_when_all_candidates_are_wrong() -> None:
    """`detect_language=de&detect_language=fr` of English: of the two, French is far more probable."""
    english = {"en": 0.97, "fr": 0.02, "de": 0.001}
    channel = detected(SpokenStretch(8.0, "fr", english), candidates=("de", "fr"))
    assert channel.language == "fr"
    assert channel.language_confidence == pytest.approx(0.02)
    assert channel.excluded_languages == (LanguageShare("en", 1.0),)


def test_candidates_that_may_be_right_share_all_that_is_probable() -> None:
    spanish = {"es": 0.48, "pt": 0.46, "en": 0.02}
    channel = detected(SpokenStretch(8.0, "es", spanish), candidates=("en", "es"))
    assert channel.language_confidence == pytest.approx(0.48 / 0.5)
    assert channel.excluded_languages == ()


def test_the_choice_is_of_languages_that_the_model_knows() -> None:
    model = ModelInfo("base", "whisper", "1", "-", ("en", "es", "pt"))
    restricted = ListenOptions(detect_language=("pt-BR", "tlh", "en"), language_hint=("es",))
    assert language_choice(restricted, model) == LanguageChoice(candidates=("pt", "en"))
    hinted = ListenOptions(language="multi", language_hint=("es-419", "pt"))
    assert language_choice(hinted, model) == LanguageChoice(hints=("es", "pt"))
