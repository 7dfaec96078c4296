"""docs/flux.md names every parameter, message, event and code of a turn-based stream as it is."""

import re
from pathlib import Path

import pytest

from ringback.listen.flux_messages import FLUX_MESSAGES, TurnEvent, TurnTrigger
from ringback.listen.flux_parameters import FLUX_PARAMETERS
from ringback.listen.parameter import MANY, Parameter
from ringback.listen.turn_confidence import silence_until

PAGE = (Path(__file__).parents[2] / "docs" / "flux.md").read_text()
ROW = re.compile(r"\| \[`(\w+)`\]\((?:https://developers\.deepgram\.com/)?([\w/.-]+)\) \|(.*)\|")


def row_of(parameter: Parameter) -> list[str]:
    return [
        parameter.page,
        parameter.kind.description,
        f"`{parameter.default}`" if parameter.default else "",
        {1: "", MANY: "yes"}.get(parameter.repeats, f"up to {parameter.repeats}"),
        parameter.description,
    ]


def test_each_parameter_has_its_row() -> None:
    rows = {
        match[1]: [match[2], *(cell.strip() for cell in match[3].split("|"))] for match in ROW.finditer(PAGE)
    }
    assert rows == {parameter.name: row_of(parameter) for parameter in FLUX_PARAMETERS}


@pytest.mark.parametrize(
    "name",
    [
        *(str(type_.__struct_config__.tag) for type_ in FLUX_MESSAGES),
        *TurnEvent,
        *TurnTrigger,
        *("FORCE_END_TURN_NO_ACTIVE_TURN", "UNPARSABLE_CLIENT_MESSAGE", "DATA-0000"),
        *("INTERNAL_SERVER_ERROR", "REQUEST_CANCELLED", "AUDIO_LIMIT_REACHED"),
        *('{"type":"ForceEndTurn"}', '{"type":"Configure", …}', '{"type":"CloseStream"}'),
    ],
)
def test_each_message_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE or f"trigger: {name}`" in PAGE


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_the_waits_are_those_of_the_code(threshold: float) -> None:
    (row,) = re.findall(rf"^\| {threshold}(?:, the default)? \| ([\d.]+) s \| ([\d.]+) s \|$", PAGE, re.M)
    waits = [silence_until(threshold, completeness) for completeness in (0.5, 0.0)]
    assert [float(each) for each in row] == pytest.approx(waits, rel=0.03)
