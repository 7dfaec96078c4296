"""An HTTP client of a running server, for commands that ask one."""

import functools
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from ringback import __version__
from ringback.cli.options import settings_of, warn_if_on_command_line, with_settings
from ringback.cli.output import printable
from ringback.errors import Misconfigured
from ringback.settings import Settings

SECONDS = 60.0
"""Patience with one answer: a redelivery of thousands takes some."""

P = ParamSpec("P")
R = TypeVar("R")
Query = Sequence[tuple[str, str]]


class ServerRefused(click.ClickException):
    """The server said no; the message is what it said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"The server refused ({status}): {message}")
        self.status = status


class ServerClient:
    """One server and one key. Methods raise `ServerRefused`, or `ClickException` if no server answers."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key
        # It connects to the given address: no proxy from the environment.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @functools.cached_property
    def project(self) -> str:
        """The path of the key's project."""
        (project, *_) = self.get("/v1/projects")["projects"]
        return f"/v1/projects/{project['project_id']}"

    def get(self, path: str, query: Query = ()) -> Any:
        return json.loads(self.fetch(path, query))

    def fetch(self, path: str, query: Query = ()) -> bytes:
        """The body as it came."""
        return self._send("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return json.loads(self._send("POST", path, json.dumps(body).encode()))

    def delete(self, path: str) -> Any:
        return json.loads(self._send("DELETE", path, None))

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Authorization": f"Token {self.key}", "User-Agent": f"ringback/{__version__}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.address + path, body, headers, method=method)  # noqa: S310 - http(s)
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                whole: bytes = answer.read()
                return whole
        except urllib.error.HTTPError as error:
            with error:
                message = error.headers.get("dg-error") or error.reason
            raise ServerRefused(error.code, printable(str(message))) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise click.ClickException(
                f"No answer from {self.address} ({reason}): is `ringback serve` running there? "
                "--server names another place."
            ) from None


def query_of(tags: Sequence[str] = (), **named: Any) -> Query:
    """The parameters of a list; what was not given is left out."""
    return [*((name, str(value)) for name, value in given(**named).items()), *(("tag", tag) for tag in tags)]


def given(**named: Any) -> dict[str, Any]:
    """Without what was not given."""
    return {name: value for name, value in named.items() if value not in (None, ())}


def with_server(command: Callable[Concatenate[ServerClient, P], R]) -> Callable[..., R]:
    """Give a command the server that its options and settings name, as the first argument."""

    @with_settings
    @click.option(
        "--server", metavar="URL", help="Where the server is [default: this machine's, by its settings]."
    )
    @click.option(
        "--key",
        callback=warn_if_on_command_line("RINGBACK_API_KEY"),
        help="API key [default: RINGBACK_API_KEY, which is the safer place, or the settings' api_key].",
    )
    @functools.wraps(command)
    def with_remote(
        config: Path | None, data_dir: str | None, server: str | None, key: str | None, **arguments: Any
    ) -> R:
        settings = settings_of(config, data_dir)
        remote = ServerClient(_address(server, settings), _key_of(key, settings))
        return command(remote, **arguments)  # type: ignore[call-arg] # click passes all by name

    return with_remote


def _address(server: str | None, settings: Settings) -> str:
    if server is None:
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
        host = everywhere.get(settings.host, settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    parts = urllib.parse.urlsplit(server)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Misconfigured(f"--server {server} is no address: write it like http://127.0.0.1:8080.")
    return server.rstrip("/").removesuffix("/v1")


def _key_of(key: str | None, settings: Settings) -> str:
    if found := key or settings.api_key:
        return found
    raise Misconfigured(
        "No API key: name one with RINGBACK_API_KEY or --key; `ringback keys create` makes one on the server."
    )
