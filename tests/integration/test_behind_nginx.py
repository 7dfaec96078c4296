"""The nginx configuration of the docs, with a real nginx: uploads, live streams, and what stays inside."""

import json
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from websockets.sync.client import connect

from support.ports import free_port
from support.program import KEY, Program

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIGURATION = (ROOT / "deploy" / "nginx.conf").read_text()
AUDIO = (ROOT / "tests" / "audio" / "librivox_0930.flac").read_bytes()

AROUND = """
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


@dataclass(frozen=True)
class Proxy:
    port: int
    trusted: ssl.SSLContext

    def call(self, path: str, body: bytes | Iterator[bytes] | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"https://localhost:{self.port}{path}",
            data=body,
            headers={"Authorization": f"Token {KEY}", "Content-Type": "audio/flac"},
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.trusted)
        )
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("data")) as program:
        yield program


@pytest.fixture(scope="module")
def proxy(server: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    if NGINX is None:
        pytest.skip("there is no nginx here: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    port = free_port()
    configuration = CONFIGURATION.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    configuration = configuration.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    configuration = re.sub(r"/etc/ssl/speech\.example\.com\.\w+", f"{folder}/both.pem", configuration)
    file = folder / "nginx.conf"
    file.write_text(AROUND.format(folder=folder, configuration=configuration))
    with subprocess.Popen([NGINX, "-c", file, "-p", folder, "-e", folder / "error.log"]) as process:
        try:
            server.wait_until(lambda: _answers(Proxy(port, trusted)), 20, "nginx does not answer")
            yield Proxy(port, trusted)
        finally:
            process.terminate()


def _answers(proxy: Proxy) -> bool:
    try:
        return proxy.call("/v1/models")[0] == 200
    except OSError:
        return False


def test_the_docs_print_the_file() -> None:
    (printed,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL)
    assert printed == CONFIGURATION


def test_an_upload_of_any_length_is_heard(proxy: Proxy) -> None:
    def padded() -> Iterator[bytes]:
        yield AUDIO
        for _ in range(40):
            yield bytes(65_536)

    for body in (AUDIO, padded()):
        status, document = proxy.call("/v1/listen", body)
        assert status == 200, document
        (channel,) = json.loads(document)["results"]["channels"]
        assert "amiable" in channel["alternatives"][0]["transcript"]


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


@pytest.mark.parametrize("path", ["/v1/status", "/v1/status/engine", "/metrics", "/"])
def test_what_is_for_operators_stays_inside(proxy: Proxy, path: str) -> None:
    status, body = proxy.call(path)
    assert status == 404
    assert b"nginx" in body, "nginx itself answers"


def test_receivers_can_fetch_the_public_keys(proxy: Proxy) -> None:
    assert proxy.call("/.well-known/ringback/webhook-keys")[0] == 200
