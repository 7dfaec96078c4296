"""How a connection comes about: name, address, socket, TLS; judged and timed at each step.

The guard sits where the socket is made: it sees the final address of names, literals and odd forms
alike, after everything that resolves, caches or redirects has had its say. The resolver judges first,
so that a name with one bad address among good ones is refused whole.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeAlias

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace

from ringback.clock import Clock
from ringback.egress.answers import Blocked, Unresolvable
from ringback.egress.policy import Policy, Refused

RESOLVE_SECONDS = 2.0
RESOLVER_THREADS = 32
"""A name server that hangs holds a thread; the others must not wait behind it."""

INTERIM_ANSWERS = 16
"""Answers with a 1xx status that may come before the real one."""

Resolve: TypeAlias = Callable[[str, int], list[str]]
"""The blocking look-up: host and port to addresses; raises `OSError` or `UnicodeError`."""


@dataclass(slots=True)
class Dial:
    """One attempt's way to its connection; written by the steps below, read by the door."""

    host: str
    connect_seconds: float
    clock: Clock
    began: float
    resolving: float | None = None
    connecting: float | None = None
    securing: float | None = None
    connected: float | None = None
    fresh: bool = False
    """Whether a new connection was asked for; False: one was reused."""
    refused: Refused | None = None
    address: str | None = None
    transport: asyncio.Transport | None = None
    limit: asyncio.Timeout | None = None

    def start_connecting(self) -> None:
        """The name is resolved: from here the connect limit runs, however many addresses there are."""
        if self.connecting is None:
            self.connecting = self.clock.monotonic()
            if self.limit is not None:
                self.limit.reschedule(asyncio.get_running_loop().time() + self.connect_seconds)

    def abort(self) -> None:
        """Drop the connection now; unsent bytes must not wait for a receiver that never reads."""
        if self.transport is not None:
            self.transport.abort()


current_dial: ContextVar[Dial | None] = ContextVar("current_dial", default=None)


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of `host`, in the system's order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class GuardedResolver(AbstractResolver):
    """Looks names up in threads of its own, and refuses a name if any of its addresses is refused."""

    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, "resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        dial = current_dial.get()
        if dial is not None:
            dial.resolving = dial.clock.monotonic()
        try:
            addresses = await self.addresses(host, port)
        except Blocked as blocked:
            if dial is not None:
                dial.refused = blocked.refused
            raise
        if dial is not None:
            dial.start_connecting()
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a name; raises `Unresolvable`, or `Blocked` if any of them is refused."""
        refused = self._policy.host_refusal(host)
        if refused is not None:
            raise Blocked(refused)
        addresses = await self._look_up(host, port)
        for address in addresses:
            refused = self._policy.refusal(ip_address(address), host)
            if refused is not None:
                raise Blocked(refused)
        return addresses

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await loop.run_in_executor(self._threads, self._resolve, host, port)
        except TimeoutError:
            raise Unresolvable(f"{host} was not resolved within {RESOLVE_SECONDS:g} s") from None
        except OSError as error:
            raise Unresolvable(f"{host} could not be resolved: {error.strerror or error}") from None
        except UnicodeError:
            raise Unresolvable(f"{host} could not be resolved: not a valid name") from None
        if not addresses:
            raise Unresolvable(f"{host} has no address")
        return list(dict.fromkeys(addresses))


class GuardedConnector(TCPConnector):
    """Connections to judged addresses only, each timed for the `Dial` that asked for it."""

    def __init__(
        self, policy: Policy, resolver: GuardedResolver, tls: ssl.SSLContext, *, keep_alive: float | None
    ) -> None:
        super().__init__(
            resolver=resolver,
            use_dns_cache=False,
            ssl=tls,
            limit=0,  # whoever sends counts
            socket_factory=self._guarded_socket,
            **({"force_close": True} if keep_alive is None else {"keepalive_timeout": keep_alive}),
        )
        self._policy = policy
        # The one private name that we touch; `test_egress_receivers` notices if it ever means nothing.
        handler: type[ResponseHandler] = OneAnswer
        self._factory = partial(handler, loop=self._loop)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        dial = current_dial.get()
        assert dial is not None, "the door sets a dial for every request"
        async with asyncio.timeout(None) as dial.limit:
            connection = await super().connect(req, traces, timeout)
        dial.connected = dial.clock.monotonic()
        dial.transport = connection.transport
        if dial.address is None and connection.transport is not None:
            peer = connection.transport.get_extra_info("peername")
            dial.address = str(peer[0]) if peer else None
        return connection

    def _guarded_socket(self, info: AddrInfoType) -> socket.socket:
        """The last step before bytes leave: judge the address that is about to be called."""
        family, kind, protocol, _, address = info
        dial = current_dial.get()
        host = str(address[0]) if dial is None else dial.host
        refused = self._policy.refusal(ip_address(str(address[0])), host)
        if refused is not None:
            if dial is not None:
                dial.refused = refused
            raise Blocked(refused)
        if dial is not None:
            dial.fresh = True
            dial.start_connecting()
        return socket.socket(family, kind, protocol)


class OneAnswer(ResponseHandler):
    """Lets one answer through per request, after a few interim ones; whatever else comes ends the connection.

    A flood of interim answers, or of answers to nothing on a kept connection, would otherwise pile up in
    memory faster than it is read, for the library puts no bound to it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._interim = 0
        self._answered = True

    def set_response_params(self, **params: Any) -> None:
        self._interim = 0
        self._answered = False
        super().set_response_params(**params)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        code = data[0].code
        if self._answered:
            self._end()
        elif code >= 200 or code == 101:
            self._answered = True
            super().feed_data(data, size)
        elif self._interim < INTERIM_ANSWERS:
            self._interim += 1
            super().feed_data(data, size)
        else:
            self._answered = True
            self.set_exception(HttpProcessingError(message="too many interim answers"))
            self._end()

    def _end(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class TimedTls(ssl.SSLContext):
    """A verifying context that notes in the current `Dial` when a handshake begins."""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        dial = current_dial.get()
        if dial is not None:
            dial.securing = dial.clock.monotonic()
        return super().wrap_bio(*args, **kwargs)


def verifying_tls() -> TimedTls:
    """Certificates and host names are checked, against OpenSSL's store (`SSL_CERT_FILE`, `SSL_CERT_DIR`)."""
    context = TimedTls(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context
