"""The examples of the text options in docs/parameters.md are true."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from ringback.features.finish import Finished, finish
from ringback.features.live import LiveText
from ringback.listen.options import Mode, parse
from ringback.listen.recognition_events import (
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
)
from ringback.transcript import Alternative, Channel, Transcript, Word, joined

PAGE = (Path(__file__).parents[2] / "docs" / "parameters.md").read_text()
SECTION = PAGE[PAGE.index("## The text options, one by one") : PAGE.index("## The parameters")]
TERMS = PAGE[PAGE.index("#### Terms") : PAGE.index("#### Names")]
ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|$", re.MULTILINE)
ROWS = ROW.findall(SECTION)
TERM_ROWS = [row for row in ROW.findall(TERMS) if "search=" in row[1]]
OPTIONS = {"punctuate", "smart_format", "numerals", "measurements", "filler_words", "dictation", "redact"} | {
    *("detect_entities", "profanity_filter", "replace", "no_delay"),
}


def test_each_option_is_described_and_has_an_example() -> None:
    described = re.split(r"^### `(\w+)`$", SECTION, flags=re.MULTILINE)
    found = dict(zip(described[1::2], described[2::2], strict=True))
    assert set(found) == OPTIONS
    assert [name for name, text in found.items() if "| heard |" not in text] == []


@pytest.mark.parametrize(("spoken", "query", "written"), [row for row in ROWS if "/" not in row[0]])
def test_an_example(spoken: str, query: str, written: str) -> None:
    finished = finished_as(spoken, query)
    if "detect_entities" in query:
        assert finished.entities is not None
        assert [f"{each.label} {each.value}" for each in finished.entities[0]] == [written]
    else:
        assert finished.transcript.channels[0].alternative.text == written


@pytest.mark.parametrize(("spoken", "query", "found"), TERM_ROWS)
def test_an_example_of_search(spoken: str, query: str, found: str) -> None:
    finished = finished_as(spoken, query)
    assert finished.search is not None
    (result,) = finished.search[0]
    assert f"{result.hits[0].snippet} {result.hits[0].confidence:.2f}" == found


@pytest.mark.parametrize(("spoken", "query", "finals"), [row for row in ROWS if "/" in row[0]])
def test_an_example_with_a_pause(spoken: str, query: str, finals: str) -> None:
    live = LiveText(parse(parse_qsl(query), Mode.LIVE))
    events: list[RecognitionEvent] = []
    at = 0.0
    for phrase in spoken.split(" / "):
        words = tuple(
            Word(text, at + i * 0.4, at + i * 0.4 + 0.3, 0.9) for i, text in enumerate(phrase.split())
        )
        at = words[-1].end + 1.0
        events += live.hear(RecognitionResult(0, words[0].start, at, words, True, Cause.ENDPOINT))
    events += live.hear(RecognitionFinished(1, at))
    reported = [each for each in events if isinstance(each, RecognitionResult) and each.final]
    assert " / ".join(joined(each.words) for each in reported) == finals


def finished_as(spoken: str, query: str) -> Finished:
    words = tuple(Word(text, i * 0.4, i * 0.4 + 0.3, 0.9) for i, text in enumerate(spoken.split()))
    return finish(Transcript(60.0, (Channel(Alternative(words)),)), parse(parse_qsl(query), Mode.RECORDED))
