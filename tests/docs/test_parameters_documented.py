"""docs/parameters.md and the table that parses say the same, both ways."""

import re
from pathlib import Path

import pytest

from ringback.listen.options import MOST_PARAMETERS
from ringback.listen.parameter import AUDIO, EVERY, LIVE, MANY, RECORDED, TEXT, WHOLE, Parameter, Support
from ringback.listen.parameters import PARAMETERS

PAGE = (Path(__file__).parents[2] / "docs" / "parameters.md").read_text()
ROW = re.compile(
    r"\| \[`(?P<name>\w+)`\]\((https://developers\.deepgram\.com/)?(?P<page>[\w/.-]+)\) \|(?P<rest>.*)\|"
)

FOR = {
    EVERY: "all",
    AUDIO: "both",
    RECORDED: "recordings",
    LIVE: "live",
    TEXT: "texts",
    WHOLE: "recordings, texts",
}
ACTED_ON = {Support.SERVED: "yes", Support.IGNORED: "ignored"}


def rows() -> dict[tuple[str, str], list[str]]:
    """By name and where it applies: page, values, default, repeats, for, acted on, meaning."""
    found = {}
    for match in ROW.finditer(PAGE):
        cells = [match["page"], *(cell.strip() for cell in match["rest"].split("|"))]
        assert len(cells) == 7, match[0]
        assert (match["name"], cells[4]) not in found, f"{match['name']} is described twice"
        found[match["name"], cells[4]] = cells
    return found


def row_of(parameter: Parameter) -> list[str]:
    return [
        parameter.page,
        "any" if parameter.support is Support.IGNORED else parameter.kind.description,
        "required" if parameter.required else f"`{parameter.default}`" if parameter.default else "",
        {1: "", MANY: "yes"}.get(parameter.repeats, f"up to {parameter.repeats}"),
        FOR[parameter.modes],
        ACTED_ON[parameter.support],
        parameter.description,
    ]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: f"{p.name}-{FOR[p.modes]}")
def test_each_parameter_has_its_row(parameter: Parameter) -> None:
    assert rows().get((parameter.name, FOR[parameter.modes])) == row_of(parameter)


def test_the_page_names_no_other_parameter() -> None:
    assert set(rows()) == {(parameter.name, FOR[parameter.modes]) for parameter in PARAMETERS}


def test_the_page_tells_the_limit_for_all() -> None:
    assert f"**At most {MOST_PARAMETERS} parameters**" in PAGE
