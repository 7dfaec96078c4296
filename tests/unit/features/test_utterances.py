"""Where one utterance ends and the next begins."""

from ringback.features.utterances import utterances
from ringback.transcript import Alternative, Channel, Transcript, Word


def word(start: float, end: float, speaker: int | None = None) -> Word:
    return Word(f"w{start}", start, end, 0.9, speaker=speaker)


def transcript(*channels: tuple[Word, ...]) -> Transcript:
    return Transcript(60.0, tuple(Channel(Alternative(words)) for words in channels))


def spans(transcript: Transcript, utt_split: float = 0.8) -> list[tuple[int, float, float]]:
    return [(u.channel, u.start, u.end) for u in utterances(transcript, utt_split)]


def test_only_a_pause_above_the_split_parts() -> None:
    said = transcript((word(0, 0.5), word(1.3, 1.5), word(2.301, 3)))
    assert spans(said) == [(0, 0, 1.5), (0, 2.301, 3)]
    assert spans(said, 0.5) == [(0, 0, 0.5), (0, 1.3, 1.5), (0, 2.301, 3)]
    assert spans(said, 5) == [(0, 0, 3)]


def test_words_that_overlap_stay_together() -> None:
    assert spans(transcript((word(0, 2), word(1, 3)))) == [(0, 0, 3)]


def test_channels_take_turns_by_their_start() -> None:
    said = transcript((word(1, 2), word(9, 10)), (), (word(0, 1), word(1, 9.5), word(12, 13)))
    assert spans(said) == [(2, 0, 9.5), (0, 1, 2), (0, 9, 10), (2, 12, 13)]


def test_equal_starts_keep_the_order_of_channels() -> None:
    assert spans(transcript((word(0, 1),), (word(0, 1),))) == [(0, 0, 1), (1, 0, 1)]


def test_another_speaker_is_another_utterance() -> None:
    assert spans(transcript((word(0, 1, 0), word(1, 2, 1)))) == [(0, 0, 1), (0, 1, 2)]


def test_silence_has_none() -> None:
    assert utterances(transcript(()), 0.8) == ()
