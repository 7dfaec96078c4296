"""`blobs_url`: `s3://bucket/prefix?region=…`, `gs://…`, `az://…`, `file:///path`, or nothing.

Credentials never stand in it: they come from the provider's own environment variables and services.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from ringback.errors import Misconfigured

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "s3": (
        "endpoint",
        "region",
        "allow_http",
        "virtual_hosted",
        "sse",
        "sse_kms_key_id",
        "bucket_key",
        "ca_file",
    ),
    "gs": ("endpoint", "allow_http", "ca_file"),
    "az": ("account", "endpoint", "allow_http", "ca_file"),
    "file": (),
}
"""Scheme → what may stand in the URL's query (docs/storage.md says what each means)."""


@dataclass(frozen=True, slots=True)
class BlobLocation:
    """A `blobs_url`, read. For `file`, `prefix` is the path."""

    scheme: str
    bucket: str
    prefix: str
    options: Mapping[str, str]

    @property
    def display_name(self) -> str:
        """Without its options."""
        return f"{self.scheme}://{self.bucket}{'/' if self.bucket and self.prefix else ''}{self.prefix}"


def parse_blobs_url(url: str) -> BlobLocation:
    """The parts of a `blobs_url`. Raises `Misconfigured`, which shows nothing that may be a secret."""
    try:
        parts = urlsplit(url)
        login, port = parts.username or parts.password, parts.port
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
    except ValueError:
        _refuse("is not a URL")
    scheme, options = parts.scheme, dict(query)
    if scheme not in OPTIONS:
        _refuse("must begin with s3://, gs://, az:// or file:///")
    if login is not None:
        _refuse("must not hold credentials: set them in the environment (docs/storage.md)")
    if parts.fragment or port is not None or len(options) < len(query):
        _refuse(f"must be {_FORMS[scheme]}, and each option once")
    unknown = sorted(set(options) - set(OPTIONS[scheme]))
    if unknown:
        known = ", ".join(OPTIONS[scheme]) or "none"
        _refuse(f"there is no option {unknown[0]!r} for {scheme}://; there are: {known}")
    path = unquote(parts.path)
    if scheme == "file":
        if parts.netloc or not path.startswith("/"):
            _refuse(f"must be {_FORMS[scheme]}")
        return BlobLocation(scheme, "", path, options)
    if not parts.netloc:
        _refuse(f"names no bucket: write {_FORMS[scheme]}")
    return BlobLocation(scheme, parts.netloc, path.strip("/"), options)


def _refuse(why: str) -> NoReturn:
    raise Misconfigured(f"blobs_url: {why}")


_FORMS = {
    "s3": "s3://bucket/prefix",
    "gs": "gs://bucket/prefix",
    "az": "az://container/prefix",
    "file": "file:///path",
}
