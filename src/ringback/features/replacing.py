"""Find and replace (https://developers.deepgram.com/docs/find-and-replace). Pure.

- A `find` in lower case meets the word in any case, one with capitals only the word so written.
- Longer ones are looked for first, equally long ones in the order given. What was replaced is not looked at
  again.
- The replacement is written as given; what the sentence needs around it (a comma, a full stop) stays.
- Without a replacement the words are deleted; the end of their sentence passes to the word before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringback.features.edits import SENTENCE_ENDS, Edit, Range, end_sentence
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class Replacement:
    """One `find:replacement`."""

    find: tuple[str, ...]
    """Its words, at least one, without the punctuation around them."""
    whole: str
    """The same as it was given: it may also be found as one word of several parts, `(617) 555-4987`."""
    words: tuple[str, ...]
    """None of them: the find is deleted."""

    @property
    def exact(self) -> bool:
        """Whether capitals count."""
        return any(word != word.lower() for word in self.find)

    def width(self, cores: Sequence[str], at: int) -> int:
        """How many words from `at` on it covers; 0: it is not there."""
        there = tuple(cores[at : at + len(self.find)])
        if there == self.find or (not self.exact and tuple(map(str.lower, there)) == self.find):
            return len(self.find)
        return 1 if " " in self.whole and cores[at].lower() == self.whole.lower() else 0


def replacements(values: Sequence[str]) -> tuple[Replacement, ...]:
    """The values of `replace`, in the order in which they are looked for. One that names nothing but
    punctuation finds nothing."""
    parsed = []
    for value in values:
        find, _, replacement = value.partition(":")
        cores = (_parts(Word(word, 0.0, 0.0, 1.0))[1] for word in find.split())
        if found := tuple(core for core in cores if core):
            parsed.append(Replacement(found, " ".join(find.split()), tuple(replacement.split())))
    return tuple(sorted(parsed, key=lambda each: -len(each.find)))


def replace_words(
    words: Sequence[Word], replacements: Sequence[Replacement], closed: Sequence[Range] = ()
) -> list[Edit]:
    """The edits that the replacements ask for, in order; none touches the words of `closed`."""
    if not replacements:
        return []
    shut = frozenset(index for first, end in closed for index in range(first, end))
    cores = ["" if index in shut else _parts(word)[1] for index, word in enumerate(words)]
    by_first: dict[str, list[Replacement]] = {}
    for each in replacements:
        for first in {each.find[0].lower(), each.whole.lower()}:
            by_first.setdefault(first, []).append(each)
    edits: list[Edit] = []
    at = 0
    while at < len(cores):
        for each in by_first.get(cores[at].lower(), ()):
            if width := each.width(cores, at):
                edits.append(_edit(words, each, at, at + width, edits, shut=shut))
                at += width
                break
        else:
            at += 1
    return edits


def _edit(
    words: Sequence[Word],
    found: Replacement,
    first: int,
    end: int,
    edits: list[Edit],
    *,
    shut: frozenset[int],
) -> Edit:
    """`edits`: those before it; the last of them may take the end of the sentence, too."""
    covered = words[first:end]
    if found.words:
        return Edit(first, end, tuple(_written(covered, found.words)))
    mark = _parts(covered[-1])[2][:1]
    if mark not in SENTENCE_ENDS:
        return Edit(first, end, ())
    while edits and edits[-1].end == first:
        last = edits.pop()
        if last.words:
            return Edit(last.first, end, (*last.words[:-1], end_sentence(last.words[-1], mark)))
        first = last.first
    if first and first - 1 not in shut:
        return Edit(first - 1, end, (end_sentence(words[first - 1], mark),))
    return Edit(first, end, ())


def _written(covered: Sequence[Word], texts: Sequence[str]) -> Iterator[Word]:
    """The replacement's words: each over the word it stands for, or all sharing the span evenly."""
    start, end = covered[0].start, covered[-1].end
    confidence = sum(word.confidence for word in covered) / len(covered)
    edges = [start + (end - start) * n / len(texts) for n in range(len(texts))] + [end]
    alike = len(covered) == len(texts)
    for number, text in enumerate(texts):
        opening = _parts(covered[0])[0] if number == 0 else ""
        closing = _parts(covered[-1])[2] if number == len(texts) - 1 else ""
        yield Word(
            opening + text.removesuffix(closing) + closing,
            covered[number].start if alike else edges[number],
            covered[number].end if alike else edges[number + 1],
            covered[number].confidence if alike else confidence,
            spaced=covered[0].spaced if number == 0 else True,
            speaker=covered[0].speaker,
            language=covered[0].language,
            word=text,
            speaker_confidence=covered[0].speaker_confidence,
        )


def _parts(word: Word) -> tuple[str, str, str]:
    """The punctuation before a word, the word as it is written, the punctuation behind it."""
    bare, text = word.bare, word.text
    at = text.lower().find(bare.lower())
    if not bare or at < 0 or len(text.lower()) != len(text):
        return "", "" if not bare else text, ""
    return text[:at], text[at : at + len(bare)], text[at + len(bare) :]
