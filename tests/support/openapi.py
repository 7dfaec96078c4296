"""What goes out is what docs/openapi.json says: answers and callbacks that tests see are held to it."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
ANYWHERE = frozenset({405, 501, 505})
"""Statuses of the server itself, before any operation is found."""


@cache
def description() -> Any:
    """The description, with every object closed: what it does not name may not be there."""
    found = json.loads(DOCUMENT.read_text())
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return found


def check_answer(method: str, target: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Compare an answer with the description of its operation; header names are in lower case."""
    operation = _operation(method, target.partition("?")[0])
    if operation is None or status in ANYWHERE or method == "HEAD":
        return
    assert str(status) in operation["responses"], f"{method} {target}: {status} is not described"
    described = operation["responses"][str(status)]
    if "$ref" in described:
        described = description()["components"]["responses"][described["$ref"].rpartition("/")[2]]
    missing = [name for name in ("dg-request-id", "dg-error") if _lacks(name, described, headers)]
    assert not missing, f"{method} {target}: {status} without {missing}"
    media_type = headers["content-type"].partition(";")[0]
    assert media_type in described["content"], media_type
    content = described["content"][media_type]
    if media_type == "application/json" and "$ref" in str(content["schema"]):
        _check(content["schema"], body, f"{method} {target}: {status}")


def check_callback(headers: Mapping[str, str], body: bytes) -> None:
    """Compare a callback with the webhook that receivers are promised."""
    webhook = description()["webhooks"]["message" if "ringback-sequence" in headers else "result"]["post"]
    missing = [
        each["name"] for each in webhook["parameters"] if each["required"] and each["name"] not in headers
    ]
    assert not missing, f"a callback without {missing}"
    _check(webhook["requestBody"]["content"]["application/json"]["schema"], body, "a callback")


def _operation(method: str, path: str) -> Any:
    for template, operations in description()["paths"].items():
        if re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", template), path):
            return operations.get(method.lower())
    return None


def _lacks(name: str, described: Any, headers: Mapping[str, str]) -> bool:
    return name in described["headers"] and name not in headers


@cache
def _validator(schema: str) -> Draft202012Validator:
    resource = Resource.from_contents(description(), default_specification=DRAFT202012)
    located = json.loads(schema.replace("#/", "description#/"))
    return Draft202012Validator(located, registry=Registry().with_resource("description", resource))


def _check(schema: Any, body: bytes, what: str) -> None:
    faults = sorted(
        _validator(json.dumps(schema)).iter_errors(json.loads(body)), key=lambda fault: fault.path
    )
    assert not faults, f"{what}: {faults[0].message} at {faults[0].json_path}"
