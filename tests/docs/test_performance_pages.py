"""The pages of docs/performance/: each has a plot, and its tables, plot and data say the same figures."""

import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.plots.measured import MEASURED, Rounds, cell, lags, seconds, summary_of, typical_and_late
from bench.plots.pictures import PLOTS, Plot, described
from bench.plots.tables import FIGURES, FOLDER, INDEX, MARKED, Figure, figure, pages, tables, with_tables

DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
LARGEST = 40_000  # bytes
FACTS = ["measured", "run it", "peers", "the machine meanwhile", "aim"]
KNOWN = tables()


def name_of(page: Path) -> str:
    return page.relative_to(INDEX.parent).as_posix()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_tables_say_what_the_data_says(page: Path) -> None:
    text = page.read_text()
    assert with_tables(text, KNOWN) == text, (
        "`make plots` writes the tables, after a run of a benchmark or a change of figures.json"
    )


def test_every_table_of_the_data_stands_on_one_page() -> None:
    marked = Counter(mark["name"] for page in pages() for mark in MARKED.finditer(page.read_text()))
    assert marked == dict.fromkeys(KNOWN, 1)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_no_figures_stand_in_a_table_without_data(page: Path) -> None:
    unmarked = MARKED.sub("", page.read_text())
    heads = re.findall(r"^(\|.*)\n\|-", unmarked, re.MULTILINE)
    assert heads == ["| | |"], "what the page is about, or which pages there are"


def test_the_index_has_every_page_once() -> None:
    linked = re.findall(r"\]\(performance/([a-z-]+)\.md\)", INDEX.read_text())
    assert sorted(linked) == sorted(page.stem for page in FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=name_of)
def test_a_page_begins_with_what_was_measured_and_shows_its_plot(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^\| ([^|]+) \| .+ \|$", text.split("![")[0], re.MULTILINE) == FACTS
    ((alternative, picture),) = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text)
    assert picture == f"{page.stem}.svg"
    assert len(alternative) > 60, "it says what the plot shows"


def test_every_page_has_a_plot_and_no_other_is_there() -> None:
    names = sorted(plot.name for plot in PLOTS)
    assert names == sorted(page.stem for page in FOLDER.glob("*.md"))
    assert names == sorted(picture.stem for picture in FOLDER.glob("*.svg"))


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_a_plot_shows_the_figures_of_the_tables(plot: Plot) -> None:
    text = (FOLDER / f"{plot.name}.svg").read_text()
    picture = ElementTree.fromstring(text)
    assert picture.findtext(f".//{DESCRIPTION}") == described(plot, KNOWN), "run `make plots`"
    assert len(text) < LARGEST
    assert not re.search(r"@font-face|@import|url\((?!#)|<image|dc:date", text), "it fetches nothing"


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_bars_are_labelled_with_the_figures_as_they_are_printed(plot: Plot) -> None:
    picture = ElementTree.parse(FOLDER / f"{plot.name}.svg")
    labels = Counter(each.text for each in picture.iter("{http://www.w3.org/2000/svg}text"))
    for panel in plot.panels:
        for series in () if panel.lines else panel.series:
            for row in panel.chosen(KNOWN):
                each = figure(row[series.column], series.part)
                assert labels[each.printed if each else "–"], (panel.title, row)


@pytest.mark.parametrize(
    ("cell", "part", "expected"),
    [
        ("763 (512–991)", 0, Figure("763", 763, 512, 991)),
        ("1,016 (766–1,090)", 0, Figure("1,016", 1016, 766, 1090)),
        ("0.19, 0.65", 1, Figure("0.65", 0.65)),
        ("71,300, 75,930", 1, Figure("75,930", 75_930)),
        ("0.48 (one)", 1, None),
        ("0.27 / 0.21 s", 1, Figure("0.21", 0.21)),
        ("467–515", 1, Figure("515", 515)),
        ("**13.2** (drops text)", 0, Figure("13.2", 13.2)),
        ("–", 0, None),
        ("", 0, None),
    ],
)
def test_a_cell_is_read_as_it_is_printed(cell: str, part: int, expected: Figure | None) -> None:
    assert figure(cell, part) == expected


def test_no_figure_of_a_run_is_kept_twice() -> None:
    typed = {name for name, table in json.loads(FIGURES.read_text()).items() if "rows" in table}
    assert not typed & set(MEASURED)
    assert all(len(row) == len(KNOWN[name].head) for name in MEASURED for row in KNOWN[name].rows)


def one(value: float) -> Rounds:
    return Rounds(value, value, value, 1)


def test_a_result_is_read_with_its_spread(tmp_path: Path) -> None:
    spread = {"median": 1478.0, "min": 1138.0, "max": 1818.0, "repeats": 3}
    (tmp_path / "NAME.json").write_text(json.dumps({"summary": {"ours": {"per_second": spread}}}))
    ours = summary_of("NAME", tmp_path)["ours"]
    assert cell(ours, "per_second") == "1,478 (1,138–1,818)"
    assert cell(ours, "per_minute") == "–", "not measured"
    assert cell({"per_second": one(12_615.4)}, "per_second") == "12,615", "one round has no range"


@pytest.mark.parametrize(
    ("value", "printed"), [(-0.06, "0.00"), (0.3, "0.30"), (0.999, "1.00"), (2.04, "2.0"), (39.6, "40")]
)
def test_seconds_have_two_figures(value: float, printed: str) -> None:
    assert seconds(value) == printed


def test_a_delay_is_told_by_its_median_and_the_late_ones() -> None:
    delay = {"final_p50": one(0.28), "final_p95": one(0.51), "final_count": one(16)}
    assert typical_and_late(delay, "final", seconds) == "0.28, 0.51"
    assert typical_and_late(delay | {"final_count": one(1)}, "final", seconds) == "0.28 (one)"


@pytest.mark.parametrize(
    ("arrived", "printed"),
    [(1.0, "3, 26"), (0.779, "78 % arrived within 20 s"), (0.0, "none arrived within 20 s")],
)
def test_deliveries_that_did_not_come_are_told(arrived: float, printed: str) -> None:
    assert lags({"healthy_arrived": one(arrived), "p50_ms": one(3.3), "p99_ms": one(26.3)}) == printed
