"""The same as understanding.py through the Python SDK of generation 3 or 4, and with its argument."""

import json
import sys
from pathlib import Path
from typing import Any

from deepgram import (
    AnalyzeOptions,
    DeepgramApiError,
    DeepgramClient,
    DeepgramClientOptions,
    PrerecordedOptions,
)


def main() -> None:
    given = json.loads(sys.argv[1])
    client = DeepgramClient(given["key"], DeepgramClientOptions(url=given["url"]))
    text = client.read.analyze.v("1")
    source = {"buffer": given["text"]}
    every = {"topics": True, "intents": True, "sentiment": True}
    answers: dict[str, Any] = {}
    analyze_options = AnalyzeOptions(language="en", summarize=True, custom_topic=["Refund"], **every)
    read = text.analyze_text(source, analyze_options, addons={"tag": ["a", "b"]})
    answers["read"] = json.loads(read.to_json())
    answers["read_as_user"] = {
        "request_id": read.metadata.request_id,
        "summary": read.results.summary.text,
        "topic": read.results.topics.segments[0].topics[0].topic,
    }
    options = AnalyzeOptions(language="en", sentiment=True)
    answers["read_url"] = json.loads(text.analyze_url({"url": given["text_url"]}, options).to_json())
    options = AnalyzeOptions(language="en", summarize=True, callback_method="put")
    accepted = text.analyze_text_callback(source, given["callback_url"], options)
    answers["accepted"] = json.loads(accepted.to_json())
    audio = {"buffer": Path(given["clip"]).read_bytes()}
    options = PrerecordedOptions(model="nova-2", summarize="v2", **every)
    transcribed = client.listen.rest.v("1").transcribe_file(audio, options)
    answers["heard"] = json.loads(transcribed.to_json())
    try:
        text.analyze_text({"buffer": "Hello."}, AnalyzeOptions(sentiment=True))
    except DeepgramApiError as raised:
        answers["error"] = {"status": int(raised.status), "body": json.loads(raised.original_error)}
    print(json.dumps(answers, default=str))


main()
