"""Secrets planted wherever callers and operators have some: none is found where it does not belong.

Looked through, after deliveries and live streams that succeed, fail, are parked, cannot be resolved, cannot
be parsed, at log level debug: the log in both forms, metrics, every answer, every command's output, and the
data folder's raw bytes after a `kill -9` (so the write-ahead log is there, too).
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.live_client import BYTES_PER_SECOND, CLOSE_STREAM, RAW, stream
from support.program import KEY, Program, Reply
from support.receiver import Received, Receiver
from support.waiting import PATIENCE

CLIP = Path(__file__).parent.parent / "audio" / "librivox_0920.flac"

USER, PASSWORD = "canary-user", "canary/pass word"
QUERY, PATH = "canaryQuerySignature0001", "canaryPath0002"
SECRET_KEY = "canary-secret-key-0003"
WRONG_KEY = "canarywrongkey0004"
ECHOED = "canaryEchoed0005"

LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"
WITH_SECRETS = f"/{PATH}?X-Other={QUERY}"


@dataclass
class Watch:
    """What was said so far, by whom, and what may never be said."""

    secrets: dict[str, bytes]
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def hear(self, who: str, what: bytes) -> None:
        self.said.append((who, what))

    def leaks(self) -> list[str]:
        return [
            f"{name} in {who}"
            for who, what in self.said
            for name, form in self.secrets.items()
            if form.lower() in what.lower()
        ]


def forms() -> dict[str, bytes]:
    """Every secret, in every form in which it could be written."""
    texts = {
        "the password": PASSWORD,
        "the password, percent-encoded": quote(PASSWORD, safe=""),
        "the login": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
        "the query": QUERY,
        "the path": PATH,
        "the user": USER,
        "the API key": KEY,
        "a wrong API key": WRONG_KEY,
        "the secret key": SECRET_KEY,
    }
    return {name: text.encode() for name, text in texts.items()}


def answer(received: Received) -> int:
    for status in (500, 410, 413, 302):
        if f"/{status}" in received.path:
            return status
    return 200


def callbacks(receiver: Receiver) -> Iterator[tuple[str, str]]:
    """What is asked for, and how it ends: an outcome of the delivery, or `refused` at submit."""
    place = receiver.url.partition("://")[2].partition("/")[0]
    for status, outcome in (
        ("200", "delivered"),
        ("500", "server_error"),
        ("410", "gone"),
        ("413", "client_error"),
    ):
        yield f"http://{LOGIN}@{place}/{status}{WITH_SECRETS}", outcome
    yield f"http://{LOGIN}@{place}/200/{PATH}?X-Amz-Signature={QUERY}", "delivered"
    yield f"http://{LOGIN}@127.0.0.1:1{WITH_SECRETS}", "unreachable"
    yield f"https://{LOGIN}@{place}{WITH_SECRETS}", "tls"
    for url in (
        f"http://{LOGIN}@nowhere.invalid{WITH_SECRETS}",
        f"http://{LOGIN}@10.0.0.1{WITH_SECRETS}",
        f"http://{LOGIN}@[::1{WITH_SECRETS}",
        f"http://{LOGIN}@host:99999{WITH_SECRETS}",
        f"http://{LOGIN}@{USER}@host{WITH_SECRETS}",
        f"ftp://{LOGIN}@host{WITH_SECRETS}",
        f"{LOGIN}@host{WITH_SECRETS}",
        f"http://{LOGIN}@ho st/{PATH}\\?{QUERY}",
    ):
        yield url, "refused"


def test_no_secret_is_found_where_it_does_not_belong(tmp_path: Path) -> None:
    watch = Watch(forms())
    settings = {
        "RINGBACK_SECRET_KEY": SECRET_KEY,
        "RINGBACK_LOG_LEVEL": "debug",
        "RINGBACK_LOG_FORMAT": "json",
        "RINGBACK_CALLBACK_RETRIES": "1",
        "RINGBACK_CALLBACK_RETRY_DELAY": "0",
    }
    with Receiver(answer) as receiver, Program(tmp_path / "data", settings) as program:
        program.wait_until_ready()
        plant_signing_secret(program, watch)
        ask_for_everything(program, receiver, watch)
        stream_to_everything(program, receiver, watch)
        look_at_everything(program, watch)
        hear_commands(program, receiver, watch)

        program.kill()
        program.settings["RINGBACK_LOG_FORMAT"] = "text"
        program.start()
        program.wait_until_ready()
        ask_for_everything(program, receiver, watch)
        look_at_everything(program, watch)
        program.kill()

    logs = program.log.encode()
    assert b"delivery.attempted" in logs
    assert ECHOED.encode() not in logs
    for file in sorted((tmp_path / "data").rglob("*")):
        if file.is_file():
            watch.hear(f"the file {file.relative_to(tmp_path)}", file.read_bytes())
    assert any(who.endswith("ringback.db-wal") for who, _ in watch.said)
    print(f"{len(watch.said)} places, {len(watch.secrets)} secrets: {len(watch.leaks())} leaks")
    assert not watch.leaks()
    assert_the_test_sees(receiver)


def assert_the_test_sees(receiver: Receiver) -> None:
    """The secrets did reach where they belong: otherwise nothing was proved."""
    seen = [f"{each.path} {each.headers.get('authorization')}".encode() for each in receiver.received]
    arrived = Watch(
        {name: form for name, form in forms().items() if name in ("the query", "the path", "the login")}
    )
    for each in seen:
        arrived.hear("a callback", each)
    assert {leak.partition(" in ")[0] for leak in arrived.leaks()} == set(arrived.secrets)


def plant_signing_secret(program: Program, watch: Watch) -> None:
    key = program.get("/v1/auth/token").json()
    place = f"/v1/projects/{key['project_id']}/keys/{key['api_key_id']}/signing-secret"
    secret = program.get(place).json()["signing_secrets"][0]["secret"].removeprefix("whsec_")
    watch.secrets["the signing secret"] = secret.encode()
    watch.secrets["the signing secret's bytes"] = base64.b64decode(secret)


def ask_for_everything(program: Program, receiver: Receiver, watch: Watch) -> None:
    ended: dict[str, str] = {}
    for url, outcome in callbacks(receiver):
        query = f"callback={quote(url, safe='')}&callback_method=put&extra=callback_secret:{ECHOED}"
        reply = program.listen(CLIP.read_bytes(), query, "audio/flac")
        recognised(watch, f"the answer about {outcome}", reply)
        assert reply.status == (400 if outcome == "refused" else 200), reply.body
        if outcome != "refused":
            ended[reply.json()["request_id"]] = outcome
        recognised(watch, "a trial", program.post("/v1/callbacks/test", {"url": url}))
        recognised(watch, "an audio URL", program.post("/v1/listen", {"url": url}))
    broken = quote(f"http://{LOGIN}@127.0.0.1:1{WITH_SECRETS}", safe="")
    recognised(watch, "a wrong parameter", program.listen(b"", f"callback={broken}&punctuate=maybe"))
    recognised(watch, "a wrong key", program.get("/v1/projects", key=WRONG_KEY))
    program.wait_until(
        lambda: (
            all(outcomes(program, request)[-1:] == [outcome] for request, outcome in ended.items())
            and all(state_of(program, request) in {"done", "parked"} for request in ended)
        ),
        60,
        f"not all of these ended: {ended}",
    )


def stream_to_everything(program: Program, receiver: Receiver, watch: Watch) -> None:
    """The same callbacks, and as WebSockets, asked for by live streams."""
    urls = [url for url, _ in callbacks(receiver)]
    urls += [url.replace("http://", "ws://", 1) for url in urls if url.startswith("http://")]
    requests = [asyncio.run(one_stream(program, url, watch)) for url in urls]
    served = [request for request in requests if request is not None]
    assert served
    assert len(served) < len(urls)
    program.wait_until(
        lambda: all(state_of(program, request) in {"", "done", "parked"} for request in served),
        60,
        f"not all responses of {served} ended",
    )


async def one_stream(program: Program, url: str, watch: Watch) -> str | None:
    """Its request id; None when it was refused."""
    query = f"{RAW}&inspect_response=true&callback={quote(url, safe='')}&extra=callback_secret:{ECHOED}"
    try:
        async with stream(program.port, query, key=KEY) as client:
            with suppress(ConnectionClosed):  # by a socket callback that is not read
                await client.send(bytes(BYTES_PER_SECOND // 10))
                await client.send(CLOSE_STREAM)
            await client.closed(60)
    except InvalidStatus as refused:
        watch.hear("a stream's refusal", f"{refused.response.headers}".encode() + refused.response.body)
        return None
    watch.hear("a stream", f"{client.connection.response} {client.messages} {client.reason}".encode())
    return client.request_id


def outcomes(program: Program, request: str) -> list[str]:
    deliveries = program.request(request)["ringback"]["deliveries"]
    return [attempt["outcome"] for each in deliveries for attempt in each["attempts"]]


def state_of(program: Program, request: str) -> str:
    deliveries = program.request(request)["ringback"]["deliveries"]
    return str(deliveries[-1]["state"]) if deliveries else ""


def look_at_everything(program: Program, watch: Watch) -> None:
    project = f"/v1/projects/{program.project}"
    places = ["/metrics", "/v1/status", "/v1/status/engine", "/v1/models", "/v1/auth/token", "/v1/projects"]
    places += ["/.well-known/ringback/webhook-keys"]
    places += [
        f"{project}{each}"
        for each in ("", "/requests?limit=100", "/keys", "/usage", "/balances", "/deliveries")
    ]
    places += [f"{project}/keys/{program.get('/v1/auth/token').json()['api_key_id']}"]
    for place in places:
        reply = program.get(place)
        assert reply.status == 200, (place, reply.body)
        recognised(watch, place, reply)
    for record in program.get(f"{project}/requests?limit=100").json()["requests"]:
        recognised(watch, "a record", program.get(f"{project}/requests/{record['request_id']}"))


def hear_commands(program: Program, receiver: Receiver, watch: Watch) -> None:
    url = next(callbacks(receiver))[0]
    environment = {**os.environ, **program._environment()}
    for command in (["keys", "list"], ["settings"], ["requests", "list"], ["doctor", "callback", url]):
        done = subprocess.run(
            [sys.executable, "-m", "ringback", *command],
            env=environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        watch.hear(f"ringback {command[0]} {command[1:2]}", done.stdout + done.stderr)
        assert done.returncode == 0, (command, done.stderr)


def recognised(watch: Watch, who: str, reply: Reply) -> None:
    watch.hear(who, json.dumps(dict(reply.headers)).encode() + reply.body)
