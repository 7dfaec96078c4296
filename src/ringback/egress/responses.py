"""What a request to a user's URL may result in. Whatever a receiver does is one of these values."""

import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from ringback.egress.policy import PolicyRefusal

POLICY_ERRNO = 0x52_42
"""Beyond any errno of the system, so that "blocked by policy" is recognised however it is wrapped."""

LOCAL_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""Errnos that say nothing about the other side: this machine or process has run out of a resource."""

BODY_LIMIT = 16_384
"""Bytes of a receiver's body that are read."""

BODY_SECONDS = 1.0
"""For a receiver's body, which is read only for the record: the status has decided already."""


class Blocked(OSError):
    """The address policy refuses this address or host; nothing was connected."""

    def __init__(self, refused: PolicyRefusal) -> None:
        super().__init__(POLICY_ERRNO, str(refused))
        self.refused = refused


class Unresolvable(OSError):
    """The name has no address now, or none was found in time."""

    def __init__(self, text: str, *, temporary: bool = True) -> None:
        super().__init__(text)
        self.temporary = temporary
        """False: the name servers say that there is no such name."""


class LookupsBusy(OSError):
    """The name was not looked up: too many look-ups hang. That says nothing about this name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: for the connection (TLS included, the look-up of the name not) and for the whole attempt."""

    connect: float
    total: float
    body_seconds: float = BODY_SECONDS
    """From the status line to the end of the body; what comes later is not read."""
    body_bytes: int = BODY_LIMIT
    """Of the body that are read; at most `egress.connection.READ_AHEAD`."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Seconds: per connection, until the headers of each answer, for the whole fetch; and the least pace."""

    connect: float
    response: float
    total: float
    bytes_per_second: float = 0.0
    """A body slower than this over each `pace_window` of waiting for it is given up; 0: no such limit."""
    pace_window: float = 30.0


class Phases(msgspec.Struct, frozen=True):
    """Where an attempt's time went, in seconds; None: that phase was not reached, or not needed."""

    dns: float | None
    connect: float | None
    tls: float | None
    first_byte: float | None
    """From the connection to the answer's status line."""
    total: float
    sent: float | None = None
    """From the connection until the whole request had been handed to the system."""


class ReceiverResponse(msgspec.Struct, frozen=True):
    """The receiver answered: `status` decides, whatever happened to the body after it."""

    status: int
    retry_after: str | None
    body: bytes
    """At most `Limits.body_bytes`, never decompressed."""
    phases: Phases
    address: str | None
    complete: bool = True
    """Whether that is the whole body."""


class NoResponseReason(StrEnum):
    """Why there was no response."""

    DNS = "dns"
    BLOCKED = "blocked"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    OURS = "ours"
    """Nothing was tried: this machine has no descriptors or memory left for a connection."""


class NoResponse(msgspec.Struct, frozen=True):
    """No status line came back."""

    reason: NoResponseReason
    detail: str
    """In words, for the record; holds no path, query or credentials."""
    phases: Phases
    address: str | None


class FetchReason(StrEnum):
    """Why audio could not be fetched."""

    BAD_URL = "bad url"
    BLOCKED = "blocked"
    UNRESOLVABLE = "unresolvable"
    CLIENT_ERROR = "client error"
    """The host answered with a 4xx."""
    NO_DATA = "no data"
    """It could not be reached, broke off, took too long, or answered with something else than 2xx or 4xx."""
    TOO_MANY_REDIRECTS = "too many redirects"
    BAD_LOCATION = "bad location"


class FetchFailed(Exception):
    """The audio did not come; `detail` holds no path, query or credentials."""

    def __init__(
        self,
        reason: FetchReason,
        detail: str,
        *,
        temporary: bool = False,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.temporary = temporary
        """Whether the same URL may well yield the audio in a while."""
        self.retry_after = retry_after
        """The host's `Retry-After` (RFC 9110 §10.2.3)."""


@dataclass(frozen=True, slots=True)
class FetchResponse:
    """A response with status 2xx whose body is still to be read."""

    status: int
    chunks: AsyncIterator[bytes]
    """Raises `FetchFailed` when the rest does not come."""
    length: int | None
    """The size that the host announced, if it did."""
