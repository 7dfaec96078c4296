"""What a live stream looks like on a screen."""

import io
import json
from typing import Any

import pytest

from ringback.cli.output import printable
from ringback.cli.stream_display import JsonDisplay, TextDisplay, tail
from support.terminal import lines_on_a_terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        return lines_on_a_terminal(self.getvalue())


def results(text: str, *, final: bool, channel: int = 0, channels: int = 1) -> dict[str, Any]:
    return {
        "type": "Results",
        "channel_index": [channel, channels],
        "is_final": final,
        "channel": {"alternatives": [{"transcript": text}]},
    }


def say(screen: TextDisplay | JsonDisplay, document: dict[str, Any]) -> None:
    screen.show_message(json.dumps(document), document)


def test_text_that_may_change_is_replaced_in_place() -> None:
    terminal = Terminal()
    screen = TextDisplay(terminal)
    say(screen, results("he might", final=False))
    assert terminal.lines == ["he might"]
    say(screen, results("he might even have", final=False))
    assert terminal.lines == ["he might even have"]
    say(screen, results("He might even.", final=True))
    assert terminal.lines == ["He might even.", ""]


def test_each_turn_has_a_line_behind_its_speaker() -> None:
    screen = TextDisplay(terminal := Terminal())
    document = results("Is it? It is. Good.", final=True)
    said = [("Is", 0), ("it?", 0), ("It", 1), ("is.", 1), ("Good.", 0)]
    alternative = document["channel"]["alternatives"][0]
    alternative["words"] = [{"word": "-", "punctuated_word": text, "speaker": who} for text, who in said]
    say(screen, document)
    assert terminal.lines == ["[speaker 0] Is it?", "[speaker 1] It is.", "[speaker 0] Good.", ""]
    alone = results("Good.", final=True, channel=1, channels=2)
    alone["channel"]["alternatives"][0]["words"] = [{"word": "good", "speaker": 0}]
    say(screen, alone)
    assert terminal.lines[-2:] == ["[channel 1, speaker 0] Good.", ""]


def test_an_empty_final_wipes_what_stood_there() -> None:
    terminal = Terminal()
    screen = TextDisplay(terminal)
    say(screen, results("uh", final=False))
    say(screen, results("", final=True))
    assert terminal.lines == [""]


def test_the_end_leaves_no_text_that_was_not_final() -> None:
    terminal = Terminal()
    screen = TextDisplay(terminal)
    say(screen, results("One.", final=True))
    say(screen, results("tw", final=False))
    screen.end()
    screen.end()
    assert terminal.lines == ["One.", ""]


def test_elsewhere_than_on_a_terminal_only_finals_are_written() -> None:
    out = io.StringIO()
    screen = TextDisplay(out)
    say(screen, results("one", final=False))
    say(screen, results("One.", final=True))
    say(screen, {"type": "Metadata", "request_id": "r"})
    screen.end()
    assert out.getvalue() == "One.\n"


def test_several_channels_are_marked() -> None:
    out = io.StringIO()
    screen = TextDisplay(out)
    say(screen, results("Hello?", final=True, channel=1, channels=2))
    say(screen, results("", final=True, channel=0, channels=2))
    assert out.getvalue() == "[channel 1] Hello?\n"


def test_an_error_of_the_server_is_reported_beside_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    screen = TextDisplay(terminal)
    say(screen, results("half", final=False))
    say(screen, {"type": "Error", "description": "not\x1b[2Jthat"})
    assert terminal.lines == [""]
    assert capsys.readouterr().err == "The server says: not [2Jthat\n"


def test_json_lines_are_the_messages_as_they_came() -> None:
    out = io.StringIO()
    text = '{"type":"Metadata", "request_id":"r"}'
    JsonDisplay(out).show_message(text, json.loads(text))
    assert out.getvalue() == text + "\n"


def test_a_transcript_cannot_command_the_terminal() -> None:
    assert printable("a\x1b]0;title\x07b\nc") == "a ]0;title b c"


@pytest.mark.parametrize(
    ("text", "columns", "displayed"),
    [
        ("short", 5, "short"),
        ("longer", 5, "…nger"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "…本語"),
        ("日本語", 4, "…語"),
    ],
)
def test_of_a_long_line_the_end_is_shown(text: str, columns: int, displayed: str) -> None:
    assert tail(text, columns) == displayed
