"""What a `prompt` asks for: terms to expect, or prose in whose manner to go on. Pure.

Whisper reads a prompt as the text before the recording, so people write glossaries into it
(https://developers.openai.com/api/docs/guides/speech-to-text#prompting). The recogniser here expects terms
(`keyterm`), which a list holds; prose does not.
"""

import re

MOST_TERM_WORDS = 4
"""An item of a list with more words than this is taken for prose."""


def terms_in(prompt: str) -> tuple[str, ...] | None:
    """The terms of a prompt that is a list: its lines, or what stands between its commas, each once. None: it
    is prose."""
    listed = _LABEL.sub("", prompt.strip())
    items = [item.strip() for item in re.split(r"[\n\r,;]+", listed)]
    terms = [_without_stop(item) for item in items if item]
    if not terms or any(_is_prose(term) for term in terms):
        return None
    return tuple(dict.fromkeys(terms))


def _is_prose(item: str) -> bool:
    return len(item.split()) > MOST_TERM_WORDS or bool(_SENTENCE_END.search(item))


def _without_stop(item: str) -> str:
    """The last point of a list is not the term's, as it may be in `B.R.I.C.K.`; of several words it ends a
    sentence, and stays."""
    one_word = len(item.split()) == 1
    return item[:-1] if one_word and item.endswith(".") and "." not in item[:-1] else item


_LABEL = re.compile(r"^[^\W\d_]+(?: [^\W\d_]+){0,2}:(?:\s+|$)")
"""`Glossary: ` before the first term."""

_SENTENCE_END = re.compile(r"\s\S*[^\s.][.!?…]+$|[!?…]$|\.\.\.|…")
"""Of several words, the last ends as a sentence does; or something is left open."""
