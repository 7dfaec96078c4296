"""Which languages the text options act on. Pure."""

from ringback.transcript import base_language

_WITH_NUMBERS = frozenset(["en", "fr", "es", "pt", "de", "nl", "it", "da"])
"""Those whose number words text2num 3.1 reads. Deepgram's `numerals` has more: sv no pl ru ro bg he ja ko ms
zh-HK (https://developers.deepgram.com/docs/numerals); in those, numbers stay as the model writes them."""


def is_english(language: str) -> bool:
    """`language` is a BCP-47 tag."""
    return number_language(language) == "en"


def number_language(language: str) -> str | None:
    """The language whose number words are read, as ISO 639-1; None: nothing here reads them."""
    primary = base_language(language).partition("_")[0]
    return primary if primary in _WITH_NUMBERS else None
