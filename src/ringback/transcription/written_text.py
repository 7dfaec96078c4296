"""A text that was sent to be read: bytes to characters, and characters to numbered sentences. Pure."""

import codecs
import re
from collections.abc import Iterator

from ringback.errors import Refusal
from ringback.features.written_sentences import written_sentences
from ringback.listen.understanding_rules import MOST_TOKENS, tokens_of, too_long
from ringback.transcript import Word
from ringback.understanding.text import NumberedSentence


def check_text(text: str) -> str:
    """The text itself; raises `Refusal` (400) for one that is empty, no text, or too long."""
    if not text or text.isspace():
        raise Refusal(400, "Bad Request", "Bad Request: the text is empty.")
    if "\0" in text:
        raise Refusal(400, "Bad Request", "Bad Request: the text holds NUL characters: it is no text.")
    if tokens_of(text) > MOST_TOKENS:
        raise too_long()
    return text


def decode_text(data: bytes) -> str:
    """A text as it was stored or fetched. A byte order mark names its encoding, else it is UTF-8.

    Raises `Refusal` (400).
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeError:
        raise Refusal(400, "Bad Request", "Bad Request: the text is not UTF-8.") from None
    return check_text(text)


def sentences_of(text: str) -> list[NumberedSentence]:
    """All words, as white space parts them, in sentences; an empty line ends one, too."""
    return list(_numbered(text))


def _numbered(text: str) -> Iterator[NumberedSentence]:
    first = 0
    for paragraph in _EMPTY_LINE.split(text):
        words = [Word(each, 0.0, 0.0, 1.0) for each in paragraph.split()]
        for sentence in written_sentences(words):
            yield NumberedSentence(sentence.text, first + sentence.first, first + sentence.end - 1)
        first += len(words)


_EMPTY_LINE = re.compile(r"\n\s*\n|\r\s*\r")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
