"""`make plots`: write the tables of docs/performance/ and draw the plots beside the pages.

The same figures give the same files: no date, no random ids. Lines and letters are of a grey that is read on
white and on black; letters are the reader's own font.
"""

import re
import sys

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from bench.plots.pictures import PLOTS, Panel, Plot, described, figures
from bench.plots.tables import FOLDER, Figure, Table, pages, tables, with_tables

GREY = "#7a7a7a"
COLOURS = ("#3f88c5", "#e07a1f", "#3a9d5d", "#a05cc0")  # distinct on white and on black
WIDTH = 8.0  # inches, as are all lengths of a picture
BAR = 0.2
AROUND = 0.9
LINES = 2.4
STYLE = {
    "svg.hashsalt": "ringback",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def main() -> int:
    known = tables()
    for page in pages():
        page.write_text(with_tables(page.read_text(), known))
    with mpl.rc_context(STYLE):
        for plot in PLOTS:
            _draw(plot, known)
    return 0


def _draw(plot: Plot, known: dict[str, Table]) -> None:
    heights = [_height(panel, known) for panel in plot.panels]
    picture = Picture(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = picture.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
    for panel, each in zip(plot.panels, axes[:, 0], strict=True):
        (_lines if panel.lines else _bars)(each, panel, known)
        each.set_title(panel.title, loc="left", fontsize=10)
        if len(panel.series) > 1:
            each.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    file = FOLDER / f"{plot.name}.svg"
    about = {"Title": plot.name, "Description": described(plot, known), "Date": None, "Creator": None}
    picture.savefig(file, transparent=True, metadata=about)
    file.write_text(_compact(file.read_text()))


def _compact(svg: str) -> str:
    """Half as large: hundredths of a point, and each path on a line of its own."""
    svg = re.sub(r"d=\"[^\"]*\"", lambda path: " ".join(path[0].split()).replace(' "', '"'), svg)
    svg = re.sub(r'<g id="[a-z0-9_]+">', "<g>", svg)  # nothing refers to a group
    svg = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), svg)
    return "".join(f"{line.strip()}\n" for line in svg.splitlines())


def _height(panel: Panel, known: dict[str, Table]) -> float:
    if panel.lines:
        return LINES
    return AROUND + BAR * (len(panel.series) + 0.6) * len(panel.chosen(known))


def _bars(axes: Axes, panel: Panel, known: dict[str, Table]) -> None:
    rows = panel.chosen(known)
    thick = 0.8 / len(panel.series)
    for number, series in enumerate(panel.series):
        drawn = [
            (row + (number - (len(panel.series) - 1) / 2) * thick, each)
            for row, each in enumerate(figures(panel, series, known))
        ]
        measured = [(place, each) for place, each in drawn if each]
        axes.barh(
            [place for place, _ in measured],
            [each.value for _, each in measured],
            height=thick * 0.9,
            color=COLOURS[number],
            label=series.label,
            clip_on=False,
        )
        for place, each in drawn:
            _value(axes, place, each)
    axes.set_yticks(range(len(rows)), [panel.name_of(row) for row in rows])
    axes.margins(x=0.12)  # room for the figures
    axes.set_ylim(len(rows) - 0.4, -0.6)  # the first row is uppermost
    if panel.aim is not None:
        axes.axvline(panel.aim, color=GREY, linestyle="dashed", linewidth=1)


def _value(axes: Axes, place: float, each: Figure | None) -> None:
    """The figure at the end of its bar, behind the line from the lowest to the highest of its rounds."""
    end = 0.0
    if each:
        end = each.value
        if each.lowest is not None and each.highest is not None:
            axes.plot([each.lowest, each.highest], [place, place], color=GREY, linewidth=1.2, clip_on=False)
            end = max(end, each.highest)
    axes.annotate(
        each.printed if each else "–",
        (end, place),
        xytext=(4, 0),
        textcoords="offset points",
        verticalalignment="center",
        fontsize=8,
    )


def _lines(axes: Axes, panel: Panel, known: dict[str, Table]) -> None:
    over = [int(panel.name_of(row)) for row in panel.chosen(known)]
    for number, series in enumerate(panel.series):
        found = figures(panel, series, known)
        measured = [(x, each.value) for x, each in zip(over, found, strict=True) if each]
        axes.plot(*zip(*measured, strict=True), color=COLOURS[number], marker="o", label=series.label)
    axes.set_xticks(over)
    if panel.aim is not None:
        axes.axhline(panel.aim, color=GREY, linestyle="dashed", linewidth=1)
    axes.set_ylim(bottom=0)


if __name__ == "__main__":
    sys.exit(main())
