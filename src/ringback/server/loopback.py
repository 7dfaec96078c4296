"""Whether a request comes from a program on this machine, which may see what operators see. Pure."""

import ipaddress
from collections.abc import Mapping

_OF_PROXIES = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


def is_local(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a program on this machine, on its own behalf. `headers`: names in lower
    case.

    A proxy on this machine forwards requests of others: it adds a header, or passes on their `Host`. A
    browser sends requests of the pages that it shows: those of other origins have `Origin`, and a name that
    was made to resolve to this machine is in `Host`.
    """
    if peer is None or not _is_loopback(peer):
        return False
    if any(name in headers for name in (*_OF_PROXIES, "origin")):
        return False
    host = headers.get("host", "").strip().lower()
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
