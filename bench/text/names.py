"""The names model: how many names and places it finds, and how much of what it claims is right.

`python -m bench.text.names PRESIDIO [spoken]`: the one-line sentences of `data/synth_dataset_v2.json` in
a copy of microsoft/presidio-research (MIT); with `spoken` in lower case and without punctuation.
"""

import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

from bench.harness.report import Report
from ringback.engines.name_spans import pieces
from ringback.engines.names import NamesModel, model_folder

WORDS_AN_HOUR = 9_840
"""The cost is that of an hour's transcript, in pieces as the server asks for it."""

EXPECTED = {
    "PERSON": {"name_given", "name_family"},
    "STREET_ADDRESS": {"location_address", "location_city", "location_state", "location_zip"},
    "GPE": {"location_city", "location_state"},
}


def measure(report: Report, presidio: Path, *, spoken: bool = False) -> None:
    folder = model_folder()
    if folder is None:
        report.notes.append("names: not run: the names model is not installed (make setup EXTRAS=redact)")
        return
    rows = json.loads((presidio / "data" / "synth_dataset_v2.json").read_text())
    rows = [row for row in rows if "\n" not in row["full_text"]]
    spans = [[match.span() for match in re.finditer(r"\S+", row["full_text"])] for row in rows]
    texts = [
        [_as_heard(row["full_text"][first:end], spoken) for first, end in words]
        for row, words in zip(rows, spans, strict=True)
    ]
    model = NamesModel(folder)
    found = model.find(texts)
    words_in_all = [word for text in texts for word in text][:WORDS_AN_HOUR]
    began = time.process_time()
    model.find([piece for _, piece in pieces(words_in_all)])
    seconds = time.process_time() - began
    said, hit, claimed, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row, words, names in zip(rows, spans, found, strict=True):
        kinds = {number: name.kind for name in names for number in range(name.first, name.end)}
        truth = [(span["entity_type"], span["start_position"], span["end_position"]) for span in row["spans"]]
        for kind, first, end in truth:
            if kind in EXPECTED:
                said[kind] += 1
                hit[kind] += any(
                    kinds.get(number) in EXPECTED[kind]
                    for number, (start, stop) in enumerate(words)
                    if start < end and first < stop
                )
        for number, name in kinds.items():
            group = "names" if name.startswith("name") else "places" if name.startswith("location") else name
            start, stop = words[number]
            there = {kind for kind, first, end in truth if start < end and first < stop}
            claimed[group] += 1
            right[group] += bool(there & _FITTING.get(group, set()))
    form = ", as spoken" if spoken else ""
    for kind in said:
        found_percent = round(100 * hit[kind] / said[kind], 1)
        report.add(f"names{form}: {kind}", 0, cases=said[kind], found_percent=found_percent)
    for group in claimed:
        right_percent = round(100 * right[group] / claimed[group], 1)
        report.add(f"names{form}: {group} claimed", 0, words=claimed[group], right_percent=right_percent)
    total = len(words_in_all)
    report.add(f"names{form}", 0, words=total, cpu_s_an_hour=round(seconds / total * WORDS_AN_HOUR, 2))


_FITTING = {
    "names": {"PERSON", "TITLE"},
    "places": {"STREET_ADDRESS", "GPE", "ZIP_CODE"},
    "email_address": {"EMAIL_ADDRESS"},
    "url": {"DOMAIN_NAME"},
}


def _as_heard(word: str, spoken: bool) -> str:
    return re.sub(r"[^\w@.'-]", "", word.lower()).strip(".") or "." if spoken else word


if __name__ == "__main__":
    measure(Report("text", "names", {}), Path(sys.argv[1]), spoken="spoken" in sys.argv)
