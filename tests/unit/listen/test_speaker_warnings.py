"""What a caller of `diarize` is told beside the words."""

import pytest

from ringback.listen.options import Mode, parse
from ringback.listen.parameter import AUDIO
from ringback.listen.speaker_warnings import speaker_warnings, with_speaker_warnings
from ringback.transcript import Channel


@pytest.mark.parametrize("mode", sorted(AUDIO))
@pytest.mark.parametrize(("name", "value"), [("diarize", "true"), ("diarize_model", "v1")])
def test_without_the_models_speakers_are_not_found_and_the_fix_is_named(
    mode: Mode, name: str, value: str
) -> None:
    parsed = parse([(name, value)], mode)
    assert (parsed.diarize, parsed.warnings) == (True, ())
    assert with_speaker_warnings(parsed, speakers=True) == parsed
    served = with_speaker_warnings(parsed, speakers=False)
    assert not served.diarize
    (warning,) = served.warnings
    assert (warning.parameter, warning.type) == (name, "unsupported")
    assert "make setup EXTRAS=speakers" in warning.message
    assert with_speaker_warnings(served, speakers=False) == served


def test_who_does_not_ask_is_not_warned() -> None:
    parsed = parse([("diarize", "false")], Mode.RECORDED)
    assert with_speaker_warnings(parsed, speakers=False) == parsed


def test_words_without_a_speaker_are_counted_by_channel() -> None:
    (alone,) = speaker_warnings([Channel(unlabelled_seconds=0.01)])
    assert (alone.parameter, alone.type) == ("diarize", "partial")
    assert alone.message.startswith("words of 0.1 s have no `speaker`")
    (second,) = speaker_warnings([Channel(), Channel(unlabelled_seconds=3.14)])
    assert second.message.startswith("Channel 1: words of 3.1 s")
    assert list(speaker_warnings([Channel()])) == []
