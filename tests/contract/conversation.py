"""One conversation with the server through an official Python SDK; prints as JSON what came back.

Run by `test_official_sdks.py` under the interpreter that has the SDK version in question; it must not
import anything of ours. Arguments: a JSON object with url, key, clip, media_url and callback_url.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment


def main() -> None:
    given = json.loads(sys.argv[1])
    audio = Path(given["clip"]).read_bytes()
    client = DeepgramClient(api_key=given["key"], environment=environment(given["url"]))
    media = client.listen.v1.media
    messages: dict[str, Any] = {}

    messages["file"] = dump(
        media.transcribe_file(
            request=audio,
            model="nova-3",
            punctuate=True,
            utterances=True,
            diarize=True,
            tag=["a", "b"],
            extra=["k:v"],
            detect_entities=True,
            search=["respectable"],
        )
    )
    messages["url"] = dump(media.transcribe_url(url=given["media_url"], model="nova-2"))
    messages["accepted"] = dump(media.transcribe_file(request=audio, callback=given["callback_url"]))
    messages["chunked"] = dump(media.transcribe_file(request=pieces(audio), model="nova-3"))

    manage = client.manage.v1
    messages["projects"] = dump(manage.projects.list())
    project = messages["projects"]["projects"][0]["project_id"]
    messages["project"] = dump(manage.projects.get(project))
    messages["requests"] = dump(manage.projects.requests.list(project, limit=2.0, method="sync"))
    request_id = messages["file"]["metadata"]["request_id"]
    messages["request"] = dump(manage.projects.requests.get(project, request_id))
    expected = {"comment": "from the SDK", "scopes": ["member"], "time_to_live_in_seconds": 600}
    messages["key"] = dump(manage.projects.keys.create(project, request=expected))
    key_id = messages["key"]["api_key_id"]
    messages["keys"] = dump(manage.projects.keys.list(project))
    messages["one_key"] = dump(manage.projects.keys.get(project, key_id))
    messages["deleted"] = dump(manage.projects.keys.delete(project, key_id))
    messages["models"] = dump(manage.models.list())
    messages["model"] = dump(manage.models.get(messages["models"]["stt"][0]["uuid"]))
    messages["usage"] = dump(manage.projects.usage.get(project))
    messages["balances"] = dump(manage.projects.billing.balances.list(project))

    messages["grant"] = dump(client.auth.v1.tokens.grant(ttl_seconds=30))
    bearer = DeepgramClient(
        access_token=messages["grant"]["access_token"], environment=environment(given["url"])
    )
    messages["with_token"] = dump(bearer.listen.v1.media.transcribe_file(request=audio))

    stranger = DeepgramClient(api_key="f" * 40, environment=environment(given["url"]))
    nowhere = "00000000-0000-4000-8000-000000000000"
    messages["errors"] = {
        "model": error(lambda: media.transcribe_file(request=audio, model="parrot")),
        "audio": error(lambda: media.transcribe_file(request=b"no audio at all")),
        "callback": error(lambda: media.transcribe_file(request=audio, callback="http://10.0.0.1/")),
        "url": error(lambda: media.transcribe_url(url="ftp://example.com/a.wav")),
        "key": error(lambda: stranger.listen.v1.media.transcribe_file(request=audio)),
        "manage_key": error(stranger.manage.v1.projects.list),
        "project": error(lambda: manage.projects.get(nowhere)),
    }
    print(json.dumps(messages))


def environment(url: str) -> DeepgramClientEnvironment:
    """Every endpoint at our server; SDK 5 knows one fewer than SDK 7."""
    ws = url.replace("http", "ws", 1)
    every = {"base": url, "production": ws, "agent": ws, "agent_rest": url}
    known = inspect.signature(DeepgramClientEnvironment).parameters
    return DeepgramClientEnvironment(**{name: value for name, value in every.items() if name in known})


def pieces(audio: bytes) -> Iterator[bytes]:
    yield audio[:10_000]
    yield audio[10_000:]


def dump(result: Any) -> Any:
    return json.loads(result.json())


def error(call: Callable[[], object]) -> dict[str, Any]:
    """The type, status, body and headers of the SDK's exception."""
    try:
        call()
    except ApiError as raised:
        headers = {name.lower(): value for name, value in (raised.headers or {}).items()}
        return {
            "type": type(raised).__name__,
            "status": raised.status_code,
            "body": plain(raised.body),
            "dg-error": headers.get("dg-error"),
        }
    raise AssertionError("the SDK raised nothing")


def plain(body: Any) -> Any:
    return json.loads(body.json()) if hasattr(body, "json") else body


main()
