"""Entities in a sequence of words: numbers, dates, times, amounts, phone numbers, ids, mail. Pure."""

from collections.abc import Sequence

from ringback.features.spans import Context, Entity
from ringback.transcript import Word

NOTHING_AROUND = Context()


def find_entities(
    words: Sequence[Word], language: str = "en", context: Context = NOTHING_AROUND
) -> tuple[Entity, ...]:
    """The entities of one channel's words, in order, without overlap.

    `language` is a BCP-47 tag; other languages than English have numbers alone, see `numbers.LANGUAGES`.
    """
    return ()


def open_from(words: Sequence[Word], language: str = "en", context: Context = NOTHING_AROUND) -> int:
    """The first word that what is said next may still belong to; the number of words: none.

    A final that ends in a run of digits, a month, a spelled mail address or an amount is open there.
    """
    return len(words)
