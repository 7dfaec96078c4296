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
    messages["walk"] = walk(client, project, messages["models"]["stt"][0]["uuid"])

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


def walk(client: Any, project: str, model: str) -> dict[str, Any]:
    """Every other call of the SDK's management: what came back, or the error; None: there is no such call."""
    projects, nobody = client.manage.v1.projects, "00000000-0000-4000-8000-000000000000"
    members, billing = projects.members, projects.billing
    calls: dict[str, Callable[[], Any]] = {
        "update": lambda: projects.update(project, name="renamed by an SDK"),
        "models": lambda: projects.models.list(project),
        "model": lambda: projects.models.get(project, model),
        "usage breakdown": lambda: projects.usage.breakdown.get(project, grouping="tags", tag="a"),
        "usage fields": lambda: projects.usage.fields.list(project, start="2001-01-01"),
        "usage by key": lambda: projects.usage.get(project, accessor=nobody, punctuate=True),
        "members": lambda: members.list(project),
        "invites": lambda: members.invites.list(project),
        "purchases": lambda: billing.purchases.list(project, limit=10.0),
        "billing breakdown": lambda: billing.breakdown.list(project),
        "billing fields": lambda: billing.fields.list(project),
        "credentials": lambda: client.self_hosted.v1.distribution_credentials.list(project),
        "invite": lambda: members.invites.create(project, email="a@b.example", scope="member"),
        "no invite": lambda: members.invites.delete(project, "a@b.example"),
        "member": lambda: members.delete(project, nobody),
        "scopes": lambda: members.scopes.list(project, nobody),
        "scope": lambda: members.scopes.update(project, nobody, scope="admin"),
        "balance": lambda: billing.balances.get(project, nobody),
        "leave": lambda: projects.leave(project),
    }
    return {name: outcome(call) for name, call in calls.items()}


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return dump(call())
    except AttributeError:
        return None
    except ApiError as raised:
        return {"status": raised.status_code, "body": plain(raised.body)}


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
