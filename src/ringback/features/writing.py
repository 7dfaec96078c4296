"""Entities written into words: which form the options ask for, times and punctuation kept. Pure."""

import re
from collections.abc import Iterator, Sequence

from ringback.features.spans import Entity, FormattedWords, NumberFormats, Part
from ringback.transcript import Word


def write(words: Sequence[Word], entities: Sequence[Entity], formats: NumberFormats) -> FormattedWords:
    """The words with every entity written as the options ask; all other words are the same objects.

    `entities` are in order and do not overlap. An output word lies from the start of the first input word it
    covers to the end of the last, with the mean of their confidences.
    """
    written: list[Word] = []
    ranges: list[tuple[int, int]] = []
    done = 0
    for entity in entities:
        written += words[done : entity.first]
        first = len(written)
        for part in _parts(entity, formats):
            written += _write_part(words, part, bool(entity.label))
        ranges.append((first, len(written)))
        done = entity.end
    written += words[done:]
    return FormattedWords(tuple(written), tuple(ranges))


def _parts(entity: Entity, formats: NumberFormats) -> tuple[Part, ...]:
    if entity.label:
        return (Part(entity.first, entity.end, entity.label),)
    if formats.measurements and entity.measured:
        return entity.measured
    unchanged = (Part(entity.first, entity.end, None),)
    if formats.smart_format:
        return entity.smart or unchanged
    return (formats.numerals and entity.numerals) or unchanged


def _write_part(words: Sequence[Word], part: Part, redacted: bool) -> Iterator[Word]:
    covered = words[part.first : part.end]
    if part.text is None:
        yield from covered
        return
    opening, closing = _marks_around(" ".join(word.text for word in covered))
    if not part.closes:
        closing = "".join(mark for mark in closing if mark in _PAIRS.values())
    if _INITIALS.search(covered[-1].text) and _sentence_goes_on(words, part.end):
        closing = ""  # the point of “p.m.”
    text = opening + part.text + closing
    if len(covered) == 1 and covered[0].text == text:
        yield covered[0]
        return
    yield Word(  # `replace` takes five times as long
        text,
        covered[0].start,
        covered[-1].end,
        sum(word.confidence for word in covered) / len(covered),
        covered[0].spaced,
        covered[0].speaker,
        covered[0].language,
        text if redacted else part.text.lower(),
        covered[0].speaker_confidence,
    )


def _marks_around(text: str) -> tuple[str, str]:
    """The punctuation before and behind a text, but quotes and brackets whose other half is inside of it:
    `"INV" 2026`, `(617) 555-4987`."""
    opening, closing = opening_of(text), closing_of(text)
    inside = text[len(opening) : len(text) - len(closing)]
    if not _HALVES.search(inside):  # nearly always
        return opening, closing
    inside = _APOSTROPHES.sub("", inside)
    for mark, other in _PAIRS.items():
        halves = inside.count(other) - (inside.count(mark) if mark != other else 0)
        if mark == other and halves % 2 == 0:
            continue
        if halves > 0 and mark in opening:
            opening = opening.replace(mark, "", 1)
        elif halves and other in closing:
            closing = closing.replace(other, "", 1)
    return opening, closing


def opening_of(text: str) -> str:
    """The punctuation of the sentence before a word: brackets and quotes."""
    return text[: len(text) - len(text.lstrip(_OPENING))]


def closing_of(text: str) -> str:
    """The punctuation of the sentence behind a word, such as `.`, `,` or `."`."""
    return text[len(text.rstrip(_CLOSING)) :]


def _sentence_goes_on(words: Sequence[Word], i: int) -> bool:
    return i < len(words) and not words[i].text[:1].isupper()


_INITIALS = re.compile(r"\.[A-Za-z]\.$")
_APOSTROPHES = re.compile(r"(?<=\w)['’](?=\w)")
_PAIRS = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "(": ")", "[": "]"}
_HALVES = re.compile("[" + re.escape("".join((*_PAIRS, *_PAIRS.values()))) + "]")
_OPENING = "\"'“‘«([¿¡"
_CLOSING = ".,?!;:…\"'”’»)]"
