"""What was found in a sequence of words: entities, each with what it would be written as. Pure.

Entities are found once (`features.entities`); redaction and formatting read the same ones. An entity says
which words it covers, what it is (Deepgram's type in lower case,
https://developers.deepgram.com/docs/supported-entity-types), and how it is written under each option.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class Part:
    """One output word and the input words it covers: `words[first:end]`.

    `text` has no punctuation of the sentence: that of the last input word is added when it is written.
    None: the input words stay as they are.
    """

    first: int
    end: int
    text: str | None
    closes: bool = True
    """Whether it ends with the punctuation behind its last input word."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Something found in `words[first:end]`.

    Its written forms are parts that cover all of its words in order; empty: it is left as it was said.
    """

    first: int
    end: int
    kind: str
    """Deepgram's entity type in lower case; `digits` for a run of digits of no known type."""
    digits: str
    """Every digit said, in order: `2125550101` for “212 555 01 01”. Empty where none was."""
    smart: tuple[Part, ...] = ()
    """What `smart_format` writes."""
    numerals: tuple[Part, ...] = ()
    """What `numerals` writes where `smart_format` was not asked for."""
    measured: tuple[Part, ...] = ()
    """What `measurements` writes, whatever else was asked for: a number with the symbol of its unit."""
    label: str = ""
    """Written in place of all forms, whatever was asked for: `[SSN_1]`."""

    def moved(self, by: int) -> "Entity":
        """The same entity, `by` words further on."""
        return replace(
            self,
            first=self.first + by,
            end=self.end + by,
            smart=_moved(self.smart, by),
            numerals=_moved(self.numerals, by),
            measured=_moved(self.measured, by),
        )


def _moved(parts: tuple[Part, ...], by: int) -> tuple[Part, ...]:
    return tuple(replace(part, first=part.first + by, end=part.end + by) for part in parts)


@dataclass(frozen=True, slots=True)
class Context:
    """What was said around the words in question; cues in it count like cues in the words themselves."""

    before: Sequence[str] = ()
    """The bare words right before the first one (live: of the finals before, the last 8)."""
    others: Sequence[Word] = ()
    """What the other channels of a recording said, in order of time."""


@dataclass(frozen=True, slots=True)
class NumberFormats:
    """The options that decide how entities are written; with none of them only labels are."""

    smart_format: bool = False
    numerals: bool = False
    measurements: bool = False


@dataclass(frozen=True, slots=True)
class FormattedWords:
    """`words` as they are printed; `ranges` holds, for each entity, its output words, the end exclusive."""

    words: tuple[Word, ...]
    ranges: tuple[tuple[int, int], ...]
