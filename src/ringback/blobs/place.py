"""`blobs_url`: `s3://bucket/prefix?region=…`, `gs://…`, `az://…`, `file:///path`, or nothing.

Credentials never stand in it: they come from the provider's own environment variables and services.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from ringback.blobs.folder import FolderBlobs
from ringback.blobs.port import Blobs
from ringback.clock import Clock
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
class Place:
    """A `blobs_url`, read. For `file`, `prefix` is the path."""

    scheme: str
    bucket: str
    prefix: str
    options: Mapping[str, str]

    @property
    def shown(self) -> str:
        """Without its options."""
        return f"{self.scheme}://{self.bucket}{'/' if self.bucket and self.prefix else ''}{self.prefix}"


def blobs_at(
    url: str, data_folder: Path, clock: Clock, reserve: int = 0
) -> AbstractAsyncContextManager[Blobs]:
    """Blobs at `blobs_url`; with an empty one below the data folder. Raises `Misconfigured`.

    Entering the context makes sure of an object store: a bucket that refuses is told at the start.
    `reserve`: bytes of the local disk that new work may not use.
    """
    if not url:
        return FolderBlobs(data_folder / "blobs", clock, reserve)
    place = read_place(url)
    if place.scheme == "file":
        return _shared_folder(Path(place.prefix), clock, reserve)
    try:
        # Not at the top: it is there with the extra alone.
        from ringback.blobs.objects import ObjectBlobs  # noqa: PLC0415
        from ringback.blobs.providers import store_at  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise Misconfigured(
            f"blobs_url: {place.scheme}:// needs the extra `cluster`, which is not installed: "
            "run `make setup EXTRAS=cluster`, or install `ringback[cluster]`"
        ) from None
    return ObjectBlobs(store_at(place), data_folder / "fetched", clock, reserve, shown=place.shown)


def read_place(url: str) -> Place:
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
        return Place(scheme, "", path, options)
    if not parts.netloc:
        _refuse(f"names no bucket: write {_FORMS[scheme]}")
    return Place(scheme, parts.netloc, path.strip("/"), options)


def _shared_folder(path: Path, clock: Clock, reserve: int) -> FolderBlobs:
    try:
        return FolderBlobs(path, clock, reserve, shared=True)
    except OSError as error:
        raise Misconfigured(
            f"blobs_url: {path} cannot be used ({error.strerror}): check its rights"
        ) from None


def _refuse(why: str) -> NoReturn:
    raise Misconfigured(f"blobs_url: {why}")


_FORMS = {
    "s3": "s3://bucket/prefix",
    "gs": "gs://bucket/prefix",
    "az": "az://container/prefix",
    "file": "file:///path",
}
