"""What is said in a live stream is what docs/asyncapi.json says: messages that tests see are held to it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"


@cache
def description() -> Any:
    """The description, with every object closed: what it does not name may not be there."""
    found = json.loads(DOCUMENT.read_text())
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return found


def faults_of(message: Any, prefix: str = "") -> list[str]:
    """What is wrong with a message that the server sends or takes, by its `type`. `prefix`: `Flux`, of
    turn-based streams."""
    described = description()["components"]["messages"].get(prefix + message["type"])
    if described is None:
        return [f"{message['type']} is not described"]
    faults = _validator(described["payload"]["$ref"]).iter_errors(message)
    return [f"{fault.message} at {fault.json_path}" for fault in faults]


def check_sent(message: Any, *, turn_based: bool = False) -> None:
    """A message that the server sent to its client."""
    operation, prefix = ("sendTurnMessages", "Flux") if turn_based else ("sendMessages", "")
    sent = description()["operations"][operation]["messages"]
    assert prefix + message["type"] in {each["$ref"].rpartition("/")[2] for each in sent}
    faults = faults_of(message, prefix)
    assert not faults, f"{message['type']}: {faults[0]}"


@cache
def _validator(reference: str) -> Draft202012Validator:
    resource = Resource.from_contents(description(), default_specification=DRAFT202012)
    registry = Registry().with_resource("description", resource)
    return Draft202012Validator({"$ref": f"description{reference}"}, registry=registry)
