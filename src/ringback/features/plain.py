"""Plain words, as without `punctuate`: https://developers.deepgram.com/docs/punctuation. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ringback.features.edits import Edit
from ringback.transcript import Word


def plain(words: Sequence[Word]) -> list[Edit]:
    """Each word in its bare form; one that is nothing but punctuation goes."""
    edits = []
    for at, word in enumerate(words):
        bare = _bare(word)
        if bare != word.text or (word.word is not None and word.word != bare):
            own = None if word.word is None else bare
            edits.append(Edit(at, at + 1, (replace(word, text=bare, word=own),) if bare else ()))
    return edits


def _bare(word: Word) -> str:
    """The bare form of a label has the punctuation that followed: here it goes, too."""
    if word.word is None:
        return word.bare
    label = _LABEL.search(word.word)
    return word.word if label is None else label[0]


_LABEL = re.compile(r"\[[A-Z_]+(_[0-9]+)?\]")
