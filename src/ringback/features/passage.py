"""What every rule of the grammar reads: the atoms of some words, and what was said around them. Pure."""

from bisect import bisect_right
from collections.abc import Container, Sequence
from itertools import pairwise

from ringback.features.numbers import AtomKind, atoms_of
from ringback.features.readings import Number, read_digits, read_number
from ringback.features.spans import Context, Entity, Part
from ringback.features.writing import closing_of, opening_of
from ringback.transcript import Word

OTHER_CHANNELS_SECONDS = 15.0
"""How long before a number another channel's words may ask for it."""
CUE_WORDS = 8
"""How many words before a number may say what it is."""


class Passage:
    """Words of one channel as atoms; rules point into `atoms` and make entities over whole words."""

    def __init__(self, words: Sequence[Word], context: Context) -> None:
        self.words = words
        self.atoms = atoms_of(words)
        self.said = frozenset(atom.text for atom in self.atoms)
        """Every text once: most rules need a word that is hardly ever said."""
        self._numbers: dict[int, Number | None] = {}
        self._digits: dict[int, tuple[str, int] | None] = {}
        self._before = [text.lower() for text in context.before[-CUE_WORDS:]]
        self._others = context.others
        self._other_starts = [word.start for word in context.others]

    def number_at(self, i: int) -> Number | None:
        """`read_number`, once for each atom."""
        if i not in self._numbers:
            self._numbers[i] = read_number(self.atoms, i)
        return self._numbers[i]

    def digits_at(self, i: int) -> tuple[str, int] | None:
        """`read_digits`, once for each atom."""
        if i not in self._digits:
            self._digits[i] = read_digits(self.atoms, i)
        return self._digits[i]

    def text(self, i: int) -> str:
        """The text of atom `i`, which may lie before the first or behind the last: then it is empty."""
        return self.atoms[i].text if 0 <= i < len(self.atoms) else ""

    def original(self, i: int) -> str:
        """The word of atom `i` as the model wrote it, without the punctuation around it."""
        text = self.words[self.atoms[i].word].text
        return text.removeprefix(opening_of(text)).removesuffix(closing_of(text))

    def kind(self, i: int) -> AtomKind:
        return self.atoms[i].kind if 0 <= i < len(self.atoms) else AtomKind.OTHER

    def texts(self, first: int, end: int) -> list[str]:
        return [atom.text for atom in self.atoms[max(0, first) : end]]

    def follows(self, i: int) -> bool:
        """Whether atom `i` exists and no punctuation parts it from the one before."""
        return 0 < i < len(self.atoms) and not self.atoms[i - 1].stop

    def before(self, i: int, count: int = CUE_WORDS) -> list[str]:
        """The last `count` words before atom `i`, the nearest first; then what the other channels asked."""
        own = self.texts(i - count, i)
        if len(own) < count and self._before:
            own = [*self._before[len(own) - count :], *own]
        own.reverse()
        if self._others and i < len(self.atoms):
            own += self._words_of_others(self.words[self.atoms[i].word].start, count)
        return own

    def previous(self, i: int) -> str:
        """The word before atom `i`, also when it was in an earlier final."""
        if i > 0:
            return self.atoms[i - 1].text
        return self._before[-1] if self._before else ""

    def _words_of_others(self, start: float, count: int) -> list[str]:
        end = bisect_right(self._other_starts, start)
        others = self._others[max(0, end - count) : end]
        return [word.bare for word in reversed(others) if start - word.start <= OTHER_CHANNELS_SECONDS]

    def cue(self, i: int, words: Container[str], count: int = CUE_WORDS) -> bool:
        """Whether one of `words` is said in the `count` words before atom `i`."""
        return any(text in words for text in self.before(i, count))

    def is_whole(self, first: int, end: int) -> bool:
        """Whether `atoms[first:end]` are whole words."""
        return first < end and self.atoms[first].first and self.atoms[end - 1].last

    def part(self, first: int, end: int, text: str | None) -> Part:
        return Part(self.atoms[first].word, self.atoms[end - 1].word + 1, text)

    def entity(self, kind: str, digits: str, *parts: Part) -> Entity | None:
        """An entity over the words of `parts`, which follow each other; None where they share a word."""
        for part, following in pairwise(parts):
            if part.end != following.first:
                return None
        smart = () if all(part.text is None for part in parts) else parts
        return Entity(parts[0].first, parts[-1].end, kind, digits, smart)

    def single(self, kind: str, digits: str, first: int, end: int, text: str | None) -> Entity | None:
        """An entity that is written as one word."""
        if not self.is_whole(first, end):
            return None
        return self.entity(kind, digits, self.part(first, end, text))

    def next_word(self, i: int) -> int:
        """The first atom behind the word that atom `i` is a part of."""
        i += 1
        while i < len(self.atoms) and not self.atoms[i].first:
            i += 1
        return i

    def end_atom_from(self, i: int, entity: Entity) -> int:
        """The first atom behind the words of an entity that begins at atom `i`."""
        while i < len(self.atoms) and self.atoms[i].word < entity.end:
            i += 1
        return i
