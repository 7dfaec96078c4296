"""`ringback receive`: a receiver of callbacks on this machine, which prints and verifies what comes.

Over HTTP each callback is a request; of a live stream they may also come through a WebSocket.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import click
import msgspec
from aiohttp import web

from ringback.callbacks.signing import NotAKey, Verifier
from ringback.cli.callback_text import callback_lines, has_request_id, request_id_in
from ringback.cli.options import warn_if_on_command_line
from ringback.cli.output import printable
from ringback.clock import Clock, SystemClock
from ringback.errors import Misconfigured

SHOWN_HEADERS = (
    "content-type",
    "content-length",
    "user-agent",
    "dg-",
    "webhook-",
    "ringback-",
    "authorization",
)
"""Headers that say something about a callback, by how their names begin."""

LARGEST_BODY = 256 << 20
"""Bytes; a transcript of a day is about 40 MB."""


@click.command("receive")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8443,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option(
    "--status",
    type=click.IntRange(200, 599),
    default=200,
    show_default=True,
    help="Status to answer, to see retries.",
)
@click.option("--times", type=click.IntRange(min=1), help="Stop after this many callbacks.")
@click.option(
    "--secret",
    "signing_secrets",
    multiple=True,
    metavar="whsec_…",
    envvar="WEBHOOK_SECRET",
    show_envvar=True,
    callback=warn_if_on_command_line("WEBHOOK_SECRET"),
    help="Verify signatures with this signing secret; may repeat. The environment is the safer place.",
)
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    metavar="whpk_…",
    help="Verify signatures with this public key of the server; may repeat.",
)
def command(
    *,
    host: str,
    port: int,
    status: int,
    times: int | None,
    signing_secrets: tuple[str, ...],
    public_keys: tuple[str, ...],
) -> None:
    """Receive callbacks here: print each, verify it, and answer it.

    A mark stands before each thing that was verified: the content-length is exact, the body is JSON, its
    request_id is that of the dg-request-id header, and how often the same delivery (webhook-id) came. With
    --secret or --public-key the signature, too, and that the callback is not older than five minutes.
    With --times the exit status is 1 when something was wrong with a callback.

    The server calls only public addresses by default; for this receiver, start it with
    RINGBACK_CALLBACK_ALLOW=127.0.0.1, and with RINGBACK_CALLBACK_PORTS=any for a port other than
    80, 443, 8080 and 8443.

    \b
    Examples:
      ringback receive
      ringback receive --port 8080 --times 1
      ringback receive --status 500        (see the retries)
      WEBHOOK_SECRET=whsec_… ringback receive    (ringback keys signing-secret KEY_ID shows it)

    WebSocket callbacks of live streams (callback=ws://127.0.0.1:8443/) are received too.
    """
    checker = CallbackChecker(_verifier(signing_secrets, public_keys))
    sys.exit(asyncio.run(_receive(host, port, status, times, checker)))


@dataclass(frozen=True, slots=True)
class Check:
    ok: bool
    what: str
    otherwise: str

    def __str__(self) -> str:
        if self.ok:
            return click.style("✓ ", fg="green") + printable(self.what)
        return click.style("✗ ", fg="red") + printable(f"{self.what}, {self.otherwise}")


@dataclass(slots=True)
class CallbackChecker:
    """What has arrived so far."""

    verifier: Verifier | None = None
    """None: signatures are shown and not verified."""
    clock: Clock = field(default_factory=SystemClock)
    received: int = 0
    faulty: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    """Delivery (its webhook-id) → how often it came."""

    def check_callback(self, headers: Mapping[str, str], body: bytes) -> "CheckedCallback":
        """Verify one callback and count it."""
        self.received += 1
        document = _document(body)
        length = headers.get("content-length")
        checks = [
            Check(length == str(len(body)), f"content-length {length}", f"but {len(body)} bytes came"),
            *_content_checks(headers, document),
        ]
        if (signed := self.signature(headers, body)) is not None:
            checks.append(signed)
        delivery = headers.get("webhook-id")
        times = 0
        if delivery is not None:
            times = self.seen[delivery] = self.seen.get(delivery, 0) + 1
        self.faulty += not all(check.ok for check in checks)
        return CheckedCallback(checks, times, document)

    def signature(self, headers: Mapping[str, str], body: bytes) -> Check | None:
        """Whether the signature is right; None without a secret or public key to verify it with."""
        if self.verifier is None:
            return None
        fault = self.verifier.fault(headers, body, self.clock.now())
        return Check(fault is None, "signature", f"but {fault}")

    def check_message(self, handshake: Mapping[str, str], message: bytes) -> "CheckedCallback":
        """Verify one message of a WebSocket callback, whose headers came once, with its handshake."""
        self.received += 1
        document = _document(message)
        checks = _content_checks(handshake, document)
        self.faulty += not all(check.ok for check in checks)
        return CheckedCallback(checks, 0, document)


@dataclass(frozen=True, slots=True)
class CheckedCallback:
    """One callback, verified."""

    checks: list[Check]
    times: int
    """How often this delivery has come, this time included; 0: it bears no webhook-id of its own."""
    document: Any


def _content_checks(headers: Mapping[str, str], document: Any) -> list[Check]:
    """It is JSON, and about the request that the headers name."""
    checks = [Check(document is not None, "JSON", "is not what came")]
    if has_request_id(document):
        inside, outside = request_id_in(document), headers.get("dg-request-id")
        same = inside == outside is not None
        checks.append(Check(same, f"request_id {inside}", f"but dg-request-id {outside}"))
    return checks


def _verifier(signing_secrets: Sequence[str], public_keys: Sequence[str]) -> Verifier | None:
    if not signing_secrets and not public_keys:
        return None
    try:
        return Verifier.of(signing_secrets, public_keys)
    except NotAKey as error:
        raise Misconfigured(f"That cannot verify anything: {error}.") from None


async def _receive(host: str, port: int, status: int, times: int | None, checker: CallbackChecker) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    receiver = _Receiver(checker, status, times, stop)
    application = web.Application(client_max_size=LARGEST_BODY)
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await _start(site, host, port)
        bound = runner.addresses[0][1]
        _print(f"Listening for callbacks on http://{host}:{bound}/ (Ctrl-C ends)")
        await stop.wait()
        await receiver.close()
    finally:
        await runner.cleanup()
    repeated = sum(count - 1 for count in checker.seen.values())
    _print(
        f"{checker.received} received, {repeated} of them repeated, {checker.faulty} with something wrong."
    )
    return 1 if times is not None and checker.faulty else 0


@dataclass(slots=True)
class _Receiver:
    """Takes what comes: a callback in each request, or a stream's callbacks through a WebSocket."""

    checker: CallbackChecker
    status: int
    times: int | None
    stop: asyncio.Event
    open: set[web.WebSocketResponse] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        _print("")
        if headers.get("upgrade", "").lower() == "websocket":
            return await self._handle_stream(request, headers)
        judged = self.checker.check_callback(headers, await request.read())
        title = _bold(printable(f"{request.method} {request.path_qs}"))
        _print(f"{title}   (callback {self.checker.received}, answered {self.status})")
        _show_headers(headers)
        _show(judged)
        self._count()
        return web.Response(status=self.status)

    async def close(self) -> None:
        for each in tuple(self.open):
            await each.close()

    async def _handle_stream(self, request: web.Request, headers: Mapping[str, str]) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.open.add(socket)
        _print(_bold(printable(f"WebSocket {request.path_qs}")))
        _show_headers(headers)
        if (signed := self.checker.signature(headers, b"")) is not None:
            self.checker.faulty += not signed.ok
            _print(f"  {signed}")
        async for message in socket:
            if isinstance(message.data, str):
                _show(self.checker.check_message(headers, message.data.encode()))
                self._count()
        self.open.discard(socket)
        _print(f"The WebSocket {printable(request.path_qs)} was closed ({socket.close_code}).")
        return socket

    def _count(self) -> None:
        if self.times is not None and self.checker.received >= self.times:
            self.stop.set()


async def _start(site: web.TCPSite, host: str, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        raise Misconfigured(
            f"Cannot listen on {host}:{port} ({_reason(error)}): choose another with --port; callbacks may "
            "name 80, 443, 8080 and 8443 by default."
        ) from None


def _reason(error: OSError) -> str:
    """In the system's words alone: asyncio's repeat the address."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return str(error.strerror or error)
    return os.strerror(error.errno)


def _document(body: bytes) -> Any:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(body)
    return None


def _bold(text: str) -> str:
    return click.style(text, bold=True)


def _show_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name.startswith(SHOWN_HEADERS):
            # A password has no place on a screen that others may see.
            safe_value = value.partition(" ")[0] + " …" if name == "authorization" else value
            _print(printable(f"  {name}: {safe_value}"))


def _show(judged: CheckedCallback) -> None:
    seen = [f"delivery seen {judged.times}×"] if judged.times else []
    _print("  " + "   ".join([*map(str, judged.checks), *seen]))
    for line in callback_lines(judged.document):
        _print("  " + line)


def _print(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
