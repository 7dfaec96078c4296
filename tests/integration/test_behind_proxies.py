"""The proxies of the docs, run for real: uploads, live streams, callers' addresses, what stays inside."""

import http.client
import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from support.ports import free_port
from support.program import KEY, Program
from support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
AUDIO = (ROOT / "tests" / "audio" / "librivox_0930.flac").read_bytes()
CALLER = "127.0.0.9"
"""Where callers connect from: another address of this machine than the proxy's."""
MOST_BYTES = 8_000_000
"""`limits.upload_bytes` of the server."""

AROUND_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {configuration}
}}
"""

AROUND_CADDY = """
{{
	admin off
	grace_period 1s
	auto_https off
	storage file_system {folder}
}}
{configuration}
"""


@dataclass(frozen=True)
class Certificate:
    file: Path
    """Key and chain."""
    trusted: ssl.SSLContext


@dataclass(frozen=True)
class Proxy:
    name: str
    port: int
    trusted: ssl.SSLContext

    def call(
        self, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str
    ) -> tuple[int, bytes]:
        with self._connection() as connection:
            named = {"Authorization": f"Token {KEY}", "Content-Type": "audio/flac"} | headers
            connection.request("GET" if body is None else "POST", path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read()

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPSConnection]:
        connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=PATIENCE, context=self.trusted, source_address=(CALLER, 0)
        )
        try:
            yield connection
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    settings = {
        "RINGBACK_TRUSTED_PROXIES": "127.0.0.1",
        "RINGBACK_LIMITS_UPLOAD_BYTES": str(MOST_BYTES),
        "RINGBACK_LOG_FORMAT": "json",
    }
    with Program(tmp_path_factory.mktemp("data"), settings) as program:
        yield program


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(file)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    return Certificate(file, trusted)


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest,
    server: Program,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    name = str(request.param)
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if program is None:
        package = {"nginx": "nginx-light"}.get(name, name)
        pytest.skip(f"there is no {name} here: apt-get install {package}")
    folder, port = tmp_path_factory.mktemp(name), free_port()
    command = {"nginx": nginx, "caddy": caddy}[name](folder, port, server.port, certificate.file)
    opened = Proxy(name, port, certificate.trusted)
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(
            [program, *command], stdout=output, stderr=output, env={"HOME": str(folder)}
        ) as process,
    ):
        try:
            server.wait_until(lambda: _answers(opened), PATIENCE, f"{name} does not answer")
            yield opened
        finally:
            process.terminate()


def nginx(folder: Path, port: int, server: int, certificate: Path) -> list[str]:
    """What nginx is started with, before a server at port `server`."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{server}")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = re.sub(r"/etc/ssl/speech\.example\.com\.\w+", str(certificate), text)
    (folder / "nginx.conf").write_text(AROUND_NGINX.format(folder=folder, configuration=text))
    return ["-c", f"{folder}/nginx.conf", "-p", str(folder), "-e", f"{folder}/error.log"]


def caddy(folder: Path, port: int, server: int, certificate: Path) -> list[str]:
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{server}")
    site = f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {certificate}\n"
    text = text.replace("speech.example.com {\n", site)
    (folder / "Caddyfile").write_text(AROUND_CADDY.format(folder=folder, configuration=text))
    return ["run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


def _answers(proxy: Proxy) -> bool:
    try:
        return proxy.call("/v1/models")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize(("file", "language"), [("nginx.conf", "nginx"), ("Caddyfile", "caddyfile")])
def test_the_docs_print_the_file(file: str, language: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    (printed,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert printed == (ROOT / "deploy" / file).read_text()


def test_an_upload_of_any_length_is_heard(proxy: Proxy) -> None:
    def padded() -> Iterator[bytes]:
        yield AUDIO
        for _ in range(100):
            yield bytes(65_536)

    for body in (AUDIO, padded()):
        status, document = proxy.call("/v1/listen", body)
        assert status == 200, document
        (channel,) = json.loads(document)["results"]["channels"]
        assert "amiable" in channel["alternatives"][0]["transcript"]


def test_an_upload_that_is_too_large_is_refused_before_it_has_come(proxy: Proxy) -> None:
    """Caddy ends the connection: what is still to come keeps it from passing on the refusal."""
    try:
        status, _ = proxy.call("/v1/listen", bytes(4 * MOST_BYTES))
    except OSError:
        assert proxy.name == "caddy"
    else:
        assert status == 413


def test_a_live_stream_is_heard(proxy: Proxy) -> None:
    url = f"wss://localhost:{proxy.port}/v1/listen?interim_results=true"
    with connect(
        url, ssl=proxy.trusted, additional_headers={"Authorization": f"Token {KEY}"}, proxy=None
    ) as socket:
        for start in range(0, len(AUDIO), 4_096):
            socket.send(AUDIO[start : start + 4_096])
        socket.send('{"type": "CloseStream"}')
        messages = [json.loads(message) for message in socket]
    said = [
        message["channel"]["alternatives"][0]["transcript"]
        for message in messages
        if message["type"] == "Results" and message["is_final"]
    ]
    assert "amiable" in " ".join(said)
    assert messages[-1]["type"] == "Metadata"


def test_a_turn_based_stream_reaches_the_server(proxy: Proxy) -> None:
    url = f"wss://localhost:{proxy.port}/v2/listen?model=none"
    authorized = {"Authorization": f"Token {KEY}"}
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(
            url, ssl=proxy.trusted, additional_headers=authorized, proxy=None, source_address=(CALLER, 0)
        ),
    ):
        pass
    assert refused.value.response.status_code == 400
    assert "flux-general-en" in refused.value.response.headers["dg-error"]


def test_the_server_knows_the_caller_by_the_callers_address(proxy: Proxy, server: Program) -> None:
    """Whatever the caller writes into the header that proxies tell it by."""
    status, _ = proxy.call("/v1/listen?model=none", AUDIO, **{"X-Forwarded-For": "192.0.2.66"})
    assert status == 400

    def refused() -> list[str]:
        events = [json.loads(line) for line in server.log.splitlines() if '"request.refused"' in line]
        return [event["client"] for event in events if event.get("parameter") == "model"]

    server.wait_until(lambda: len(refused()) > 0, PATIENCE, "the refusal is not in the log")
    assert set(refused()) == {CALLER}


@pytest.mark.parametrize("path", ["/v1/status", "/v1/status/engine", "/metrics", "/"])
def test_what_is_for_operators_stays_inside(proxy: Proxy, path: str) -> None:
    status, body = proxy.call(path)
    assert status == 404
    assert proxy.name in body.decode().lower(), "the proxy itself answers"


def test_receivers_can_fetch_the_public_keys(proxy: Proxy) -> None:
    assert proxy.call("/.well-known/ringback/webhook-keys")[0] == 200
