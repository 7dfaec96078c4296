"""Captions fit on a screen, keep the words' times, and are what players read."""

from dataclasses import replace

from ringback.listen.captions import LINE, LONGEST, srt, vtt
from ringback.transcript import Utterance, Word


def spoken(text: str, start: float = 0.0, each: float = 0.4) -> Utterance:
    """Words one after the other, `each` seconds long."""
    words = text.split()
    return Utterance(
        0, tuple(Word(word, start + i * each, start + (i + 1) * each, 1.0) for i, word in enumerate(words))
    )


def test_srt_is_numbered_with_commas_in_times() -> None:
    text = srt([spoken("Hello there."), spoken("Who is it?", start=3_661.5)])
    assert text == (
        "1\n00:00:00,000 --> 00:00:00,800\nHello there.\n\n2\n01:01:01,500 --> 01:01:02,700\nWho is it?\n"
    )


def test_vtt_has_its_header_and_escapes_markup() -> None:
    assert vtt([spoken("A < B & C")]) == "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nA &lt; B &amp; C\n"


def test_speakers_stand_before_what_they_say() -> None:
    turns = [(0, "Hello there."), (0, "Are you in?"), (1, "Who is it?")]
    said = [
        Utterance(0, tuple(replace(word, speaker=speaker) for word in spoken(text, start=2.0 * n).words))
        for n, (speaker, text) in enumerate(turns)
    ]
    assert [block.split("\n")[2:] for block in srt(said).strip().split("\n\n")] == [
        ["[speaker 0]", "Hello there."],
        ["Are you in?"],
        ["[speaker 1]", "Who is it?"],
    ]
    assert [block.split("\n")[1] for block in vtt(said).strip().split("\n\n")[1:]] == [
        "<v Speaker 0>Hello there.",
        "<v Speaker 0>Are you in?",
        "<v Speaker 1>Who is it?",
    ]


def test_silence_is_an_empty_file() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n"


def test_long_speech_is_cut_to_what_fits() -> None:
    words = [f"word{number}" for number in range(200)]
    blocks = srt([spoken(" ".join(words))]).strip().split("\n\n")
    assert len(blocks) > 1
    said: list[str] = []
    for block in blocks:
        _, _, *lines = block.split("\n")
        assert len(lines) <= 2
        assert all(len(line) <= LINE + len("word199") for line in lines)
        said += " ".join(lines).split()
    assert said == words


def test_slow_speech_does_not_stand_for_ever() -> None:
    blocks = srt([spoken("one two three four", each=LONGEST / 2)]).strip().split("\n\n")
    assert [block.split("\n")[2] for block in blocks] == ["one two", "three four"]


def test_a_caption_ends_with_its_sentence() -> None:
    text = srt([spoken("Please press one to mute yourself. Then press two to leave.")])
    assert "Please press one to mute yourself.\n" in text
    assert "Then press two to leave.\n" in text
