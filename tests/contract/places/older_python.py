"""One conversation through the Python SDK of generation 3 or 4; prints as JSON what came back.

Run by `test_other_clients.py` under the interpreter that has the version in question; it must not import
anything of ours. Argument: a JSON object with url, key, clip, media_url and callback_url.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from deepgram import (
    DeepgramClient,
    DeepgramClientOptions,
    LiveOptions,
    LiveTranscriptionEvents,
    PrerecordedOptions,
)


def main() -> None:
    given = json.loads(sys.argv[1])
    client = DeepgramClient(given["key"], DeepgramClientOptions(url=given["url"]))
    audio = Path(given["clip"]).read_bytes()
    rest = client.listen.rest.v("1")
    manage = client.manage.v("1")
    answers: dict[str, Any] = {}
    options = PrerecordedOptions(model="nova-2", punctuate=True, utterances=True, tag=["a", "b"])
    answers["file"] = rest.transcribe_file({"buffer": audio}, options).to_dict()
    answers["url"] = rest.transcribe_url({"url": given["media_url"]}, options).to_dict()
    accepted = rest.transcribe_file_callback({"buffer": audio}, given["callback_url"], options)
    answers["accepted"] = accepted.to_dict()

    project = manage.get_projects().projects[0].project_id
    answers["requests"] = manage.get_usage_requests(project, {}).to_dict()
    answers["request"] = manage.get_usage_request(
        project, answers["file"]["metadata"]["request_id"]
    ).to_dict()
    answers["called_back"] = manage.get_usage_request(project, answers["accepted"]["request_id"]).to_dict()
    answers["usage"] = manage.get_usage_summary(project, {}).to_dict()
    answers["fields"] = manage.get_usage_fields(project, {}).to_dict()
    made = manage.create_key(project, {"comment": "from the SDK", "scopes": ["member"]}).to_dict()
    answers["key"] = made
    answers["keys"] = manage.get_keys(project).to_dict()
    answers["deleted"] = manage.delete_key(project, made["api_key_id"]).to_dict()
    answers["models"] = manage.get_models().to_dict()
    answers["live"] = live(client, audio)
    print(json.dumps(answers, default=str))


def live(client: Any, audio: bytes) -> list[Any]:
    """The final transcripts of a stream of the whole file."""
    transcribed: list[Any] = []
    closed = threading.Event()
    socket = client.listen.websocket.v("1")

    def transcript(_: Any, result: Any, **__: Any) -> None:
        if result.is_final:
            transcribed.append(result.channel.alternatives[0].transcript)

    def close(*_: Any, **__: Any) -> None:
        closed.set()

    socket.on(LiveTranscriptionEvents.Transcript, transcript)
    socket.on(LiveTranscriptionEvents.Close, close)
    assert socket.start(LiveOptions(model="nova-2", punctuate=True, interim_results=True))
    for start in range(0, len(audio), 4_096):
        socket.send(audio[start : start + 4_096])
    socket.send(json.dumps({"type": "CloseStream"}))
    closed.wait(60)
    socket.finish()
    return transcribed


main()
