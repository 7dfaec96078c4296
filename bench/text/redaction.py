"""Redaction: how much of what is sensitive is found, and how much of what is claimed is right.

    python -m bench.text.redaction PATH

PATH is `synth_dataset_v2.json` of microsoft/presidio-research (MIT), which is not in this repository. Its
sentences of one line are taken in three forms: as written, with numbers in groups as Whisper writes them,
and as spoken, in lower case without punctuation. `found`: of these spans no character is left; `right`: of
the spans with this label, how many touch one of this type. `visible`: the share of the digits of cards,
social security and phone numbers and IBANs that is left. False alarms: labels in sentences that have
nothing sensitive.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ringback.features.finish import finish
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, Transcript, Word

TYPES = {
    "CREDIT_CARD": ("credit_card",),
    "US_SSN": ("ssn",),
    "PHONE_NUMBER": ("phone_number",),
    "IBAN_CODE": ("bank_account", "account_number"),
    "EMAIL_ADDRESS": ("email_address",),
    "IP_ADDRESS": ("ip_address",),
    "AGE": ("age",),
    "ZIP_CODE": ("location_zip",),
    "US_DRIVER_LICENSE": ("driver_license",),
}
NUMBERS = ("CREDIT_CARD", "US_SSN", "PHONE_NUMBER", "IBAN_CODE")
OPTIONS = ListenOptions(punctuate=True, redact=("pci", "pii", "bank_account", "driver_license"))
DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class Span:
    """A sensitive span: its words `first` ≤ i < `end` and its type in the data."""

    first: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Sentence:
    words: tuple[str, ...]
    spans: tuple[Span, ...]


def read_sentences(path: Path) -> list[dict[str, object]]:
    """Those of one line."""
    return [each for each in json.loads(path.read_text()) if "\n" not in each["full_text"]]


def as_form(sentence: dict[str, object], write: Callable[[str, str], str], plain: bool) -> Sentence:
    """The sentence in words, each span written by `write(type, value)`."""
    text = str(sentence["full_text"])
    spans = sorted(sentence["spans"], key=lambda span: span["start_position"])  # type: ignore[call-overload]
    words: list[str] = []
    found: list[Span] = []
    glued = False
    at = 0
    for span in spans:
        before = text[at : span["start_position"]]
        words = _appended(words, before, glued, plain)
        glued = not before[-1:].isspace() and bool(before)
        value = write(span["entity_type"], span["entity_value"])
        first = len(words) - (1 if glued and words else 0)
        words = _appended(words, value, glued, plain)
        found.append(Span(first, len(words), span["entity_type"]))
        at = span["end_position"]
        glued = not text[at : at + 1].isspace()
    words = _appended(words, text[at:], glued, plain)
    return Sentence(tuple(words), tuple(found))


def _appended(words: list[str], text: str, glued: bool, plain: bool) -> list[str]:
    if plain:
        text = re.sub(r"[.,?!;:\"]+(\s|$)", r"\1", text.lower())
    more = text.split()
    if glued and words and more and not text[:1].isspace():
        return [*words[:-1], words[-1] + more[0], *more[1:]]
    return [*words, *more]


def written(kind: str, value: str) -> str:
    return value


def grouped(chooser: random.Random) -> Callable[[str, str], str]:
    """Digits in groups of 1 to 4, parted by spaces, hyphens or commas, as a recogniser writes them."""

    def write(kind: str, value: str) -> str:
        if kind not in NUMBERS:
            return value
        joint = chooser.choice([" ", " ", "-", ", "])
        text = re.sub(r"[^0-9A-Za-z]", "", value)
        groups = []
        while text:
            size = chooser.choice([1, 2, 3, 3, 4, 4])
            groups.append(text[:size])
            text = text[size:]
        return joint.join(groups)

    return write


def spoken(chooser: random.Random) -> Callable[[str, str], str]:
    """Digit by digit, a zero now and then as "oh", two alike as "double"."""

    def write(kind: str, value: str) -> str:
        if kind == "EMAIL_ADDRESS":
            return value.lower().replace("@", " at ").replace(".", " dot ")
        if kind not in NUMBERS:
            return value.lower()
        return " ".join(_said(re.sub(r"[^0-9A-Za-z]", "", value).lower(), chooser))

    return write


def _said(text: str, chooser: random.Random) -> Iterator[str]:
    at = 0
    while at < len(text):
        word = DIGIT_WORDS[int(text[at])] if text[at].isdigit() else text[at]
        if text[at] == "0" and chooser.random() < 0.5:
            word = "oh"
        if text[at].isdigit() and text[at : at + 2] == text[at] * 2 and chooser.random() < 0.3:
            yield "double"
            at += 1
        yield word
        at += 1


def redacted(sentence: Sentence) -> tuple[list[tuple[int, int, str]], set[int]]:
    """The labels with the words that they stand for, and the words that are left."""
    words = tuple(Word(text, float(i), i + 0.5, 0.9) for i, text in enumerate(sentence.words))
    transcript = Transcript(float(len(words)), (Channel(Alternative(words)),))
    labels: list[tuple[int, int, str]] = []
    not_hidden: set[int] = set()
    for word in finish(transcript, OPTIONS).transcript.channels[0].alternative.words:
        label = re.search(r"\[([A-Z_]+?)(_\d+)?\]", word.text)
        first, end = int(word.start), int(word.end - 0.5) + 1
        if label is None:
            not_hidden.update(range(first, end))
        else:
            labels.append((first, end, label[1].lower()))
    return labels, not_hidden


@dataclass(slots=True)
class Score:
    spans: Counter[str]
    found: Counter[str]
    claimed: Counter[str]
    right: Counter[str]
    digits: int = 0
    visible: int = 0
    clean: int = 0
    alarms: int = 0
    words: int = 0
    seconds: float = 0.0


def score(sentences: Sequence[Sentence]) -> Score:
    total = Score(Counter(), Counter(), Counter(), Counter())
    began = time.process_time()
    for sentence in sentences:
        labels, not_hidden = redacted(sentence)
        total.words += len(sentence.words)
        for span in sentence.spans:
            total.spans[span.kind] += 1
            total.found[span.kind] += not not_hidden & set(range(span.first, span.end))
            if span.kind in NUMBERS:
                total.digits += span.end - span.first
                total.visible += len(not_hidden & set(range(span.first, span.end)))
        for first, end, label in labels:
            total.claimed[label] += 1
            total.right[label] += any(
                span.first < end and first < span.end and label in TYPES.get(span.kind, ())
                for span in sentence.spans
            )
        if not sentence.spans:
            total.clean += 1
            total.alarms += bool(labels)
    total.seconds = time.process_time() - began
    return total


def show(name: str, total: Score) -> None:
    print(f"\n{name}: {total.words} words, {1e6 * total.seconds / total.words:.0f} µs a word")
    for kind, labels in TYPES.items():
        claimed = sum(total.claimed[label] for label in labels)
        right = sum(total.right[label] for label in labels)
        print(
            f"  {kind:18} found {_share(total.found[kind], total.spans[kind])} of {total.spans[kind]:4},"
            f" right {_share(right, claimed)} of {claimed:4}"
        )
    print(f"  words of numbers left visible: {_share(total.visible, total.digits)}")
    print(f"  false alarms: {total.alarms} of {total.clean} sentences without anything sensitive")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f} %" if whole else "   –   "


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    if not path.is_file():
        raise SystemExit(
            f"There is no {path}: fetch data/synth_dataset_v2.json of microsoft/presidio-research."
        )
    sentences = read_sentences(path)
    forms = (
        ("as written", written, False),
        ("as Whisper groups", grouped(random.Random(1)), False),
        ("as spoken", spoken(random.Random(1)), True),
    )
    print(f"{len(sentences)} sentences")
    for name, write, plain in forms:
        show(name, score([as_form(sentence, write, plain) for sentence in sentences]))


if __name__ == "__main__":
    main()
