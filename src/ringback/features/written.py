"""What the model itself wrote as it is printed: `20%`, `3/10/2022`, `1980s`. Pure.

Nothing of it is changed; it is found so that it can be reported and redacted.
"""

import re

from ringback.features.passage import Passage
from ringback.features.spans import Entity

_KINDS = (
    ("percent", re.compile(r"-?\d[\d,]*(?:\.\d+)?%")),
    ("date", re.compile(r"\d{1,2}/\d{1,2}/(?:\d{2}|\d{4})|(?:19|20)\d\d-\d\d-\d\d|'?\d{2,4}'?s")),
    ("cardinal", re.compile(r"\d[\d,]*(?:\.\d+)?[kmb]?|\d+/\d+")),
)


def find_written(passage: Passage, i: int) -> Entity | None:
    """The entity that atom `i` is by its writing alone."""
    text = passage.text(i)
    if not any("0" <= character <= "9" for character in text):
        return None
    for kind, pattern in _KINDS:
        if pattern.fullmatch(text):
            word = passage.atoms[i].word
            return Entity(word, word + 1, kind, "".join(each for each in text if each.isdigit()))
    return None
