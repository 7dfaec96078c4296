"""What is said and redacted is found nowhere: not in results, callbacks, interims, entities, search snippets,
operational webhooks, the dashboard, the log, the metrics, the history, or the data folder's bytes after its
processes were aborted and killed.

A scripted recogniser says the secrets, so that they are sure to be heard; its script lies outside the folder.
"""

import asyncio
import json
import signal
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from support.cluster import scripted
from support.live_client import CLOSE_STREAM, FINALIZE, RAW, stream
from support.program import KEY, Program
from support.receiver import Receiver
from support.streamed import linear16
from support.waiting import wait_until

CLIP = Path(__file__).parent.parent / "audio" / "librivox_0920.flac"
SAYS = (
    "My visa is 4539 1488, 0343 6467, expires 05/27, the CVV is 918. My social is 987-65-4329 and "
    "call me at 617 555 4986 or write to canary.bird@example.com please."
)
LONG = ("0343 6467", "1488, 0343", "4539148803436467", "05/27", "987-65", "65-4329", "555 4986", "555-4986")
SHORT = ("4539", "1488", "0343", "6467", "918", "4329", "4986")
"""Where only words are looked at: elsewhere a size or a time may happen to have these digits."""
NAMES = ("canary.bird", "example.com")
OPTIONS = (
    "redact=pci,pii,numbers&smart_format=true&numerals=true&detect_entities=true&utterances=true"
    "&search=visa&search=social&replace=visa:card&punctuate=true"
)


@pytest.mark.parametrize("live", [False, True], ids=["recording", "live"])
def test_no_redacted_word_is_found_anywhere(tmp_path: Path, live: bool) -> None:
    settings = {
        "RINGBACK_MODEL": scripted(tmp_path, SAYS),
        "RINGBACK_LOG_LEVEL": "debug",
        "RINGBACK_LOG_FORMAT": "json",
    }
    said: dict[str, bytes] = {}
    with (
        Receiver() as receiver,
        Receiver(answer=lambda _: 500) as broken,
        Receiver() as operator,
        Program(tmp_path / "data", settings | {"RINGBACK_WEBHOOKS_URL": operator.url}) as program,
    ):
        program.wait_until_ready()
        callback = f"&callback={quote(receiver.url, safe='')}"
        if live:
            said["the stream"] = asyncio.run(talk(program, f"{callback}&inspect_response=true"))
        else:
            said["the result"] = program.listen(CLIP.read_bytes(), OPTIONS, "audio/flac").body
            program.listen(CLIP.read_bytes(), OPTIONS + callback, "audio/flac")
            parked = f"&callback={quote(broken.url, safe='')}&callback_schedule=1s"
            program.listen(CLIP.read_bytes(), OPTIONS + parked, "audio/flac")
            program.wait_until(lambda: b"delivery.parked" in bodies(operator), 60, "no webhook came")
            said["the operator's webhooks"] = bodies(operator)
        program.wait_until(lambda: b"[CREDIT_CARD_1]" in bodies(receiver), 60, "no callback came")
        said["the callbacks"] = bodies(receiver)
        project = f"/v1/projects/{program.project}"
        for place in (
            "/",
            "/metrics",
            "/v1/status",
            f"{project}/requests?limit=100",
            f"{project}/deliveries",
        ):
            said[place] = program.get(place).body
        for record in program.get(f"{project}/requests?limit=100").json()["requests"]:
            said["a record"] = program.get(f"{project}/requests/{record['request_id']}").body
            said["a kept result"] = program.get(f"{project}/requests/{record['request_id']}/result").body
        abort(program.tree()[1:])
        program.kill()
    said["the log"] = program.log.encode()
    for file in sorted((tmp_path / "data").rglob("*")):
        if file.is_file():
            said[f"the file {file.relative_to(tmp_path)}"] = file.read_bytes()
    assert any(name.endswith("ringback.db-wal") for name in said)
    leaks = [
        f"{secret} in {place}"
        for place, text in said.items()
        for secret in (*LONG, *NAMES)
        if secret in text.decode("utf-8", "replace")
    ]
    leaks += [
        f"{secret} in the words of {place}"
        for place in ("the stream", "the result", "a kept result")
        for text in strings(said.get(place, b"{}"))
        for secret in SHORT
        if secret in text
    ]
    assert leaks == []
    assert "[CVV_1]" in said["the callbacks"].decode()


def abort(processes: list[psutil.Process]) -> None:
    """End them as a crash does: what they leave behind would be a dump of their memory."""
    for each in processes:
        each.send_signal(signal.SIGABRT)
    wait_until(lambda: all(map(has_ended, processes)))


def has_ended(process: psutil.Process) -> bool:
    """Whether or not the server, which uses it again later, has noticed."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def strings(document: bytes) -> list[str]:
    """All strings of a JSON document but ids and hashes."""
    found: list[str] = []
    waiting = [json.loads(document)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [value for key, value in each.items() if key not in IDS]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str):
            found.append(each)
    return found


IDS = {"id", "request_id", "sha256", "model_info", "model_uuid", "models", "created"}


def bodies(receiver: Receiver) -> bytes:
    return b"\n".join(each.body for each in receiver.received)


async def talk(program: Program, more: str) -> bytes:
    async with stream(program.port, f"{RAW}&{OPTIONS}&interim_results=true{more}", key=KEY) as client:
        await client.speak(linear16(CLIP), pace=0)
        await client.send(FINALIZE)
        await client.wait_for("Results", 1, 60)
        await client.send(CLOSE_STREAM)
        await client.closed(60)
    return json.dumps(client.messages).encode()
