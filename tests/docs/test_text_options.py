"""The examples of the text options in docs/parameters.md are true."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from ringback.features.finish import finish
from ringback.listen.options import Mode, parse
from ringback.transcript import Alternative, Channel, Transcript, Word

PAGE = (Path(__file__).parents[2] / "docs" / "parameters.md").read_text()
SECTION = PAGE[PAGE.index("## The text options, one by one") : PAGE.index("## The parameters")]
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|$", SECTION, re.MULTILINE)
OPTIONS = {"punctuate", "smart_format", "numerals", "measurements", "filler_words", "dictation", "redact"} | {
    *("detect_entities", "profanity_filter", "replace", "no_delay"),
}


def test_each_option_is_described_and_all_but_no_delay_have_an_example() -> None:
    described = re.split(r"^### `(\w+)`$", SECTION, flags=re.MULTILINE)
    found = dict(zip(described[1::2], described[2::2], strict=True))
    assert set(found) == OPTIONS
    assert [name for name, text in found.items() if "| heard |" not in text] == ["no_delay"]


@pytest.mark.parametrize(("heard", "asked", "written"), ROWS)
def test_an_example(heard: str, asked: str, written: str) -> None:
    words = tuple(Word(text, i * 0.4, i * 0.4 + 0.3, 0.9) for i, text in enumerate(heard.split()))
    transcript = Transcript(60.0, (Channel(Alternative(words)),))
    finished = finish(transcript, parse(parse_qsl(asked), Mode.RECORDED))
    if "detect_entities" in asked:
        assert finished.entities is not None
        assert [f"{each.label} {each.value}" for each in finished.entities[0]] == [written]
    else:
        assert finished.transcript.channels[0].alternative.text == written
