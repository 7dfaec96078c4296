"""What each plot of docs/performance/ shows: columns of tables, and nothing that stands in no table."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.plots.tables import Figure, Table, figure, plain


@dataclass(frozen=True, slots=True)
class Series:
    """A column of a table. Where a cell has several numbers (median, 95 of 100), `part` says which."""

    label: str
    column: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: a group of bars for each row, or lines over the number in the first column."""

    title: str
    table: str
    series: tuple[Series, ...]
    rows: tuple[int, ...] = ()  # none: all
    names: tuple[int, ...] = (0,)  # columns that name a row
    lines: bool = False
    aim: float | None = None

    def chosen(self, known: dict[str, Table]) -> list[list[str]]:
        rows = known[self.table].rows
        return [rows[index] for index in self.rows] if self.rows else rows

    def name_of(self, row: list[str]) -> str:
        return " ".join(filter(None, (plain(row[column]) for column in self.names)))


@dataclass(frozen=True, slots=True)
class Plot:
    name: str  # of the page, and of the file beside it
    panels: tuple[Panel, ...]


def figures(panel: Panel, series: Series, known: dict[str, Table]) -> list[Figure | None]:
    return [figure(row[series.column], series.part) for row in panel.chosen(known)]


def described(plot: Plot, known: dict[str, Table]) -> str:
    """Every figure that a plot shows, as text: it goes into the SVG, for programs that read it out."""
    return "; ".join(_described(plot, known))


def _described(plot: Plot, known: dict[str, Table]) -> Iterator[str]:
    for panel in plot.panels:
        names = [panel.name_of(row) for row in panel.chosen(known)]
        for series in panel.series:
            for name, each in zip(names, figures(panel, series, known), strict=True):
                yield f"{panel.title}, {name}, {series.label}: {each.printed if each else 'not measured'}"


MEDIAN, HIGH = 0, 1  # parts of a cell with the median and what 95 of 100 stay within
LOWEST, HIGHEST = 0, 1  # parts of a cell with nothing but a range
BEFORE, NOW = 0, 1  # parts of a cell with "before → now"
WITH_LANES = (
    0,
    2,
    3,
    4,
    6,
    7,
    8,
    10,
    11,
    12,
)  # rows of the cluster's table but those with all jobs in one lane

PLOTS = (
    Plot(
        "accepts",
        (
            Panel("accepts per second", "accepts", (Series("16 connections", 1), Series("64", 3))),
            Panel("processor time of an accept, µs", "accepts", (Series("64 connections", 5),)),
            Panel(
                "accepts per second with packs (now) and before them (5682c6c), 16 connections",
                "accepts-since",
                tuple(Series(f"round {number}", 1, number - 1) for number in (1, 2, 3)),
            ),
        ),
    ),
    Plot(
        "recordings",
        (
            Panel(
                "25 clips, × real time",
                "recordings-clips",
                (Series("1 at once", 1), Series("4", 2), Series("16", 3)),
            ),
            Panel("ten minutes, × real time", "recordings-long", (Series("one recording", 1),)),
            Panel("ten minutes, word error rate %", "recordings-long", (Series("one recording", 3),)),
        ),
    ),
    Plot(
        "live",
        (
            Panel(
                "seconds over streams",
                "live",
                (
                    Series("first partial, median", 1, MEDIAN),
                    Series("a word shown, median", 2, MEDIAN),
                    Series("final after the endpoint, 95 of 100", 4, HIGH),
                ),
                lines=True,
            ),
            Panel("partials per stream, over streams", "live", (Series("partials", 7),), lines=True),
            Panel(
                "32 and 64 streams, median s",
                "live-now",
                (
                    Series("first partial", 1, MEDIAN),
                    Series("a word shown", 2, MEDIAN),
                    Series("final after the endpoint", 3, MEDIAN),
                ),
            ),
        ),
    ),
    Plot(
        "turns",
        (
            Panel(
                "turns ended in a pause (false cuts), %",
                "turns-cuts",
                (Series("meetings", 1), Series("English", 2), Series("other languages", 4)),
            ),
            Panel("mean wait in English, s", "turns-cuts", (Series("English", 3),)),
            Panel(
                "end reported after it was decided, s, over streams",
                "turns-reported",
                (Series("median", 4, MEDIAN), Series("95 of 100", 4, HIGH)),
                lines=True,
                aim=1.0,
            ),
        ),
    ),
    Plot(
        "deliveries",
        (
            Panel("deliveries per second", "deliveries", (Series("1 receiver", 1), Series("64", 2))),
            Panel(
                "processor time of a delivery, µs",
                "deliveries",
                (Series("lowest", 5, LOWEST), Series("highest", 5, HIGHEST)),
            ),
        ),
    ),
    Plot(
        "memory-and-start",
        (
            Panel("memory, MB", "memory", (Series("idle", 1), Series("peak", 2))),
            Panel("seconds", "start", (Series("before", 2), Series("now", 3)), rows=(0, 1)),
        ),
    ),
    Plot(
        "postgresql",
        (
            Panel(
                "cycles per second, by nodes",
                "cluster",
                (Series("cycles", 4),),
                rows=WITH_LANES,
                names=(0, 1),
            ),
            Panel(
                "processor time of a cycle, ms, by nodes",
                "cluster",
                (Series("the nodes", 5), Series("PostgreSQL", 6)),
                rows=WITH_LANES,
                names=(0, 1),
            ),
            Panel(
                "cycles per second since, by nodes",
                "cluster-since",
                (Series("before", 1, BEFORE), Series("now", 1, NOW)),
            ),
        ),
    ),
    Plot(
        "attack",
        (
            Panel(
                "slowest clip beside each attack, s",
                "attacks",
                (Series("SQLite", 1, 0), Series("PostgreSQL", 1, 1)),
            ),
            Panel(
                "memory of each attack, MiB more",
                "attacks",
                (Series("SQLite", 3, 0), Series("PostgreSQL", 3, 1)),
            ),
        ),
    ),
    Plot(
        "text",
        (
            Panel(
                "same content as wanted, %",
                "formatting",
                tuple(
                    Series(label, column, 1)
                    for column, label in enumerate(("Ringback", "text2num", "wetext", "untouched"), 1)
                ),
            ),
            Panel(
                "found by redact, %",
                "redact",
                (Series("written", 1), Series("grouped", 2), Series("in words", 3)),
                rows=(0, 1, 2, 3),
            ),
        ),
    ),
    Plot(
        "terms",
        (
            Panel(
                "terms written right, of 46",
                "keyterm",
                (Series("tiny.en", 1), Series("base", 2)),
                rows=(0, 1),
            ),
            Panel(
                "found by the names model, %", "names", (Series("written", 2, 0), Series("lower case", 2, 1))
            ),
        ),
    ),
    Plot(
        "speakers",
        (
            Panel("words with the right speaker, %", "speakers", (Series("through the server", 1),)),
            Panel(
                "seconds given to the wrong one, %",
                "speakers-models",
                (Series("before", 1), Series("now", 2)),
            ),
            Panel(
                "the same beside sherpa-onnx, %",
                "speakers-sherpa",
                (Series("ours", 2, 0), Series("sherpa-onnx", 2, 1)),
            ),
        ),
    ),
    Plot(
        "languages",
        (
            Panel(
                "processor seconds per minute of audio",
                "languages",
                (Series("lowest", 1), Series("highest", 2)),
            ),
        ),
    ),
    Plot(
        "understanding",
        (
            Panel(
                "processor time of this server, ms",
                "understanding",
                (Series("1,000 words", 1), Series("an hour of speech", 2)),
            ),
            Panel(
                "questions to a language model",
                "understanding-asked",
                (Series("1,000 words", 1), Series("an hour of speech", 3)),
            ),
        ),
    ),
    Plot(
        "commits",
        (
            Panel(
                "now over 87258ab",
                "commits",
                (Series("per second", 1), Series("processor time", 2)),
                aim=1.0,
            ),
            Panel(
                "now over 5682c6c",
                "commits-latest",
                (Series("per second", 1), Series("processor time", 2)),
                aim=1.0,
            ),
            Panel(
                "now over c70e05d",
                "commits-observed",
                (Series("per second", 1), Series("processor time", 2)),
                aim=1.0,
            ),
        ),
    ),
)
