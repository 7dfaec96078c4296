"""A user's URL, parsed once, by the parser that the client itself uses. Pure.

If two parsers read one URL differently, a request can go to an address that was not checked. So a URL is
parsed here, and resolving, the address policy, connecting and storing all use the result.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import msgspec
from msgspec.structs import replace
from yarl import URL

from ringback.egress.policy import Policy, ends_in_number

HTTP: Final = frozenset({"http", "https"})
MAX_LENGTH = 8_000
"""Characters; the request line that carries it must fit in the 8 KB that most servers accept."""


class BadUrl(StrEnum):
    """Why a URL cannot be used."""

    NO_SCHEME = "no scheme"
    SCHEME = "scheme"
    TOO_LONG = "too long"
    CHARACTERS = "characters"
    HOST = "host"
    PORT = "port"
    CREDENTIALS = "credentials"


class Presigned(StrEnum):
    """How a presigned URL is signed, whose query permits its holder to store one object and nothing else."""

    WITHOUT_TYPE = "without type"
    """S3's and GCS's version 4, which sign only what they name; Azure's SAS, which signs no header at all."""
    WITH_TYPE = "with type"
    """Version 2 of S3 and GCS: the content type is signed, and most often none was named."""


class TargetError(ValueError):
    """A URL that cannot be used: `reason` says what is wrong with it, the message what to do about it."""

    def __init__(self, reason: BadUrl, hint: str) -> None:
        super().__init__(hint)
        self.reason = reason


class Target(msgspec.Struct, frozen=True):
    """Where a request goes. Only `origin` may be logged: path and query of a URL may be secrets."""

    url: URL
    """Without credentials."""
    scheme: str
    host: str
    """Lower case, ASCII, without brackets."""
    port: int
    credentials: tuple[str, str] | None
    """User and password from the URL, percent-decoded."""

    @property
    def origin(self) -> str:
        """`scheme://host:port`, for logs and lanes."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an address rather than a name."""
        return ":" in self.host or ends_in_number(self.host)

    @property
    def presigned(self) -> Presigned | None:
        """Whether the query carries a signature, so that the URL is a permission rather than a receiver."""
        if "ig" not in self.url.raw_query_string:  # nearly every callback: spare it the reading
            return None
        names = {part.partition("=")[0] for part in self.url.raw_query_string.split("&")}
        if names & {"X-Amz-Signature", "X-Goog-Signature", "sig"}:
            return Presigned.WITHOUT_TYPE
        return Presigned.WITH_TYPE if "Signature" in names else None

    @property
    def without_credentials(self) -> "Target":
        return replace(self, credentials=None)

    def with_credentials_of(self, other: "Target") -> "Target":
        """This target, with the credentials of `other`."""
        return replace(self, credentials=other.credentials)

    def reveal_url(self) -> str:
        """The whole URL, with the credentials: a secret, to be sealed or sent, never shown or logged."""
        if self.credentials is None:
            return str(self.url)
        return str(self.url.with_user(self.credentials[0]).with_password(self.credentials[1]))


def parse_target(url: str, policy: Policy, *, ports: bool, schemes: Collection[str] = HTTP) -> Target:
    """Read `url`; raises `TargetError`.

    With `ports`, only the policy's ports will do: Deepgram's rule for callbacks
    (https://developers.deepgram.com/docs/callback). Audio may be fetched from any port.
    """
    target = read_target(url, schemes)
    if ports and policy.ports and target.port not in policy.ports:
        allowed = ", ".join(str(port) for port in sorted(policy.ports))
        raise TargetError(BadUrl.PORT, f"port {target.port} is not one of {allowed}")
    return target


def read_target(url: str, schemes: Collection[str] = HTTP) -> Target:
    """Read `url` whatever its port; raises `TargetError`."""
    _refuse_long_text(url)
    _refuse_odd_text(url)
    start = _START.match(url)
    if start is None:
        raise TargetError(BadUrl.NO_SCHEME, "begin it with https:// or http://")
    parsed_origin = _read_origin(start[0], frozenset(schemes))
    written = _as_written(url, start.end(), parsed_origin)
    target = Target(
        written, parsed_origin.scheme, parsed_origin.host, parsed_origin.port, parsed_origin.credentials
    )
    if target.credentials is not None or not url.isascii():
        # Percent-encoding makes a URL longer, and what is stored must be readable again.
        _refuse_long_text(target.reveal_url())
    return target


def _refuse_long_text(url: str) -> None:
    if len(url) > MAX_LENGTH:
        raise TargetError(
            BadUrl.TOO_LONG, f"it must not be longer than {MAX_LENGTH} characters, percent-encoded"
        )


def _refuse_odd_text(url: str) -> None:
    if _ODD.search(url):
        raise TargetError(
            BadUrl.CHARACTERS,
            "no backslash, white space or control character may stand in it: percent-encode them",
        )


@dataclass(frozen=True, slots=True)
class _ParsedOrigin:
    """What stands before a URL's path."""

    scheme: str
    host: str
    port: int
    credentials: tuple[str, str] | None
    authority: str
    """Host and port as they stand in the request: without credentials, and without a default port."""


@lru_cache(maxsize=1024)
def _read_origin(start: str, schemes: frozenset[str]) -> _ParsedOrigin:
    """Read `scheme://authority`. Cached, because many deliveries go to one receiver: parsing it for each took
    a tenth of the event loop's time per delivery."""
    parsed = _parse(start)
    if parsed.scheme not in schemes:
        raise TargetError(BadUrl.SCHEME, f"the scheme must be {' or '.join(sorted(schemes))}")
    host = _host(parsed)
    port = parsed.port
    if not port:
        raise TargetError(BadUrl.PORT, "port 0 cannot be called")
    bare = parsed.with_user(None)
    authority = (bare.with_port(None) if bare.is_default_port() else bare).raw_authority
    return _ParsedOrigin(parsed.scheme, host, port, _credentials(start, parsed), authority)


def _parse(url: str) -> URL:
    try:
        return URL(url)
    except ValueError as error:
        # yarl's message repeats parts of the URL, which may be secret: say only what kind of fault it is.
        reason = BadUrl.PORT if "port" in str(error).lower() else BadUrl.HOST
        raise TargetError(reason, f"its {reason} cannot be read") from None


def _host(parsed: URL) -> str:
    host = parsed.raw_host
    if not host:
        raise TargetError(BadUrl.HOST, "it names no host")
    if "%" in host:
        raise TargetError(BadUrl.HOST, "its host must not hold a zone id or percent-encoding")
    if ":" in host or ends_in_number(host):
        try:
            return str(ip_address(host))
        except ValueError:
            raise TargetError(
                BadUrl.HOST, "an address must be written in its plain form, such as 192.0.2.1"
            ) from None
    if not _HOST.fullmatch(host):
        raise TargetError(BadUrl.HOST, "its host is not a valid name")
    return host


def _credentials(start: str, parsed: URL) -> tuple[str, str] | None:
    if start.count("@") > 1:
        raise TargetError(BadUrl.CREDENTIALS, "an @ in user or password must be written %40")
    if parsed.user is None and not parsed.password:
        return None
    user, password = parsed.user or "", parsed.password or ""
    if ":" in user or any(ord(character) < 32 or ord(character) == 127 for character in user + password):
        # Basic credentials cannot carry these (RFC 7617 §2).
        raise TargetError(
            BadUrl.CREDENTIALS, "a user name cannot hold a colon, nor credentials a control character"
        )
    return user, password


def _as_written(url: str, end_of_start: int, parsed_origin: _ParsedOrigin) -> URL:
    """The URL for the request line: host and port as parsed; path and query as the user wrote them.

    Re-quoting is avoided where it can be, because presigned URLs are signed as they are written.
    """
    if url.isascii():
        path, _, query = url[end_of_start:].partition("#")[0].partition("?")
    else:
        encoded = _parse(url)
        path, query = encoded.raw_path, encoded.raw_query_string
    return URL.build(
        scheme=parsed_origin.scheme,
        authority=parsed_origin.authority,
        path=path or "/",
        query_string=query,
        encoded=True,
    )


_START = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\\\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]")
_HOST = re.compile(r"(?=.{1,254}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
