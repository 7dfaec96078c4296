"""How many connections there may be, from which addresses, and how many bytes they may hold together.

Any client can open connections and send nothing. When the limit is reached, the connection that has waited
longest for its client is closed for a new one; one whose request is being processed never is.
"""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from ringback import telemetry

HELD_BYTES = 64 << 20
"""Bytes that all connections together may have read and not yet passed on."""

UNSENT_BYTES = 128 << 20
"""Bytes of answers that clients have not read yet, over all connections. A single answer may be larger."""

READ_BYTES_MOST, READ_BYTES_LEAST = 65_536, 4_096
"""Bytes that one connection may have read and not yet passed on: its share of `HELD_BYTES`, between these
limits."""

METRICS_PATH = "/metrics"
PROBE_PATHS = frozenset({"/v1/status", "/v1/status/engine", METRICS_PATH})
"""What is answered also where there are too many connections."""

PROBES_MOST = 32
"""Connections above the limit that are answered if they are probes."""

REPORTED_EVERY = 60.0
"""Seconds between two reports of events that any client can cause at any rate."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConnectionAdmission(Enum):
    """What a new connection may do."""

    ANY = "any"
    PROBE = "probe"
    """There are too many connections: only probes are answered."""
    NONE = "none"
    """There are too many even for probes: closed at once."""


class CountedConnection(Protocol):
    """A connection."""

    held: int
    """Bytes that it has read and not passed on yet."""
    group: str
    """The client's address group, for the limit per address (`group_of`)."""

    def evict(self) -> None:
        """Call `release_connection`, and close: a new connection needs its place, or its memory."""
        ...


class ReportLimiter:
    """Counts events that any client can cause at any rate, and reports them at most once in an interval."""

    def __init__(self, every: float = REPORTED_EVERY) -> None:
        self._every = every
        self._since = 0
        self._next_at = 0.0

    def due(self, now: float) -> int:
        """Count one; the count since the last report, or 0 if no report is due yet. `now`: monotonic."""
        self._since += 1
        if now < self._next_at:
            return 0
        count, self._since, self._next_at = self._since, 0, now + self._every
        return count


class Capacity:
    """Shared by all connections of a server."""

    def __init__(self, most: int, per_address: int, proxies: Sequence[Network] = ()) -> None:
        """`per_address`: 0 is no limit. `proxies`: networks whose own addresses are not counted."""
        self.most = most
        self.per_address = per_address or most
        self._proxies = proxies
        self._connections = 0
        self._probes = 0
        self._by_address: Counter[str] = Counter()
        self._waiting: dict[CountedConnection, None] = {}
        """Connections that wait for their client, longest first."""
        self._waiting_by_group: dict[str, dict[CountedConnection, None]] = {}
        """The same by address group."""
        self._held = 0
        self._unsent: dict[CountedConnection, int] = {}
        """Connections whose client reads more slowly than the server writes, longest first."""
        self._unsent_bytes = 0
        self.read_bytes = READ_BYTES_MOST
        """Bytes that one connection may hold at present."""
        self._full = ReportLimiter()
        self.refused = ReportLimiter()

    def admit_connection(self, address: str, now: float) -> ConnectionAdmission:
        """A new connection from this address. Call `release_connection` later with the returned admission."""
        self._count(1)
        if self.take_address(address) or (self._evict_from_address(address) and self.take_address(address)):
            if self._connections <= self.most or self._evict_longest_waiting(self._waiting):
                return ConnectionAdmission.ANY
            self.release_address(address)
        telemetry.CONNECTIONS_REFUSED.labels("full").inc()
        if count := self._full.due(now):
            telemetry.problem("connections.full", count=count, most=self.most, per_address=self.per_address)
        if self._probes >= PROBES_MOST:
            return ConnectionAdmission.NONE
        self._probes += 1
        return ConnectionAdmission.PROBE

    def release_connection(
        self, connection: CountedConnection, address: str, admission: ConnectionAdmission
    ) -> None:
        self.mark_working(connection)
        self.set_held_bytes(connection, 0)
        self._count(-1)
        if admission is ConnectionAdmission.PROBE:
            self._probes -= 1
        elif admission is ConnectionAdmission.ANY:
            self.release_address(address)

    def mark_waiting(self, connection: CountedConnection) -> None:
        """The connection waits for its client from now on, and may be evicted."""
        self.mark_working(connection)
        self._waiting[connection] = None
        self._waiting_by_group.setdefault(connection.group, {})[connection] = None

    def mark_working(self, connection: CountedConnection) -> None:
        """A request of the connection is processed from now on: it must not be evicted."""
        if connection in self._waiting:
            del self._waiting[connection]
            of_group = self._waiting_by_group[connection.group]
            del of_group[connection]
            if not of_group:
                del self._waiting_by_group[connection.group]

    def set_held_bytes(self, connection: CountedConnection, size: int) -> None:
        self._held += size - connection.held
        connection.held = size
        while self._held > HELD_BYTES and self._evict_longest_waiting(self._waiting):
            pass

    def set_unsent_bytes(self, connection: CountedConnection, size: int) -> None:
        """Record the bytes that the connection's client has not read yet; 0: all are read.

        If all connections together have too many, the address group with the most loses its largest one: an
        answer cannot be taken back, and its reader can ask again.
        """
        self._unsent_bytes += size - self._unsent.pop(connection, 0)
        if size:
            self._unsent[connection] = size
        while self._unsent_bytes > UNSENT_BYTES and len(self._unsent) > 1:
            by_group: Counter[str] = Counter()
            for each, unsent in self._unsent.items():
                by_group[each.group] += unsent
            [(group, _)] = by_group.most_common(1)
            largest = max(
                (each for each in self._unsent if each.group == group), key=self._unsent.__getitem__
            )
            self._unsent_bytes -= self._unsent.pop(largest)
            telemetry.CONNECTIONS_REFUSED.labels("unread").inc()
            largest.evict()

    def forwarded_client(self, address: str, header: bytes) -> str | None:
        """The client behind a trusted proxy: the last address of X-Forwarded-For that is no trusted proxy.
        None: the connection's own address counts."""
        if not self.is_proxy(address):
            return None
        for part in reversed(header.decode("latin-1").split(",")):
            named = part.strip()
            if _address(named) is None:
                return None
            if not self.is_proxy(named):
                return named
        return None

    def is_proxy(self, address: str) -> bool:
        if not self._proxies:
            return False
        found = _address(address)
        return found is not None and any(found in network for network in self._proxies)

    def take_address(self, address: str) -> bool:
        """Count one more connection from this address; False: too many. Call `release_address` later."""
        if self.is_proxy(address):
            return True
        group = group_of(address)
        if self._by_address[group] >= self.per_address:
            return False
        self._by_address[group] += 1
        return True

    def release_address(self, address: str) -> None:
        if self.is_proxy(address):
            return
        group = group_of(address)
        self._by_address[group] -= 1
        if not self._by_address[group]:
            del self._by_address[group]

    def _count(self, change: int) -> None:
        self._connections += change
        share = HELD_BYTES // max(1, self._connections)
        self.read_bytes = min(READ_BYTES_MOST, max(READ_BYTES_LEAST, share))

    def _evict_from_address(self, address: str) -> bool:
        return self._evict_longest_waiting(self._waiting_by_group.get(group_of(address), {}))

    def _evict_longest_waiting(self, waiting: dict[CountedConnection, None]) -> bool:
        """Evict the connection that has waited longest for its client; False if none waits."""
        longest = next(iter(waiting), None)
        if longest is None:
            return False
        longest.evict()
        return True


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def group_of(address: str) -> str:
    """The group of an address: the address itself, or its /64 network, which one IPv6 subscriber has."""
    if ":" not in address:
        return address
    found = _address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return address if found is None else str(found)
