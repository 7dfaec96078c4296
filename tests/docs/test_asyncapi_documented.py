"""docs/asyncapi.json is what the server answers at /asyncapi.json, and describes all that streams say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringback.listen import controls
from ringback.listen.actions import CloseReason
from ringback.listen.controls import CONTROL_MESSAGES, Misread
from ringback.listen.flux_controls import FLUX_CONTROL_MESSAGES, Unparsable, read_flux
from ringback.listen.flux_messages import FLUX_MESSAGES
from ringback.listen.flux_parameters import FLUX_PARAMETERS
from ringback.listen.live_messages import MESSAGES
from ringback.listen.parameter import Mode
from ringback.listen.parameters import PARAMETERS
from ringback.server.asyncapi import asyncapi
from support.asyncapi import faults_of
from support.front import front

ROOT = Path(__file__).parents[2]
COPY = json.loads((ROOT / "docs" / "asyncapi.json").read_text())


def test_the_copy_is_current() -> None:
    assert json.loads(json.dumps(asyncapi())) == COPY, "run `make openapi`"


async def test_the_server_answers_it_to_everybody(tmp_path: Path) -> None:
    async with front(tmp_path) as opened:
        answered = await opened.call("GET", "/asyncapi.json", key=None)
    assert answered.json() == COPY


def test_every_reference_leads_somewhere() -> None:
    found = list(references(COPY))
    assert found
    for reference in found:
        node = COPY
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)


def test_all_that_is_said_is_described() -> None:
    tags = {str(type_.__struct_config__.tag) for type_ in (*MESSAGES, *CONTROL_MESSAGES)}
    flux = {f"Flux{type_.__struct_config__.tag}" for type_ in (*FLUX_MESSAGES, *FLUX_CONTROL_MESSAGES)}
    assert set(COPY["components"]["messages"]) == tags | flux | {"Audio"}
    listen, callback = COPY["channels"]["listen"], COPY["channels"]["callback"]
    assert set(listen["messages"]) == tags | {"Audio"}
    assert set(callback["messages"]) == {"Results", "SpeechStarted", "UtteranceEnd", "Metadata"}
    live = {parameter.name for parameter in PARAMETERS if Mode.LIVE in parameter.modes}
    assert set(listen["bindings"]["ws"]["query"]["properties"]) == live


def test_all_that_is_said_in_turns_is_described() -> None:
    listen, callback = COPY["channels"]["listenTurns"], COPY["channels"]["callbackOfTurns"]
    names = {each.removeprefix("Flux") for each in listen["messages"]}
    assert {"Connected", "TurnInfo", "Warning", "Error", "ForceEndTurn", "Audio"} < names
    assert set(callback["messages"]) == {"FluxConnected", "FluxTurnInfo", "FluxError"}
    query = listen["bindings"]["ws"]["query"]["properties"]
    assert set(query) == {parameter.name for parameter in FLUX_PARAMETERS}


def test_every_close_stands_in_the_page_too() -> None:
    page = (ROOT / "docs" / "live.md").read_text()
    closes = {
        (each["code"], each["reason"])
        for channel in ("listen", "listenTurns")
        for each in COPY["channels"][channel]["x-close"]
    }
    assert closes == {(reason.code, reason.reason) for reason in CloseReason}
    # A client that has left does not read this.
    assert all(reason in page for _code, reason in closes if reason != CloseReason.CLIENT_GONE.reason)


@pytest.mark.parametrize(
    ("message", "good"),
    [
        ({"type": "KeepAlive"}, True),
        ({"type": "CloseStream"}, True),
        ({"type": "Sync"}, True),
        ({"type": "Finalize"}, True),
        ({"type": "Finalize", "channel": None}, True),
        ({"type": "Finalize", "channel": 0}, True),
        ({"type": "Finalize", "channel": 19}, True),
        ({"type": "Finalize", "channel": 20}, False),
        ({"type": "Finalize", "channel": -1}, False),
        ({"type": "Finalize", "channel": "0"}, False),
        ({"type": "Configure"}, True),
        ({"type": "Configure", "features": {"numerals": True}, "keyterms": ["a"]}, True),
        ({"type": "Configure", "processors": {"x": 1}, "language_hints": ["en"]}, True),
        ({"type": "Configure", "keyterms": None, "features": None}, True),
        ({"type": "Configure", "keyterms": "a"}, False),
        ({"type": "Configure", "keyterms": [1]}, False),
        ({"type": "Configure", "features": {"numerals": "yes"}}, False),
        ({"type": "Configure", "feature": {}}, False),
        ({"type": "Close"}, False),
    ],
)
def test_what_clients_say_is_read_as_it_is_described(message: dict[str, Any], good: bool) -> None:
    assert (not faults_of(message)) is good
    assert isinstance(controls.read(json.dumps(message)), Misread) is not good


@pytest.mark.parametrize(
    ("message", "good"),
    [
        ({"type": "ForceEndTurn"}, True),
        ({"type": "CloseStream"}, True),
        ({"type": "KeepAlive"}, True),
        ({"type": "Configure"}, True),
        ({"type": "Configure", "thresholds": {"eot_threshold": 0.8, "eot_timeout_ms": 3000}}, True),
        ({"type": "Configure", "keyterms": ["a"], "language_hints": [], "numerals": True}, True),
        ({"type": "Configure", "keyterms": "a", "thresholds": None}, True),
        ({"type": "Configure", "numerals": "true"}, False),
        ({"type": "Configure", "features": {}}, False),
        ({"type": "Configure", "thresholds": {"eot_threshold": "0.8"}}, False),
        ({"type": "Configure", "thresholds": {"eot": 0.8}}, False),
        ({"type": "Finalize"}, False),
    ],
)
def test_what_clients_say_in_turns_is_read_as_it_is_described(message: dict[str, Any], good: bool) -> None:
    assert (not faults_of(message, "Flux")) is good
    assert isinstance(read_flux(json.dumps(message)), Unparsable) is not good
