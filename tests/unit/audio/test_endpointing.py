"""Where speech begins and ends, window by window."""

from ringback.audio.endpointing import SpeechTrack, Turn


def turns(probabilities: list[float]) -> list[tuple[int, Turn]]:
    track = SpeechTrack()
    reported = [(i, track.push(p)) for i, p in enumerate(probabilities)]
    return [(i, turn) for i, turn in reported if turn is not None]


def test_speech_begins_at_a_probability_and_ends_when_it_stays_quiet() -> None:
    assert turns([0.1, 0.6, 0.9, 0.1, 0.1, 0.1]) == [(1, Turn.BEGAN), (5, Turn.ENDED)]


def test_a_dip_within_a_word_is_no_end() -> None:
    assert turns([0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.9]) == [(0, Turn.BEGAN)]


def test_what_lies_between_the_thresholds_changes_nothing() -> None:
    assert turns([0.4, 0.45, 0.9, 0.4, 0.4, 0.4, 0.4]) == [(2, Turn.BEGAN)]


def test_silence_is_counted_from_where_it_began() -> None:
    track = SpeechTrack()
    assert (track.quiet_since, track.silence) == (0, 0)
    for probability in [0.9, 0.9, 0.1, 0.1]:
        track.push(probability)
    assert (track.quiet_since, track.silence) == (None, 0)
    track.push(0.1)
    assert (track.quiet_since, track.silence) == (2, 3)
