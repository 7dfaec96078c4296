"""Numbers, terms, search and names: exact and same content on public sets, and what is right on spoken clips.

Nothing of the sets is in this repository: each is named by the path of a copy (see docs/performance/text.md).
Peers run in the same minutes: text2num in this process, wetext in the environment of requirements/rivals.txt.
"""

import csv
import http.client
import json
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

from text_to_num import alpha2digit

from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.text import keyterms, names, search
from bench.text.forms import canonical, digits
from ringback.features.entities import find_entities
from ringback.features.spans import NumberFormats
from ringback.features.writing import write
from ringback.transcript import Word, joined

REPOSITORY = Path(__file__).parent.parent.parent
RIVALS = REPOSITORY / ".venvs" / "rivals" / "bin" / "python"
WETEXT = REPOSITORY / "bench" / "peers" / "wetext_lines.py"
MODELS = ("tiny.en", "base")


@dataclass(frozen=True, slots=True)
class TextSets:
    """Where copies of the sets are; None: not at hand."""

    smart_formatting: Path | None = None
    """deepgram/llm-smart-formatting-benchmark (no licence)."""
    nemo: Path | None = None
    """NVIDIA/NeMo-text-processing (Apache-2.0)."""
    presidio: Path | None = None
    """microsoft/presidio-research (MIT)."""
    pairs: Path | None = None
    """A JSON list of {option, cls, spoken, written, also_fine}."""

    def missing(self) -> str | None:
        """Of the sets that are not at hand, the option that names a copy; None: all are."""
        names_of = [each.name for each in fields(self) if getattr(self, each.name) is None]
        lacking = [f"--{name.replace('_', '-')} PATH" for name in names_of]
        return ", ".join(lacking) or None


@dataclass(frozen=True, slots=True)
class Case:
    """A spoken text, what is wanted of it, and the class that it is counted under."""

    spoken: str
    expected: tuple[str, ...]
    kind: str
    option: str = "smart_format"


def run(sets: TextSets, repeats: int = 5) -> Report:
    report = Report(
        "text",
        "numbers, amounts, dates, ids and addresses, from words to print",
        {
            "exact": "one of the wanted texts, letter by letter",
            "same_content": "case, punctuation, groups of digits, ordinals, scales and units made equal",
            "digits_right": "clips with all digits right and no other, dates and words made equal",
            "ringback": "the entities of `smart_format`, in this process; clips: through the whole server",
            "wetext": "0.1.8, English, inverse; text2num: `alpha2digit`, English",
        },
    )
    for name, cases in _cases(sets):
        _measure(report, name, cases, repeats)
    if sets.smart_formatting is not None:
        _measure_clips(report, sets.smart_formatting / "competitor-formatting")
        for model in MODELS:
            keyterms.measure(report, sets.smart_formatting, model)
    search.measure(report, "tiny.en")
    if sets.presidio is not None:
        names.measure(report, sets.presidio)
        names.measure(report, sets.presidio, spoken=True)
    if lacking := sets.missing():
        report.notes.append(f"not run, for want of a copy (docs/performance/text.md): {lacking}")
        print(f"  {report.notes[-1]}", flush=True)
    return report


def _cases(sets: TextSets) -> Iterator[tuple[str, list[Case]]]:
    if sets.smart_formatting is not None:
        with (sets.smart_formatting / "synthetic_data.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if not row["prompt"]]
        yield (
            "default rows",
            [Case(r["input_text"], (r["expected_output"],), r["entity_class"]) for r in rows],
        )
    if sets.nemo is not None:
        folder = sets.nemo / "tests/nemo_text_processing/en/data_inverse_text_normalization"
        yield (
            "NeMo",
            [
                Case(*_pair(line), path.stem.removeprefix("test_cases_"))
                for path in sorted(folder.glob("*.txt"))
                if not path.stem.endswith("_cased")
                for line in path.read_text().splitlines()
                if "~" in line
            ],
        )
    if sets.pairs is not None:
        pairs = [pair for pair in json.loads(sets.pairs.read_text()) if pair["option"] in FORMATS]
        yield (
            "pairs",
            [Case(p["spoken"], (p["written"], *p["also_fine"]), p["cls"], p["option"]) for p in pairs],
        )


def _pair(line: str) -> tuple[str, tuple[str, ...]]:
    spoken, _, written = line.partition("~")
    return spoken, (written,)


FORMATS = {
    "smart_format": NumberFormats(smart_format=True),
    "numerals": NumberFormats(numerals=True),
    "measurements": NumberFormats(measurements=True),
}


def _ringback(cases: Sequence[Case]) -> list[str]:
    return [_formatted(case) for case in cases]


def _formatted(case: Case) -> str:
    words = [Word(text, i * 0.4, i * 0.4 + 0.3, 1.0) for i, text in enumerate(case.spoken.split())]
    formats = FORMATS[case.option]
    return joined(write(words, find_entities(words, numerals=formats.numerals), formats).words)


def _text2num(cases: Sequence[Case]) -> list[str]:
    return [alpha2digit(case.spoken, "en") for case in cases]


def _wetext(cases: Sequence[Case]) -> list[str]:
    lines = json.dumps([case.spoken for case in cases])
    done = subprocess.run([str(RIVALS), str(WETEXT)], input=lines, capture_output=True, text=True, check=True)
    written: list[str] = json.loads(done.stdout)
    return written


def _untouched(cases: Sequence[Case]) -> list[str]:
    return [case.spoken for case in cases]


SUBJECTS: dict[str, Callable[[Sequence[Case]], list[str]]] = {
    "ringback": _ringback,
    "text2num": _text2num,
    "wetext": _wetext,
    "untouched": _untouched,
}


def _measure(report: Report, name: str, cases: Sequence[Case], repeats: int) -> None:
    words = sum(len(case.spoken.split()) for case in cases)
    for subject, write_all in SUBJECTS.items():
        if subject == "wetext" and not _has_wetext():
            report.notes.append("wetext: not run: it is not in .venvs/rivals (make bench installs it)")
            continue
        written = write_all(cases)
        rounds = repeats if subject in ("ringback", "text2num") else 1
        micros = min(_processor_time(write_all, cases) for _ in range(rounds)) / words * 1e6
        exact = [got in case.expected for got, case in zip(written, cases, strict=True)]
        same = [
            canonical(got) in {canonical(text) for text in case.expected}
            for got, case in zip(written, cases, strict=True)
        ]
        figures = {"exact": _percent(exact), "same_content": _percent(same)}
        if subject in ("ringback", "text2num"):
            figures["cpu_us_a_word"] = round(micros, 1)
        report.add(f"{name}: {subject}", 0, cases=len(cases), **figures)
        if subject == "ringback":
            _judge(report, name, figures)
            report.notes.extend(_by_class(name, cases, exact, same))


def _processor_time(write_all: Callable[[Sequence[Case]], list[str]], cases: Sequence[Case]) -> float:
    started = time.process_time()
    write_all(cases)
    return time.process_time() - started


def _judge(report: Report, name: str, figures: dict[str, float]) -> None:
    if name == "default rows":
        report.aim_at_least("same content, default rows, %", figures["same_content"], 77)
        report.aim_at_most("processor time of formatting, µs a word", figures["cpu_us_a_word"], 20)
    elif name == "pairs":
        report.aim_at_least("pairs as wanted, %", figures["exact"], 92)


def _by_class(name: str, cases: Sequence[Case], exact: Sequence[bool], same: Sequence[bool]) -> Iterator[str]:
    classes: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for case, *right in zip(cases, exact, same, strict=True):
        classes[case.kind].append((right[0], right[1]))
    for kind, found in sorted(classes.items()):
        count = len(found)
        yield f"{name}, {kind}: exact {sum(e for e, _ in found)}, same {sum(s for _, s in found)} of {count}"


def _percent(found: Sequence[bool]) -> float:
    return round(100 * sum(found) / max(1, len(found)), 1)


def _has_wetext() -> bool:
    if not RIVALS.exists():
        return False
    return (
        subprocess.run([str(RIVALS), "-c", "import wetext"], capture_output=True, check=False).returncode == 0
    )


def _measure_clips(report: Report, folder: Path) -> None:
    with (folder / "manifest.csv").open() as file:
        expected = {row["id"]: row["expected_output"] for row in csv.DictReader(file)}
    expected = {name: text for name, text in expected.items() if "XXX" not in text}
    paths = sorted(path for path in (folder / "audio").glob("*/*.mp3") if path.stem in expected)
    with RunningServer() as server:
        for model in MODELS:
            for option in ("smart_format", "punctuate"):
                query = f"model={model}&{option}=true"
                with ThreadPoolExecutor(2) as pool:
                    texts = pool.map(lambda path, query=query: _transcript(server.port, query, path), paths)
                right = [
                    digits(text) == digits(expected[p.stem]) for p, text in zip(paths, texts, strict=True)
                ]
                report.add(f"clips, {model}, {option}", 0, cases=len(paths), digits_right=_percent(right))
                if option == "smart_format":
                    aim = 80 if model == "tiny.en" else 87
                    report.aim_at_least(f"clips with all digits right, {model}, %", _percent(right), aim)


def _transcript(port: int, query: str, path: Path) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {**HEADERS, "content-type": "audio/mpeg"}
    connection.request("POST", f"/v1/listen?{query}", path.read_bytes(), headers)
    document = json.loads(connection.getresponse().read())
    text: str = document["results"]["channels"][0]["alternatives"][0]["transcript"]
    return text
