"""Which addresses may be called: the public ones, and what the operator has allowed. Pure.

The tables are our own, because `ipaddress.is_global` says yes to addresses that lead inside: on Python
3.11 to 192.0.0.8, 192.88.99.1, 224.0.0.1, ::127.0.0.1, 64:ff9b::7f00:1, 2002:7f00:1::1 and more.
Here an address is refused unless it is known to be global unicast, and an IPv4 address hidden in an
IPv6 one is unwrapped and judged as well.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ringback.errors import Misconfigured

SETTING = "RINGBACK_CALLBACK_ALLOW"

HOSTS_REMEMBERED = 1_024

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class PolicyRefusal:
    """Why an address or a host may not be called."""

    subject: str
    """What was refused, in words: a host name or an address as the caller named it, or an address of its
    host."""
    rule: str
    """The rule in words, such as `a loopback address`."""
    resolved: bool = False
    """Whether it is an address to which a name was resolved, rather than what the caller named."""

    def __str__(self) -> str:
        return (
            f"{self.subject} is {self.rule}, which this server does not call; "
            f"its operator can allow it with {SETTING}"
        )


class Policy:
    """The rules in force: what is public, plus what the settings allow."""

    def __init__(self, allow: Sequence[str] = (), ports: Sequence[int] = ()) -> None:
        """`allow` and `ports` are the settings of these names.

        Raises `Misconfigured` for an entry that is neither a CIDR, an address nor a host name.
        """
        self.ports = frozenset(ports)
        """Ports that a callback may name; empty: any."""
        self._networks: list[Network] = []
        self._hosts: set[str] = set()
        self._suffixes: list[str] = []
        for entry in allow:
            self._allow(entry.strip())
        # The same few hosts are named again and again.
        self.host_refusal = lru_cache(HOSTS_REMEMBERED)(self._host_refusal)
        """Judges a host before it is resolved: None when it may be resolved, or is a good address. It is in
        lower case, ASCII, without brackets: as `egress.target` leaves it."""
        bad = [port for port in ports if not 0 < port < 65_536]
        if bad:
            raise Misconfigured(f"RINGBACK_CALLBACK_PORTS: {bad[0]} is not a port (1 to 65535)")

    def _host_refusal(self, host: str) -> PolicyRefusal | None:
        try:
            return self.refusal(ip_address(host), host)
        except ValueError:
            pass
        if _plain(host) in _METADATA_HOSTS and _plain(host) not in self._hosts:
            return PolicyRefusal(host, "a cloud metadata service (allowed only when named exactly)")
        return None

    def refusal(self, address: Address, host: str) -> PolicyRefusal | None:
        """Judge one address that `host` stands for (it may be the host itself); None: it may be called."""
        resolved = not _is_address(host)
        subject = f"an address of {host}" if resolved else str(address)
        for each in _readings(address):
            rule = self._rule_against(each, host)
            if rule is not None:
                return PolicyRefusal(subject, rule, resolved)
        return None

    def _rule_against(self, address: Address, host: str) -> str | None:
        if address in _METADATA_ADDRESSES:
            if self._names_exactly(address, host):
                return None
            return "a cloud metadata service (allowed only when named exactly)"
        rule = _rule_against(address)
        return None if rule is None or self._allows(address, host) else rule

    def _names_exactly(self, address: Address, host: str) -> bool:
        return ip_network(address) in self._networks or _plain(host) in _METADATA_HOSTS & self._hosts

    def _allows(self, address: Address, host: str) -> bool:
        name = _plain(host)
        return (
            name in self._hosts
            or any(name.endswith(suffix) for suffix in self._suffixes)
            or any(address in network for network in self._networks)
        )

    def _allow(self, entry: str) -> None:
        """`settings` judges the form of an entry by the same grammar; a test holds the two together."""
        network = _as_network(entry)
        name = entry.removeprefix("*.")
        if network is not None:
            self._networks.append(network)
        elif _HOST.fullmatch(name) and not ends_in_number(name):
            if name == entry:
                self._hosts.add(_plain(name.lower()))
            else:
                self._suffixes.append("." + _plain(name.lower()))
        else:
            raise Misconfigured(
                f"{SETTING}: {entry!r} is neither a network (10.0.0.0/8), an address (10.1.2.3, ::1) "
                "nor a host name (receiver.internal, *.internal); separate entries with commas, "
                "and leave out scheme, port and path"
            )


def ends_in_number(host: str) -> bool:
    """Whether URL parsers take this host for an IPv4 address, in however odd a form.

    https://url.spec.whatwg.org/#ends-in-a-number-checker
    """
    last = _plain(host).rpartition(".")[2]
    return last.isdigit() or re.fullmatch(r"0[xX][0-9a-fA-F]*", last) is not None


def _as_network(entry: str) -> Network | None:
    """A CIDR or an address; an IPv4 network in IPv6 clothes counts as IPv4, as the kernel treats it."""
    try:
        network = ip_network(entry)
    except ValueError:
        if "/" in entry and _is_address(entry.partition("/")[0]):
            raise Misconfigured(
                f"{SETTING}: {entry!r} is not a network; is a bit set beyond the prefix? "
                f"{_suggestion(entry)} may be meant"
            ) from None
        return None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        inner = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((inner, network.prefixlen - 96))
    return network


def _suggestion(entry: str) -> str:
    try:
        return str(ip_network(entry, strict=False))
    except ValueError:
        return "something like 10.0.0.0/8 or fd00::/8"


def _readings(address: Address) -> Iterator[Address]:
    """Every address that a packet to this one may end at: itself, and the IPv4 ones inside it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    packed = address.packed
    if address in _MAPPED:
        # The kernel opens an IPv4 connection: only the inner address counts.
        yield IPv4Address(packed[12:])
        return
    yield address
    if address in _NAT64:
        yield IPv4Address(packed[12:])
    elif address in _LOCAL_NAT64:
        # RFC 6052: with a prefix of 48 bits the address stands around the "u" octet, and the rest is zero.
        has_48_bit_prefix = not any(packed[11:])
        yield IPv4Address(packed[6:8] + packed[9:11] if has_48_bit_prefix else packed[12:])
    elif address in _SIX_TO_FOUR:
        yield IPv4Address(packed[2:6])
    elif address in _TEREDO:
        yield IPv4Address(packed[4:8])
        yield IPv4Address(bytes(byte ^ 0xFF for byte in packed[12:]))
    elif address in _COMPATIBLE or address in _TRANSLATED or packed[8:12] in _ISATAP:
        yield IPv4Address(packed[12:])


def _rule_against(address: Address) -> str | None:
    """The rule that an address breaks; None when it is global unicast."""
    if address in _NAT64:
        return None  # stands for the IPv4 address within, which is judged by itself
    for network, rule in _NOT_GLOBAL:
        if address in network:
            return rule
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "not a public address"
    return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _plain(host: str) -> str:
    """A host name without the dot that marks it as absolute."""
    return host.removesuffix(".")


_HOST = re.compile(
    r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)

_MAPPED = IPv6Network("::ffff:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))
_GLOBAL_UNICAST = IPv6Network("2000::/3")

_PRIVATE = "a private address"
_DOCUMENTATION = "an address reserved for documentation"
_PROTOCOL = "an address reserved for protocol use"

# https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry,
# less the few blocks that are ordinary public addresses with an unusual history.
_NOT_GLOBAL: list[tuple[Network, str]] = [
    (ip_network(network), rule)
    for network, rule in [
        ("0.0.0.0/8", "an address of this very machine"),
        ("10.0.0.0/8", _PRIVATE),
        ("100.64.0.0/10", "a shared (carrier NAT) address"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", _PRIVATE),
        ("192.0.0.0/24", _PROTOCOL),
        ("192.0.2.0/24", _DOCUMENTATION),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", _PRIVATE),
        ("198.18.0.0/15", "an address reserved for benchmarks"),
        ("198.51.100.0/24", _DOCUMENTATION),
        ("203.0.113.0/24", _DOCUMENTATION),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an address of this very machine"),
        ("::1/128", "a loopback address"),
        ("2001::/23", _PROTOCOL),
        ("2001:db8::/32", _DOCUMENTATION),
        ("2002::/16", "a 6to4 address"),
        ("3fff::/20", _DOCUMENTATION),
        ("fc00::/7", _PRIVATE),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    ]
]

# What hands out credentials to any program on a machine in a cloud. Azure's and Alibaba's lie among
# addresses that look public or shared, so that a wide CIDR must not open them by accident.
_METADATA_ADDRESSES: frozenset[Address] = frozenset(
    ip_address(address)
    for address in [
        "169.254.169.254",
        "169.254.169.253",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::254",
        "fd00:ec2::253",
        "fd00:ec2::23",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ]
)
_METADATA_HOSTS = frozenset(
    {"metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"}
)
