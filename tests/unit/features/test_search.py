import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.search import MOST_HITS, LiveSearch, SearchHit, confidence, search, snippet
from ringback.transcript import Word


def words(text: str, start: float = 0.0) -> list[Word]:
    """A word each half second."""
    return [Word(each, start + i * 0.5, start + i * 0.5 + 0.4, 0.9) for i, each in enumerate(text.split())]


def best(text: str, query: str) -> SearchHit:
    return search(words(text), [query])[0].hits[0]


def test_a_written_query_is_certain_and_stands_first() -> None:
    (found,) = search(words("Press 2 for the weather, or 3 whether or not. Weather!"), ["weather"])
    assert [hit.confidence for hit in found.hits[:2]] == [1.0, 1.0]
    assert (found.hits[0].start, found.hits[0].end) == (2.0, 2.4)
    assert 0.5 < found.hits[2].confidence < 1.0  # "whether"


@pytest.mark.parametrize(
    ("text", "query", "start", "end"),
    [
        ("please ask our representatives now", "represenatives", 1.5, 1.9),
        ("an Inter-Astrisk exchange", "inter asterisk", 0.5, 0.9),
        ("take met formin twice", "metformin", 0.5, 1.4),
        ("flight 1455 leaves", "fourteen fifty five", 0.5, 0.9),
        ("on June 21st at noon", "june twenty first", 0.5, 1.4),
        ("你 好 世 界", "你好世界", 0.0, 1.9),
    ],
)
def test_a_query_is_found_by_its_sound(text: str, query: str, start: float, end: float) -> None:
    hit = best(text, query)
    assert (hit.start, hit.end) == (start, end)
    assert hit.confidence >= 0.9


def test_confidence_is_the_share_of_right_hits_and_never_falls() -> None:
    assert confidence(0.85) == pytest.approx(0.91)
    assert confidence(1.0) == 1.0
    shares = [confidence(likeness / 100) for likeness in range(55, 101)]
    assert shares == sorted(shares)


def test_hits_of_one_query_do_not_overlap_and_are_few() -> None:
    (found,) = search(words("voicemail " * 40), ["voicemail"])
    assert len(found.hits) == MOST_HITS
    starts = sorted((hit.start, hit.end) for hit in found.hits)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(starts))


def test_every_query_has_a_result_in_the_order_asked() -> None:
    found = search(words("hello there"), ["zebra crossing", "", "?", "hello", "hello"])
    assert [result.query for result in found] == ["zebra crossing", "", "?", "hello", "hello"]
    assert [len(result.hits) for result in found] == [0, 0, 0, 1, 1]
    assert search([], ["hello"])[0].hits == ()


def test_the_snippet_has_a_finished_word_to_each_side() -> None:
    hit = best("my number is 212 555 01 01 and yours", "number")
    final = [*words("My number is"), Word("[PHONE_NUMBER_1]", 1.5, 3.4, 0.9), *words("and yours.", 3.5)]
    assert snippet(hit, final) == "My number is"
    hidden = best("my number is 212 555 01 01 and yours", "212 555")
    assert snippet(hidden, final) == "is [PHONE_NUMBER_1] and"
    assert snippet(hit, []) == ""


def test_live_a_hit_across_two_finals_is_told_once_in_the_second() -> None:
    live = LiveSearch(["voice mail box"])
    assert [
        hit.confidence for hit in live.final(words("leave a voice"))[0].hits if hit.confidence > 0.9
    ] == []
    (found,) = live.final(words("mail box please", start=1.5))
    assert [(hit.start, hit.end) for hit in found.hits if hit.confidence == 1.0] == [(1.0, 2.4)]
    (again,) = live.final(words("mail box", start=3.0))
    assert all(hit.confidence < 1.0 for hit in again.hits)


def test_live_finds_what_a_recording_finds_of_exact_words() -> None:
    said = words("press one for sales press two for support")
    live = LiveSearch(["press two", "sales"])
    finals = [live.final(said[i : i + 2]) for i in range(0, len(said), 2)]
    for number, result in enumerate(search(said, ["press two", "sales"])):
        exact = [hit for hit in result.hits if hit.confidence == 1.0]
        assert [hit for final in finals for hit in final[number].hits if hit.confidence == 1.0] == exact


HOSTILE = ["x" * 10_000, "\u200b" * 500, "a " * 5_000, "\ud800", "💥" * 300, "1" * 5_000, "ﷺ" * 100, "\x00"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*HOSTILE, "hello", "12", "é"]), max_size=6), st.text(max_size=80))
def test_no_query_and_no_word_can_break_the_search(queries: Sequence[str], text: str) -> None:
    recognised = [*words(text), *words(" ".join(re.sub(r"\s", "", each)[:200] for each in HOSTILE))]
    assert [result.query for result in search(recognised, queries)] == list(queries)
