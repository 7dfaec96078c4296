"""Writes docs/openapi.json, the copy of what the server answers at /openapi.json; run by `make openapi`."""

import json
from pathlib import Path

from ringback.server.openapi import openapi
from ringback.server.routes import OPERATIONS

COPY = Path(__file__).parent.parent / "docs" / "openapi.json"

if __name__ == "__main__":
    COPY.write_text(json.dumps(openapi(OPERATIONS), indent=1, ensure_ascii=False) + "\n")
