"""Validates live messages with the official SDK's own types, as its socket client does; prints what each is.

Run by `test_live_conversations.py` under the interpreter that has deepgram-sdk 5; it must not import anything
of ours. On stdin: a JSON list of messages.
"""

import json
import sys

from deepgram.core.pydantic_utilities import parse_obj_as
from deepgram.listen.v1.socket_client import V1SocketClientResponse

if __name__ == "__main__":
    parsed = [parse_obj_as(V1SocketClientResponse, message) for message in json.load(sys.stdin)]
    print(json.dumps([message.type for message in parsed]))
