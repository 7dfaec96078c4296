"""What of the names model's finds is believed. Pure.

The model takes numbers for house numbers: of a card, an SSN or a time it says LOCATION_ADDRESS. The rules of
the grammar know numbers better, so a find without any word of its own is theirs, but a postcode of which they
know nothing.
"""

from collections.abc import Sequence

from ringback.features.numbers import Atom, AtomKind, atoms_of
from ringback.features.spans import Entity
from ringback.transcript import NamedSpan, Word, overlap


def believed_names(
    words: Sequence[Word], names: Sequence[NamedSpan], entities: Sequence[Entity]
) -> tuple[NamedSpan, ...]:
    """Those of `names` that are no numbers; `entities`: what the rules found in the same words."""
    return tuple(name for name in names if _is_believed(words[name.first : name.end], name, entities))


def _is_believed(covered: Sequence[Word], name: NamedSpan, entities: Sequence[Entity]) -> bool:
    if name.kind not in _OF_NUMBERS or any(_is_word(atom) for atom in atoms_of(covered)):
        return True
    known = any(overlap(name, each) and each.kind not in _UNTYPED for each in entities)
    return name.kind == "location_zip" and not known


def _is_word(atom: Atom) -> bool:
    return atom.kind is AtomKind.OTHER and any(map(str.isalpha, atom.text))


_OF_NUMBERS = ("location_address", "location_zip")
"""The types that the model gives to numbers."""
_UNTYPED = ("cardinal", "digits")
