"""From labels of tokens to names in words, and long texts in pieces: pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ringback.transcript import NamedSpan

PIECE, OVERLAP = 600, 24
"""Words of one request to the model, and how many of them the next one has again."""

_KINDS = {
    "GIVEN_NAME": "name_given",
    "SURNAME": "name_family",
    "EMAIL": "email_address",
    "URL": "url",
    "BUILDING_NUMBER": "location_address",
    "STREET_NAME": "location_address",
    "SECONDARY_ADDRESS": "location_address",
    "CITY": "location_city",
    "STATE": "location_state",
    "ZIP_CODE": "location_zip",
}
"""Rampart's labels → Deepgram's types. Its labels of numbers are left out: most of them are wrong (of its
SSNs one in fourteen is right), and the rules of `features.redaction` find more."""

_LEAST_CONFIDENCE = 0.25
"""Below a half, as a name that is not hidden is worse than a word that is: see the figures in ADR 0037."""


@dataclass(frozen=True, slots=True)
class TokenLabel:
    """The likeliest name that one token of the word may be part of: `B-CITY`, `I-CITY`."""

    word: int
    label: str
    confidence: float
    """That it is part of any name."""
    edge: int
    """Tokens between it and the nearer end of its window: at the edge there is less to go by."""


@dataclass(frozen=True, slots=True)
class _WordLabel:
    kind: str
    begins: bool
    confidence: float
    edge: int


def spans_of(labels: Iterable[TokenLabel]) -> tuple[NamedSpan, ...]:
    """The names, in order. A word is what the surest of its tokens is, in the window that shows it best."""
    words: dict[int, _WordLabel] = {}
    for (word, _), tokens in _by_window(labels):
        found = _word_label(tokens)
        if word not in words or found.edge > words[word].edge:
            words[word] = found
    return tuple(_merged(words))


def pieces(words: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """A long text in pieces that overlap, each with the number of its first word."""
    for first in range(0, max(1, len(words) - OVERLAP), PIECE - OVERLAP):
        yield first, words[first : first + PIECE]


def of_pieces(found: Iterable[tuple[int, Sequence[NamedSpan]]]) -> tuple[NamedSpan, ...]:
    """The names of the whole text, by those of its `pieces`: one that two of them have is the longer."""
    moved = [
        replace(span, first=span.first + first, end=span.end + first)
        for first, spans in found
        for span in spans
    ]
    whole: list[NamedSpan] = []
    for span in sorted(moved, key=lambda each: (each.first, -each.end)):
        if not whole or span.first >= whole[-1].end:
            whole.append(span)
        elif span.end - span.first > whole[-1].end - whole[-1].first:
            whole[-1] = span
    return tuple(whole)


def _by_window(labels: Iterable[TokenLabel]) -> Iterator[tuple[tuple[int, int], list[TokenLabel]]]:
    """The tokens of each word, apart for each window that the word is in."""
    groups: dict[tuple[int, int], list[TokenLabel]] = {}
    window, last = 0, -1
    for label in labels:
        window += label.word < last
        last = label.word
        groups.setdefault((label.word, window), []).append(label)
    yield from groups.items()


def _word_label(tokens: Sequence[TokenLabel]) -> _WordLabel:
    edge = min(token.edge for token in tokens)
    named = [token for token in tokens if _kind(token) and token.confidence >= _LEAST_CONFIDENCE]
    if not named:
        return _WordLabel("", False, 0.0, edge)
    surest = max(named, key=lambda token: token.confidence)
    begins = named[0].label.startswith("B-")
    return _WordLabel(_kind(surest), begins, surest.confidence, edge)


def _kind(token: TokenLabel) -> str:
    return _KINDS.get(token.label[2:], "")


def _merged(words: dict[int, _WordLabel]) -> Iterator[NamedSpan]:
    """Neighbours of one kind as one name, unless a new one begins; the parts of an address are one."""
    current: NamedSpan | None = None
    for number in sorted(words):
        word = words[number]
        joins = current is not None and current.end == number and current.kind == word.kind
        if current is not None and joins and (not word.begins or word.kind == "location_address"):
            current = replace(current, end=number + 1, confidence=min(current.confidence, word.confidence))
            continue
        if current is not None:
            yield current
        current = NamedSpan(number, number + 1, word.kind, word.confidence) if word.kind else None
    if current is not None:
        yield current
