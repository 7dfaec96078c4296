"""OpenAI's Python client, unchanged, against our server; prints as JSON what it handed to its user."""

import json
import sys
from typing import Any

import openai

given = json.loads(sys.argv[1])
client = openai.OpenAI(base_url=f"{given['url']}/v1", api_key=given["key"], max_retries=0)
answers: dict[str, Any] = {}


def transcribe(**options: Any) -> Any:
    with open(given["clip"], "rb") as clip:  # noqa: PTH123 - as their documentation does it
        return client.audio.transcriptions.create(file=clip, **{"model": "whisper-1", **options})


def refusal_of(**options: Any) -> dict[str, Any]:
    try:
        transcribe(**options)
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "param": error.param, "code": error.code, "said": error.message}
    raise AssertionError("it was not refused")


answers["json"] = transcribe().text
answers["text"] = transcribe(response_format="text")
answers["srt"] = transcribe(response_format="srt")
answers["vtt"] = transcribe(response_format="vtt")
answers["verbose"] = transcribe(
    response_format="verbose_json",
    timestamp_granularities=["word", "segment"],
    language="en",
    prompt="Go on as I have begun, in the same manner.",
    temperature=0.2,
).model_dump()
events = list(transcribe(model="gpt-4o-transcribe", stream=True))
answers["events"] = [event.model_dump(exclude_none=True) for event in events]
answers["keywords"] = transcribe(model="gpt-transcribe", extra_body={"keywords": ["Ringback"]}).text
raw = client.audio.transcriptions.with_raw_response.create(
    file=("clip.flac", open(given["clip"], "rb")),  # noqa: PTH123, SIM115
    model="whisper-1",
    temperature=0.5,
)
answers["warnings"] = raw.headers["ringback-warnings"]
answers["request_id"] = raw.headers["x-request-id"]
accepted = transcribe(extra_body={"callback": given["callback_url"]})
answers["accepted"] = accepted.model_dump()
again = [
    transcribe(
        extra_query={"callback": given["callback_url"]}, extra_headers={"Idempotency-Key": given["again"]}
    ).model_dump()
    for _ in range(2)
]
answers["again"] = again
answers["unknown_model"] = refusal_of(model="gpt-9")
answers["bad_format"] = refusal_of(response_format="yaml")
client.api_key, good = "wrong", client.api_key
answers["bad_key"] = refusal_of()
client.api_key = good
with open(given["clip"], "rb") as clip:  # noqa: PTH123
    try:
        client.audio.translations.create(file=clip, model="whisper-1")
    except openai.NotFoundError as error:
        answers["translation"] = error.message
answers["models"] = [model.id for model in client.models.list()]
answers["model"] = client.models.retrieve("whisper-1").model_dump()
print(json.dumps(answers))
