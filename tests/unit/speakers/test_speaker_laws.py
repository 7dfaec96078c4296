"""Whatever voices and words there are: every word comes back, and no speaker is skipped or made up."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.speakers.labels import RecognisedWords, with_speakers
from ringback.speakers.live import LiveSpeakers
from ringback.transcript import Word
from support.voices import People

TIMES = st.tuples(st.floats(0, 15), st.floats(0, 2))
WORDS = st.lists(TIMES.map(lambda at: Word("word", at[0], at[0] + at[1], 0.9)), max_size=8)
VOICES = st.lists(st.tuples(st.sampled_from("abc"), TIMES), max_size=6)


@st.composite
def recognised(draw: st.DrawFn) -> RecognisedWords:
    people = People(draw(st.integers(0, 5)), spread=draw(st.sampled_from([0.1, 0.5, 1.0])))
    voices = tuple(
        people.says(who, start, start + seconds, goes_on=draw(st.booleans()))
        for who, (start, seconds) in draw(VOICES)
    )
    return RecognisedWords(tuple(draw(WORDS)), draw(st.sampled_from([voices, None])))


@given(st.lists(recognised(), max_size=6))
def test_recorded_words_come_back_with_speakers_numbered_by_first_word(parts: list[RecognisedWords]) -> None:
    labelled = with_speakers(parts)
    assert [len(words) for words in labelled] == [len(part.words) for part in parts]
    first = dict.fromkeys(word.speaker for words in labelled for word in words if word.speaker is not None)
    assert list(first) == list(range(len(first)))
    for part, words in zip(parts, labelled, strict=True):
        for before, word in zip(part.words, words, strict=True):
            assert (word.text, word.start, word.end) == (before.text, before.start, before.end)
            assert word.speaker_confidence is None or 0 <= word.speaker_confidence <= 1
            assert part.voices is not None or word.speaker is None


@given(st.lists(recognised(), max_size=6))
def test_live_words_come_back_with_speakers_in_the_order_of_their_numbers(
    parts: list[RecognisedWords],
) -> None:
    stream = LiveSpeakers()
    highest = -1
    for part in parts:
        words = stream.label(part)
        assert len(words) == len(part.words)
        for word in words:
            assert (word.speaker is None) is (part.voices is None)
            if word.speaker is not None:
                assert 0 <= word.speaker <= highest + 1 + len(part.voices or ())
        highest = max([highest, *(word.speaker for word in words if word.speaker is not None)])
