"""Validates live messages with the official SDK's own types, as its socket client does; prints what each is.

Run by `test_live_conversations.py` under the interpreter that has deepgram-sdk 5; it must not import anything
of ours. On stdin: a JSON list of messages.
"""

import json
import sys
from typing import Any, cast

from deepgram.core.pydantic_utilities import parse_obj_as
from deepgram.listen.v1.socket_client import V1SocketClientResponse

CLIENT_RESPONSE = cast(Any, V1SocketClientResponse)
"""A union; `parse_obj_as` takes it, its annotation does not say so."""

if __name__ == "__main__":
    parsed: list[Any] = [parse_obj_as(CLIENT_RESPONSE, message) for message in json.load(sys.stdin)]
    print(json.dumps([message.type for message in parsed]))
