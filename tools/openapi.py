"""Writes docs/openapi.json and docs/asyncapi.json, the copies of what the server answers at /openapi.json and
/asyncapi.json; run by `make openapi`."""

import json
from pathlib import Path
from typing import Any

from ringback.server.asyncapi import asyncapi
from ringback.server.openapi import openapi
from ringback.server.routes import OPERATIONS

DOCS = Path(__file__).parent.parent / "docs"


def write_copy(name: str, document: dict[str, Any]) -> None:
    (DOCS / name).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write_copy("openapi.json", openapi(OPERATIONS))
    write_copy("asyncapi.json", asyncapi())
