"""Opens connections: name, addresses, socket, TLS; each step is checked and timed.

The address policy is applied where the socket is made: to the final address, whatever form the host had. The
addresses of a name are checked before, too, so that a name with one forbidden address is refused as a whole.
The socket is connected to the address that was checked: there is no second look-up.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Final, TypeVar

import msgspec

from ringback.clock import Clock
from ringback.egress.names import Names, Requester
from ringback.egress.policy import Policy
from ringback.egress.responses import LOCAL_ERRNOS, Blocked
from ringback.egress.target import Target

STAGGER_SECONDS: Final = 0.25
"""After which the next address of a name is tried beside those before it (RFC 8305 §5)."""
SECURE: Final = frozenset({"https", "wss"})

P = TypeVar("P", bound=asyncio.Protocol)


class ConnectTimeout(TimeoutError):
    """No connection, TLS included, within the limit."""


class Dial(msgspec.Struct):
    """When each step of one attempt began, by the monotonic clock; None: not reached, or not needed."""

    connect_seconds: float
    clock: Clock
    began: float
    resolving: float | None = None
    connecting: float | None = None
    securing: float | None = None
    connected: float | None = None
    sent: float | None = None
    address: str | None = None
    """The one that was called, or was tried last."""

    def note_connected(self, address: str | None = None) -> None:
        """`address`: that of a connection which was open already."""
        self.connected = self.clock.monotonic()
        self.address = address or self.address

    def note_sent(self) -> None:
        self.sent = self.clock.monotonic()


class Dialler:
    """Opens connections to addresses that the policy allows."""

    def __init__(self, policy: Policy, names: Names) -> None:
        self._policy = policy
        self._names = names
        self._tls: ssl.SSLContext | None = None
        self._making_tls = asyncio.Lock()

    async def addresses(self, target: Target, requester: Requester) -> list[str]:
        """Where `target` may be called; raises `Blocked` if any address of its name is refused, and as
        `Names.addresses`. Nothing is connected."""
        refused = self._policy.host_refusal(target.host)
        if refused is not None:
            raise Blocked(refused)
        if target.is_address:
            return [target.host]
        addresses = await self._names.addresses(target.host, target.port, requester)
        for address in addresses:
            refused = self._policy.refusal(ip_address(address), target.host)
            if refused is not None:
                raise Blocked(refused)
        return addresses

    async def connect(self, target: Target, requester: Requester, dial: Dial, protocol: Callable[[], P]) -> P:
        """A connection with this protocol. Raises `Blocked`, `ConnectTimeout` or another `OSError`
        (`ssl.SSLError` among them), and as `addresses`."""
        if not target.is_address:
            dial.resolving = dial.clock.monotonic()
        addresses = await self.addresses(target, requester)
        dial.connecting = dial.clock.monotonic()
        try:
            async with asyncio.timeout(dial.connect_seconds) as limit:
                connected_socket = await self._first_connected(addresses, target, dial)
                connection = await self._secured(connected_socket, target, dial, protocol)
        except TimeoutError:
            if limit.expired():
                raise ConnectTimeout from None
            raise
        dial.note_connected()
        return connection

    async def _secured(
        self, connected_socket: socket.socket, target: Target, dial: Dial, protocol: Callable[[], P]
    ) -> P:
        secure = target.scheme in SECURE
        try:
            tls = await self._verifying_tls() if secure else None
            if secure:
                dial.securing = dial.clock.monotonic()
            _, connection = await asyncio.get_running_loop().create_connection(
                protocol,
                sock=connected_socket,
                ssl=tls,
                server_hostname=target.host.removesuffix(".") if secure else None,
            )
        except BaseException:
            connected_socket.close()
            raise
        return connection

    async def _verifying_tls(self) -> ssl.SSLContext:
        """Made for the first connection that needs it, in a thread: the system's certificates take 25 ms to
        read, and 1 MB, which a server that has no such receivers spares."""
        async with self._making_tls:
            if self._tls is None:
                self._tls = await asyncio.to_thread(verifying_tls)
            return self._tls

    async def _first_connected(self, addresses: Sequence[str], target: Target, dial: Dial) -> socket.socket:
        """The first of these addresses that answers, each tried a little after the one before it."""
        if len(addresses) == 1:
            return await self._connect_socket(addresses[0], target, dial)
        waiting = set[asyncio.Task[socket.socket]]()
        fault: OSError | None = None
        try:
            for address in (*_alternating(addresses), None):
                if address is not None:
                    waiting.add(asyncio.create_task(self._connect_socket(address, target, dial)))
                while waiting:
                    ended, waiting = await asyncio.wait(
                        waiting,
                        timeout=None if address is None else STAGGER_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    winner = next((task for task in ended if task.exception() is None), None)
                    if winner is not None:
                        waiting |= ended - {winner}
                        dial.address = str(winner.result().getpeername()[0])
                        return winner.result()
                    for task in ended:
                        fault = _worse(fault, task.exception())
                    if address is not None:
                        break  # it is the next one's turn
            assert fault is not None
            raise fault
        finally:
            for task in waiting:
                task.cancel()
                task.add_done_callback(_close_unused)

    async def _connect_socket(self, address: str, target: Target, dial: Dial) -> socket.socket:
        """The last step before bytes leave: judge the address that is about to be called."""
        parsed = ip_address(address)
        refused = self._policy.refusal(parsed, target.host)
        if refused is not None:
            raise Blocked(refused)
        dial.address = address
        new_socket = socket.socket(
            socket.AF_INET6 if parsed.version == 6 else socket.AF_INET, socket.SOCK_STREAM
        )
        try:
            new_socket.setblocking(False)
            new_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(new_socket, (address, target.port))
        except BaseException:
            new_socket.close()
            raise
        return new_socket


def verifying_tls() -> ssl.SSLContext:
    """Certificates and host names are checked, against OpenSSL's store (`SSL_CERT_FILE`, `SSL_CERT_DIR`)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _alternating(addresses: Sequence[str]) -> list[str]:
    """IPv6 and IPv4 by turns, beginning with the family of the first (RFC 8305 §4)."""
    first = [each for each in addresses if (":" in each) == (":" in addresses[0])]
    second = [each for each in addresses if (":" in each) != (":" in addresses[0])]
    return [each for each in chain.from_iterable(zip_longest(first, second)) if each is not None]


def _worse(worst: OSError | None, error: BaseException | None) -> OSError:
    """The fault to tell: a refusal or a trouble of our own before what one of several addresses did."""
    if not isinstance(error, OSError):
        assert error is not None
        raise error
    tells_more = isinstance(error, Blocked) or error.errno in LOCAL_ERRNOS
    return error if worst is None or tells_more else worst


def _close_unused(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
