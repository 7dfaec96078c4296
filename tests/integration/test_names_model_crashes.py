"""The names model kills the engine process each time it is asked: a redacting request fails, and nothing of
what was said leaves the server unredacted.

A scripted recogniser says the secrets. The crash is a module `tokenizers` of the test's own, which only the
names model imports here.
"""

import asyncio
import json
from pathlib import Path
from urllib.parse import quote

from support.cluster import scripted
from support.live_client import CLOSE_STREAM, RAW, LiveClient, stream
from support.program import KEY, Program
from support.receiver import Receiver
from support.streamed import linear16

CLIP = Path(__file__).parent.parent / "audio" / "librivox_0920.flac"
SAYS = "My name is Jonathan Whitaker, my visa is 4539 1488, 0343 6467, and I live in Springfield."
SECRETS = ("Jonathan", "Whitaker", "Springfield", "4539", "1488", "0343", "6467")
CRASH = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
OPTIONS = "redact=pii&redact=pci&punctuate=true"
RESTARTS = "ringback_engine_restarts_total"


def test_a_crash_of_the_names_model_fails_the_request_and_sends_nothing_unredacted(tmp_path: Path) -> None:
    crashing = tmp_path / "crashing"
    crashing.mkdir()
    (crashing / "tokenizers.py").write_text(CRASH)
    settings = {"RINGBACK_MODEL": scripted(tmp_path, SAYS), "PYTHONPATH": str(crashing)}
    sent: dict[str, str] = {}
    with Receiver() as receiver, Program(tmp_path / "data", settings) as program:
        program.wait_until_ready()
        callback = f"&callback={quote(receiver.url, safe='')}"
        accepted = program.listen(CLIP.read_bytes(), OPTIONS + callback, "audio/flac")
        assert accepted.status == 200
        client = asyncio.run(talk(program))
        assert client.code == 1011
        assert client.of("Results") == []
        sent["the stream"] = json.dumps(client.messages) + client.reason
        program.wait_until(lambda: bool(receiver.received), 60, "no callback came")
        sent["the callback"] = "\n".join(each.body.decode() for each in receiver.received)
        assert json.loads(receiver.received[0].body)["err_code"] == "Internal Server Error"
        path = f"/v1/projects/{program.project}/requests/{accepted.json()['request_id']}/result"
        sent["the result"] = program.get(path).body.decode()
        assert 3 <= program.metric(RESTARTS) <= 6
        sent["the log"] = program.log
    leaks = [f"{secret} in {place}" for place, text in sent.items() for secret in SECRETS if secret in text]
    assert leaks == []


async def talk(program: Program) -> LiveClient:
    async with stream(program.port, f"{RAW}&{OPTIONS}&interim_results=true", key=KEY) as client:
        await client.speak(linear16(CLIP), pace=0)
        await client.send(CLOSE_STREAM)
        await client.closed(60)
    return client
