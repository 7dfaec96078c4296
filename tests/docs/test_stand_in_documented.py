"""docs/stand-in.md names every field of a script, of a record, and every method of the fixture."""

from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from ringback.stand_in.records import CallbackTry, RecordedRequest
from ringback.stand_in.script import Close, Rule, Saying, Script, When, read_script
from ringback.stand_in.server import StandIn

PAGE = (Path(__file__).parents[2] / "docs" / "stand-in.md").read_text()


@pytest.mark.parametrize("type_", [Script, Rule, When, Saying, Close])
def test_each_field_of_a_script(type_: type[msgspec.Struct]) -> None:
    missing = [
        field.name
        for field in msgspec.structs.fields(type_)
        if f"`{field.name}`" not in PAGE and f'"{field.name}"' not in PAGE
    ]
    assert not missing


@pytest.mark.parametrize("type_", [RecordedRequest, CallbackTry])
def test_each_field_of_a_record(type_: type[RecordedRequest | CallbackTry]) -> None:
    assert [
        field.name for field in fields(type_) if f"`{field.name}`" not in PAGE and field.name != "body"
    ] == []


def test_each_method_of_the_fixture() -> None:
    inside = {"start", "stop", "serve"}  # `with` calls them
    public = [name for name in vars(StandIn) if not name.startswith("_") and name not in inside]
    assert [name for name in public if f"`{name}" not in PAGE] == []


def test_its_script_is_one() -> None:
    text = PAGE.partition("```json\n")[2].partition("```")[0]
    assert read_script(text).rules
