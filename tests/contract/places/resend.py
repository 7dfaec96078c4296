"""One accepted request through an official Python SDK, with a header of the user's; prints the request_id.

Run by `test_sdk_resends.py`; it must not import anything of ours. Arguments: a JSON object with url, key,
clip, callback_url and word.
"""

import json
import sys
from pathlib import Path

from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

given = json.loads(sys.argv[1])
here = given["url"]
client = DeepgramClient(
    api_key=given["key"],
    environment=DeepgramClientEnvironment(base=here, production=here, agent=here, agent_rest=here),
)
accepted = client.listen.v1.media.transcribe_file(
    request=Path(given["clip"]).read_bytes(),
    callback=given["callback_url"],
    request_options={"additional_headers": {"Idempotency-Key": given["word"]}},
)
print(accepted.request_id)
