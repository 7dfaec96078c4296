"""Texts and a recording understood through an official Python SDK; prints as JSON what came back.

Run by `test_understanding_sdks.py` under the interpreter that has the SDK version in question; it must not
import anything of ours. Argument: a JSON object with url, key, clip, text, text_url, callback_url and tag.
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment

ALL = {"topics": True, "intents": True, "sentiment": True}


def main() -> None:
    given = json.loads(sys.argv[1])
    client = DeepgramClient(api_key=given["key"], environment=environment(given["url"]))
    text = client.read.v1.text
    answers: dict[str, Any] = {}
    analyze_parameters = {
        "language": "en",
        "summarize": True,
        **ALL,
        "custom_topic": ["Refund"],
        "tag": ["a", "b"],
    }
    read = text.analyze(request={"text": given["text"]}, **analyze_parameters)
    answers["read"] = dump(read)
    answers["read_as_user"] = {
        "request_id": read.metadata.request_id,
        "summary": read.results.summary.text,
        "topic": at(at(at(read.results.topics, "segments")[0], "topics")[0], "topic"),
    }
    answers["read_url"] = dump(
        text.analyze(request={"url": given["text_url"]}, language="en", sentiment=True)
    )
    called_back = {"callback": given["callback_url"], "callback_method": "PUT", "tag": given["tag"]}
    try:
        accepted = text.analyze(request={"text": given["text"]}, language="en", summarize="v2", **called_back)
        answers["accepted"] = dump(accepted)
    except ValueError as unreadable:  # SDK 5 knows no other answer than a result, and sends this all the same
        answers["accepted"] = {"unreadable": type(unreadable).__name__}
    audio = Path(given["clip"]).read_bytes()
    answers["heard"] = dump(client.listen.v1.media.transcribe_file(request=audio, summarize="v2", **ALL))
    answers["error"] = error(lambda: text.analyze(request={"text": "Hello."}, sentiment=True))
    print(json.dumps(answers))


def environment(url: str) -> DeepgramClientEnvironment:
    """Every endpoint at our server; SDK 5 knows one fewer than SDK 7."""
    ws = url.replace("http", "ws", 1)
    every = {"base": url, "production": ws, "agent": ws, "agent_rest": url}
    known = inspect.signature(DeepgramClientEnvironment).parameters
    return DeepgramClientEnvironment(**{name: value for name, value in every.items() if name in known})


def at(part: Any, name: str) -> Any:
    """What SDK 7 has types for; 5 and 6 keep the flat form, which they do not know, as dictionaries."""
    return part[name] if isinstance(part, dict) else getattr(part, name)


def dump(result: Any) -> Any:
    return json.loads(result.json())


def error(call: Any) -> dict[str, Any]:
    try:
        call()
    except ApiError as raised:
        body = raised.body
        return {
            "status": raised.status_code,
            "body": json.loads(body.json()) if hasattr(body, "json") else body,
        }
    raise AssertionError("the SDK raised nothing")


main()
