"""A recording through LiteLLM, as an application calls Deepgram through it; prints as JSON what came back."""

import json
import sys

import litellm


def main() -> None:
    given = json.loads(sys.argv[1])
    with open(given["clip"], "rb") as audio:  # noqa: PTH123 - as an application does it
        answer = litellm.transcription(
            model="deepgram/nova-3",
            file=audio,
            api_key=given["key"],
            api_base=f"{given['url']}/v1",
            punctuate=True,
        )
    print(json.dumps({"text": answer.text, "hidden": str(answer._hidden_params.get("model"))}))


main()
