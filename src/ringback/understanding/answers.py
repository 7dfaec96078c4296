"""What is believed of a language model's answer. Pure.

A model may be foolish, or may have been talked into anything by the text. Its answer is read into types of
ours, strictly; numbers are kept in their range, texts are cut and cleaned, segments that it made up are
dropped, labels outside a strict list too. An entry that is malformed is left out and counted, and costs no
other one. Word indexes are not in it at all: the caller has them.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from ringback.understanding.questions import LONGEST_LABEL, MAY_BE_REFUSED, MOST_PER_SEGMENT

Answer = TypeVar("Answer")
T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class ReadAnswer(Generic[T]):
    """What of an answer can be used."""

    found: T
    malformed: int = 0
    """Entries that are left out, because they have not the form that was asked for."""


def completion_of(body: bytes) -> Completion:
    """The body of a `/chat/completions` answer. Raises `BadAnswer`."""
    try:
        found = _COMPLETION.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise BadAnswer("it is no chat completion") from None
    if not found.choices or not found.choices[0].message.content:
        spent = found.choices and found.choices[0].finish_reason == "length"
        raise BadAnswer("its tokens were spent before it said anything" if spent else "it holds no message")
    usage = found.usage or _Usage()
    return Completion(
        found.choices[0].message.content, _counted(usage.prompt_tokens), _counted(usage.completion_tokens)
    )


def refused_parameters(body: bytes) -> frozenset[str]:
    """Which of `MAY_BE_REFUSED` the body of a 400 says that the model does not take.

    OpenAI names one in `error.param`, with a `code` such as `unsupported_parameter` or `unsupported_value`;
    others say so in words alone.
    """
    text = body[:_ERROR_BYTES].decode(errors="replace").casefold()
    if not _UNSUPPORTED.search(text):
        return frozenset()
    try:
        named = _ERROR.decode(body).error.param
    except (msgspec.DecodeError, RecursionError):
        named = None
    if named in MAY_BE_REFUSED:
        return frozenset({named})
    return frozenset(name for name in MAY_BE_REFUSED if re.search(rf"\b{name}\b", text))


def read_labels(
    content: str, segments: int, allowed: Sequence[str] | None
) -> ReadAnswer[dict[int, tuple[Label, ...]]]:
    """Labels by segment, from 0, of `segments` that were asked about. `allowed`: no others."""
    entries = _entries(content, _LABELS_OF_SEGMENT)
    spelled = None if allowed is None else {_folded(label): label for label in allowed}
    found: dict[int, tuple[Label, ...]] = {}
    readable, malformed = 0, entries.malformed
    for each in entries.found:
        given = _readable(each.labels, _ANSWER_LABEL)
        readable, malformed = readable + len(given.found), malformed + given.malformed
        if 1 <= each.segment <= segments:
            found[each.segment - 1] = _labels(found.get(each.segment - 1, ()), given.found, spelled)
    if malformed and not readable:
        raise BadAnswer(_OTHER_FORM)
    return ReadAnswer({number: labels for number, labels in found.items() if labels}, malformed)


def read_scores(content: str, segments: int) -> ReadAnswer[dict[int, float]]:
    """Sentiment by segment, from 0; what the model left out is not there."""
    entries = _entries(content, _SCORE_OF_SEGMENT)
    found = {
        each.segment - 1: max(-1.0, min(1.0, each.score))
        for each in entries.found
        if 1 <= each.segment <= segments
    }
    return ReadAnswer(found, entries.malformed)


def read_summary(content: str) -> ReadAnswer[str]:
    text = clean(_decode(content, _SUMMARY).summary, LONGEST_SUMMARY)
    if not text:
        raise BadAnswer("the summary is empty")
    return ReadAnswer(text)


def clean(text: str, longest: int) -> str:
    """On one line, without control characters and those that change how others are shown; cut."""
    printable = "".join(" " if unicodedata.category(each) in _BLANK else each for each in text[: longest * 4])
    return _SPACES.sub(" ", printable).strip()[:longest].rstrip()


class _AnswerLabel(msgspec.Struct):
    label: str
    confidence: float


class _LabelsOfSegment(msgspec.Struct):
    segment: int
    labels: list[msgspec.Raw]


class _ScoreOfSegment(msgspec.Struct):
    segment: int
    score: float


class _SegmentsAnswer(msgspec.Struct):
    segments: list[msgspec.Raw]


class _SummaryAnswer(msgspec.Struct):
    summary: str


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: object = None


class _Usage(msgspec.Struct):
    prompt_tokens: float = 0
    completion_tokens: float = 0


class _ChatCompletion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class _ErrorOfServer(msgspec.Struct):
    param: str | None = None


class _ErrorAnswer(msgspec.Struct):
    error: _ErrorOfServer


_COMPLETION = msgspec.json.Decoder(_ChatCompletion)
_SEGMENTS = msgspec.json.Decoder(_SegmentsAnswer)
_LABELS_OF_SEGMENT = msgspec.json.Decoder(_LabelsOfSegment)
_ANSWER_LABEL = msgspec.json.Decoder(_AnswerLabel)
_SCORE_OF_SEGMENT = msgspec.json.Decoder(_ScoreOfSegment)
_SUMMARY = msgspec.json.Decoder(_SummaryAnswer)
_ERROR = msgspec.json.Decoder(_ErrorAnswer)

_OTHER_FORM = "it is not in the form of the schema"

_ERROR_BYTES = 8_192
"""Of an error's body that are read."""
_UNSUPPORTED = re.compile(
    r"unsupported|(?:not|n't) support|not (?:permitted|allowed|accepted)|unrecogni[sz]ed|unknown"
)

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
    raise BadAnswer(_OTHER_FORM)


def _entries(content: str, decoder: msgspec.json.Decoder[Answer]) -> ReadAnswer[list[Answer]]:
    """The entries of `segments` that can be read. Raises `BadAnswer`, where none can."""
    try:
        entries = _readable(_decode(content, _SEGMENTS).segments, decoder)
    except BadAnswer:
        whole = _readable(_whole_entries(content), decoder)
        entries = ReadAnswer(whole.found, whole.malformed + 1)
    if entries.malformed and not entries.found:
        raise BadAnswer(_OTHER_FORM)
    return entries


def _readable(entries: Iterable[bytes], decoder: msgspec.json.Decoder[Answer]) -> ReadAnswer[list[Answer]]:
    found, malformed = [], 0
    for entry in entries:
        try:
            found.append(decoder.decode(entry))
        except (msgspec.DecodeError, RecursionError):
            malformed += 1
    return ReadAnswer(found, malformed)


def _whole_entries(content: str) -> Iterator[bytes]:
    """Those of an answer that is no JSON, because it breaks off or has a fault somewhere: up to there."""
    begins = _SEGMENTS_BEGIN.search(content)
    place = begins.end() if begins else len(content)
    while place < len(content):
        try:
            _, end = _JSON.raw_decode(content, place)
        except (ValueError, RecursionError):
            return
        yield content[place:end].encode(errors="replace")
        between = _BETWEEN.match(content, end)
        place = between.end() if between else len(content)


_JSON = json.JSONDecoder()
_SEGMENTS_BEGIN = re.compile(r'"segments"\s*:\s*\[\s*')
_BETWEEN = re.compile(r"\s*,\s*")


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
