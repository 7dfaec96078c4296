"""The small transducer of the tests (`tools/train_small_transducer.py`), and what it has learnt by heart."""

import json
import re
from pathlib import Path

from ringback.engines.base import ModelInfo
from ringback.engines.transducer_weights import TransducerKind

AUDIO = Path(__file__).parent.parent / "audio"
FOLDER = Path(__file__).parent.parent / "transducer"
MODEL = f"transducer:{FOLDER}"

_DIGITS = dict(enumerate(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], 1))
_LONGEST = 7.0


def _spelled(text: str) -> str:
    digits = re.sub(r"\d", lambda digit: _DIGITS[int(digit[0])], text)
    return " ".join(re.findall(r"[a-z']+", digits.lower()))


SPOKEN = {
    each["path"]: _spelled(each["text"])
    for each in json.loads((AUDIO / "manifest.json").read_text())
    if each["language"] == "en" and each["duration"] < _LONGEST
}
"""The recordings that it knows as a whole, and their words as it writes them."""


def described() -> ModelInfo:
    return TransducerKind().describe(str(FOLDER), FOLDER)
