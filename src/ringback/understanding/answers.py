"""What is believed of a language model's answer. Pure.

A model may be foolish, or may have been talked into anything by the text. Its answer is read into types of
ours, strictly; numbers are kept in their range, texts are cut and cleaned, segments that it made up are
dropped, labels outside a strict list too. Word indexes are not in it at all: the caller has them.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from ringback.understanding.questions import LONGEST_LABEL, MOST_PER_SEGMENT

Answer = TypeVar("Answer")

LONGEST_SUMMARY = 2_000
"""Characters."""

MOST_COUNTED = 10_000_000
"""Tokens that one answer may claim."""


class BadAnswer(Exception):
    """The answer has not the form that was asked for; the message holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, and the tokens that it took."""

    content: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Label:
    """A topic or an intent, from 0 to 1 sure."""

    text: str
    confidence: float


def completion_of(body: bytes) -> Completion:
    """The body of a `/chat/completions` answer. Raises `BadAnswer`."""
    try:
        found = _COMPLETION.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise BadAnswer("it is no chat completion") from None
    if not found.choices or not found.choices[0].message.content:
        raise BadAnswer("it holds no message")
    usage = found.usage or _Usage()
    return Completion(
        found.choices[0].message.content, _counted(usage.prompt_tokens), _counted(usage.completion_tokens)
    )


def read_labels(content: str, segments: int, allowed: Sequence[str] | None) -> dict[int, tuple[Label, ...]]:
    """Labels by segment, from 0, of `segments` that were asked about. `allowed`: no others."""
    answer = _decode(content, _LABELS)
    spelled = None if allowed is None else {_folded(label): label for label in allowed}
    found: dict[int, tuple[Label, ...]] = {}
    for each in answer.segments:
        if 1 <= each.segment <= segments:
            before = found.get(each.segment - 1, ())
            found[each.segment - 1] = _labels(before, each.labels, spelled)
    return {number: labels for number, labels in found.items() if labels}


def read_scores(content: str, segments: int) -> dict[int, float]:
    """Sentiment by segment, from 0; what the model left out is not there."""
    answer = _decode(content, _SCORES)
    return {
        each.segment - 1: max(-1.0, min(1.0, each.score))
        for each in answer.segments
        if 1 <= each.segment <= segments
    }


def read_summary(content: str) -> str:
    text = clean(_decode(content, _SUMMARY).summary, LONGEST_SUMMARY)
    if not text:
        raise BadAnswer("the summary is empty")
    return text


def clean(text: str, longest: int) -> str:
    """On one line, without control characters and those that change how others are shown; cut."""
    printable = "".join(" " if unicodedata.category(each) in _BLANK else each for each in text[: longest * 4])
    return _SPACES.sub(" ", printable).strip()[:longest].rstrip()


class _AnswerLabel(msgspec.Struct):
    label: str
    confidence: float


class _LabelsOfSegment(msgspec.Struct):
    segment: int
    labels: list[_AnswerLabel]


class _ScoreOfSegment(msgspec.Struct):
    segment: int
    score: float


class _LabelsAnswer(msgspec.Struct):
    segments: list[_LabelsOfSegment]


class _ScoresAnswer(msgspec.Struct):
    segments: list[_ScoreOfSegment]


class _SummaryAnswer(msgspec.Struct):
    summary: str


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Usage(msgspec.Struct):
    prompt_tokens: float = 0
    completion_tokens: float = 0


class _ChatCompletion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_COMPLETION = msgspec.json.Decoder(_ChatCompletion)
_LABELS = msgspec.json.Decoder(_LabelsAnswer)
_SCORES = msgspec.json.Decoder(_ScoresAnswer)
_SUMMARY = msgspec.json.Decoder(_SummaryAnswer)

_BLANK = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"})
_SPACES = re.compile(r"\s+")


def _decode(content: str, decoder: msgspec.json.Decoder[Answer]) -> Answer:
    """Servers without schemas wrap JSON into a fence, or put their thoughts before it."""
    first, last = content.find("{"), content.rfind("}")
    for text in (content, content[first : last + 1]):
        try:
            return decoder.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            continue
    raise BadAnswer("it is not in the form of the schema")


def _labels(
    before: tuple[Label, ...], given: Sequence[_AnswerLabel], spelled: dict[str, str] | None
) -> tuple[Label, ...]:
    found = {_folded(label.text): label for label in before}
    for each in given:
        text = clean(each.label, LONGEST_LABEL)
        key = _folded(text)
        if spelled is not None:
            text = spelled.get(key, "")
        if text and key not in found and len(found) < MOST_PER_SEGMENT:
            found[key] = Label(text, max(0.0, min(1.0, each.confidence)))
    return tuple(found.values())


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _counted(tokens: float) -> int:
    return int(max(0, min(MOST_COUNTED, tokens)))
