"""Addresses that the policy refuses, by every way into the installed server: nothing is ever connected.

The proof is at the socket. The server's own interpreter notes each connection that it tries
(`support/spying`), and a listener on the forbidden port counts who comes.
"""

import asyncio
import http.client
import http.server
import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import DeliveryOrder, order_job
from ringback.clock import SystemClock
from ringback.egress.target import TargetError, read_target
from ringback.jobs.job import Attempt, JobId
from ringback.storage.sqlite import SqliteLedger
from support.addresses import NAMES, REDIRECTS, URLS
from support.program import KEY, Program
from support.waiting import PATIENCE, eventually

SPYING = Path(__file__).parents[1] / "support" / "spying"
SETTING = "RINGBACK_CALLBACK_ALLOW"
RULE = "which this server does not call"
PUBLIC = "93.184.216.34"
INWARD = [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], [PUBLIC, "::1"]]
REBINDING = {
    f"{kind}{number}.example": [[PUBLIC], later]
    for kind in ("recording", "stream")
    for number, later in enumerate(INWARD)
}
"""Good when they are submitted; when they are called they lead inside."""
HOST_OF_AUDIO = "audio.example"
"""Allowed by name; it answers with redirects."""

pytestmark = pytest.mark.chaos


class Refusal(NamedTuple):
    """How one URL was refused."""

    status: int
    text: str


@dataclass
class Place:
    """The server under test, what it tried to connect to, and what came to the forbidden port."""

    program: Program
    noted: Path
    forbidden: int
    host_of_audio: int
    urls: list[str]
    deliveries: list[JobId]
    came: list[str] = field(default_factory=list)

    def connects(self) -> set[tuple[str, int]]:
        lines = self.noted.read_text().splitlines() if self.noted.exists() else []
        return {(host, int(port)) for host, port in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("addresses")
    noted, data = folder / "connects", folder / "data"
    came: list[str] = []
    names = {name: [answers] for name, answers in NAMES.items()} | REBINDING
    with listening(came) as forbidden, redirecting() as host_of_audio:
        urls = list(dict.fromkeys(url.replace("{port}", str(forbidden)) for url in URLS))
        data.mkdir()
        deliveries = asyncio.run(orders_of_laxer_days(data, urls))
        settings = {
            SETTING: HOST_OF_AUDIO,
            "PYTHONPATH": os.pathsep.join([str(SPYING), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "SPIED_CONNECTS": str(noted),
            "SPIED_NAMES": json.dumps(names | {HOST_OF_AUDIO: [["127.0.0.1"]]}),
        }
        with Program(data, settings) as program:
            program.wait_until_ready()
            yield Place(program, noted, forbidden, host_of_audio, urls, deliveries, came)


def callback_at_submit(program: Program, url: str) -> Refusal:
    reply = program.listen(b"x", f"callback={quote(url, safe='')}")
    return Refusal(reply.status, reply.body.decode())


def audio_url(program: Program, url: str) -> Refusal:
    reply = program.listen(json.dumps({"url": url}).encode(), content_type="application/json")
    return Refusal(reply.status, reply.body.decode())


def callback_test(program: Program, url: str) -> Refusal:
    reply = program.post("/v1/callbacks/test", {"url": url})
    assert reply.status == 200, reply.body
    found = reply.json()
    assert found["failed"] in {"url", "policy", "dns"}
    return Refusal(400, f"{found['steps'][-1]['said']}; {found['hint']}")


def redelivery_elsewhere(program: Program, url: str) -> Refusal:
    """An ended request, to be sent to another URL."""
    request_id = program.listen(b"x").headers["dg-request-id"]
    project = program.get("/v1/projects").json()["projects"][0]["project_id"]
    reply = program.post(f"/v1/projects/{project}/requests/{request_id}/redeliver", {"url": url})
    return Refusal(reply.status, reply.body.decode())


def live_callback(program: Program, url: str) -> Refusal:
    return handshake(program, url)


def live_socket_callback(program: Program, url: str) -> Refusal:
    """The same places by `ws` and `wss`."""
    return handshake(program, url.replace("http", "ws", 1).replace("HTTP", "WS", 1))


def handshake(program: Program, callback: str) -> Refusal:
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=PATIENCE)
    requested = {
        "Authorization": f"Token {KEY}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    try:
        path = f"/v1/listen?encoding=linear16&sample_rate=16000&callback={quote(callback, safe='')}"
        connection.request("GET", path, headers=requested)
        reply = connection.getresponse()
        return Refusal(reply.status, reply.read().decode())
    finally:
        connection.close()


ENTRIES: list[Callable[[Program, str], Refusal]] = [
    callback_at_submit,
    audio_url,
    callback_test,
    redelivery_elsewhere,
    live_callback,
    live_socket_callback,
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
def test_no_url_of_the_corpus_opens_a_connection(
    place: Place, entry: Callable[[Program, str], Refusal]
) -> None:
    answers = {url: entry(place.program, url) for url in place.urls}
    print(f"{len(answers)} URLs, {len(place.connects())} addresses connected to, {len(place.came)} came")
    assert len(answers) >= 60
    for url, refusal in answers.items():
        assert refusal.status == 400, (url, refusal)
        if leads_inside(url):
            assert SETTING in refusal.text, (url, refusal)
            assert RULE in refusal.text, (url, refusal)
    untouched(place)


def leads_inside(url: str) -> bool:
    """Whether there is nothing wrong with a URL but the address that it leads to."""
    try:
        host = read_target(url).host.removesuffix(".")
    except TargetError:
        return False
    return host not in NAMES or NAMES[host] != []


def untouched(place: Place) -> None:
    """Nothing came to the forbidden port, and nothing else was called than the host that is allowed."""
    assert place.came == []
    assert place.connects() <= {("127.0.0.1", place.host_of_audio)}


def test_deliveries_accepted_in_laxer_days_are_parked(place: Place) -> None:
    """They stood in the ledger when the server started, with literal addresses and names alike."""
    ended = asyncio.run(attempts_at(place.program, place.deliveries))
    assert len(ended) >= 60
    for attempts in ended:
        outcomes = {attempt.outcome for attempt in attempts}
        # A name that is not known is tried again, which a slow machine comes to see.
        assert outcomes in ({"blocked"}, {"unresolved"})
        assert outcomes == {"unresolved"} or SETTING in attempts[0].detail.decode()
        assert outcomes == {"unresolved"} or len(attempts) == 1
    untouched(place)


def test_names_that_turn_inward_after_submit(place: Place) -> None:
    program = place.program
    for name in (name for name in REBINDING if name.startswith("recording")):
        reply = program.listen(b"x", f"callback=http%3A%2F%2F{name}%3A{place.forbidden}%2F")
        assert reply.status == 200, reply.body
        request_id = reply.json()["request_id"]
        [attempt] = first_attempts_of(program, request_id)
        assert attempt["outcome"] == "blocked"
        assert SETTING in attempt["detail"]["reason"]
        assert "127.0.0.1" not in json.dumps(attempt), "what a name resolves to is not told"
    untouched(place)


def test_names_that_turn_inward_before_the_socket_of_a_stream(place: Place) -> None:
    for name in (name for name in REBINDING if name.startswith("stream")):
        refusal = live_socket_callback(place.program, f"http://{name}:{place.forbidden}/")
        assert refusal.status == 400, refusal
        assert SETTING in refusal.text
        assert "127.0.0.1" not in refusal.text, "what a name resolves to is not told"
    untouched(place)


def test_redirects_of_audio_are_judged_anew(place: Place) -> None:
    for number, location in enumerate(REDIRECTS):
        url = f"http://{HOST_OF_AUDIO}:{place.host_of_audio}/{number}"
        refusal = audio_url(place.program, url)
        assert refusal.status == 400, (location, refusal)
        assert "REMOTE_CONTENT_ERROR" in refusal.text
    untouched(place)
    assert place.connects() == {("127.0.0.1", place.host_of_audio)}, "the spy sees what is allowed"


def test_redirects_of_receivers_are_not_followed(place: Place) -> None:
    found = place.program.post(
        "/v1/callbacks/test", {"url": f"http://{HOST_OF_AUDIO}:{place.host_of_audio}/0"}
    ).json()
    assert (found["failed"], found["status"]) == ("status", 302)
    untouched(place)


def first_attempts_of(program: Program, request_id: str) -> list[dict[str, Any]]:
    """The attempts at a request's callback, once there is one."""
    found: list[dict[str, Any]] = []

    def attempted() -> bool:
        deliveries = program.request(request_id)["ringback"]["deliveries"]
        found[:] = [attempt for delivery in deliveries for attempt in delivery["attempts"]]
        return found != []

    program.wait_until(attempted, 60, "no attempt was made")
    return found


async def orders_of_laxer_days(data: Path, urls: Sequence[str]) -> list[JobId]:
    """Deliveries to every URL that can be read, put into the ledger before the server's first start."""
    async with await SqliteLedger.open(data / "ringback.db", SystemClock(), serving=True) as ledger:
        project = (await ledger.projects())[0].id
        jobs = []
        for url in urls:
            try:
                stored = read_target(url).reveal_url()
            except TargetError:
                continue
            order = DeliveryOrder(str(uuid.uuid4()), stored, "POST", 200, None, StoredDocument(inline="{}"))
            jobs.append(replace(order_job(order, project=project, accessor=None), parent=None))
        await ledger.add(jobs)
    return [job.id for job in jobs]


async def attempts_at(program: Program, jobs: Sequence[JobId]) -> list[list[Attempt]]:
    """The attempts at each job, once each has one; read beside the running server."""
    path = program.data_dir / "ringback.db"
    async with await SqliteLedger.open(path, SystemClock()) as ledger:
        found: list[list[Attempt]] = []

        async def each_has_one() -> bool:
            found[:] = [list(await ledger.attempts(job, 9)) for job in jobs]
            return all(found)

        await eventually(each_has_one, 60)
        return found


@contextmanager
def listening(came: list[str]) -> Iterator[int]:
    """A port that no request may reach, on both loopback addresses: connections are noted."""
    with socket.create_server(("127.0.0.1", 0)) as four:
        port = four.getsockname()[1]
        listeners = [four]
        with suppress(OSError):  # not every machine has IPv6
            listeners.append(socket.create_server(("::1", port), family=socket.AF_INET6))

        def accept(listener: socket.socket) -> None:
            while True:
                try:
                    connection, address = listener.accept()
                except OSError:
                    return
                came.append(str(address[0]))
                connection.close()

        for listener in listeners:
            threading.Thread(target=accept, args=(listener,), daemon=True).start()
        try:
            yield port
        finally:
            for listener in listeners:
                listener.shutdown(socket.SHUT_RDWR)
                listener.close()


@contextmanager
def redirecting() -> Iterator[int]:
    """A host that redirects /N to `REDIRECTS[N]`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", "0")))
            self.send_response(302)
            self.send_header("location", REDIRECTS[int(self.path[1:])])
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the base class finds it by this name

        def log_message(self, *_: object) -> None:
            """Quiet: the test says what matters."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
