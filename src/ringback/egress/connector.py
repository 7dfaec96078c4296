"""How a connection comes about: name, address, socket, TLS; judged and timed at each step.

The guard sits where the socket is made: it sees the final address of names, literals and odd forms
alike, after everything that resolves, caches or redirects has had its say. The resolver judges first,
so that a name with one bad address among good ones is refused whole.
"""

import asyncio
import socket
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace

from ringback.clock import Clock
from ringback.egress.answers import OUR_TROUBLES, Blocked
from ringback.egress.names import Names
from ringback.egress.policy import Policy, Refused

INTERIM_ANSWERS = 16
"""Answers with a 1xx status that may come before the real one."""


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
    sent: float | None = None
    fresh: bool = False
    """Whether a new connection was asked for; False: one was reused."""
    refused: Refused | None = None
    trouble: OSError | None = None
    """Why this machine could make no socket, if it is out of them."""
    address: str | None = None
    """The one that was called, or was tried last."""
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


class GuardedResolver(AbstractResolver):
    """Refuses a name if any of its addresses is refused."""

    def __init__(self, policy: Policy, names: Names) -> None:
        self._policy = policy
        self._names = names

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
        """The addresses of a name; raises `Blocked` if any of them is refused, and as `Names.addresses`."""
        refused = self._policy.host_refusal(host)
        if refused is not None:
            raise Blocked(refused)
        addresses = await self._names.addresses(host, port)
        for address in addresses:
            refused = self._policy.refusal(ip_address(address), host)
            if refused is not None:
                raise Blocked(refused)
        return addresses

    async def close(self) -> None:
        self._names.close()


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
        peer = None if connection.transport is None else connection.transport.get_extra_info("peername")
        if peer:
            dial.address = str(peer[0])
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
            dial.address = str(address[0])
            dial.start_connecting()
        try:
            return socket.socket(family, kind, protocol)
        except OSError as error:
            if dial is not None and error.errno in OUR_TROUBLES:
                dial.trouble = error
            raise


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

    def start_timeout(self) -> None:
        """The library says here that the whole request has been handed over; its own limits are not used."""
        dial = current_dial.get()
        if dial is not None:
            dial.sent = dial.clock.monotonic()

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
