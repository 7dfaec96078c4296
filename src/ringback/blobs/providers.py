"""From a `blobs_url` to the provider's client: which option is called what there, time limits, retries."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from ringback.blobs.location import BlobLocation
from ringback.errors import Misconfigured

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig  # types alone: not there at run time

CONNECT_SECONDS = 3.0
REQUEST_SECONDS = 15.0
"""One request, to the end of its answer: a part of an upload, a page of a listing, a piece of a blob."""

RETRIES = 6
RETRY_SECONDS = 6.0
"""After which no request is tried again: the caller must get an answer while it still waits."""


def store_at(place: BlobLocation) -> "ObjectStore":
    """The client; nothing is sent yet. Raises `Misconfigured`."""
    try:
        return _STORES[place.scheme](place)
    except (BaseError, ValueError) as error:
        # The first line is the library's own word; what follows shows its insides.
        raise Misconfigured(f"blobs_url: {place.display_name}: {str(error).splitlines()[0]}") from None


def _s3(place: BlobLocation) -> S3Store:
    names = {
        "endpoint": "endpoint",
        "region": "region",
        "virtual_hosted": "virtual_hosted_style_request",
        "sse": "server_side_encryption",
        "sse_kms_key_id": "sse_kms_key_id",
        "bucket_key": "sse_bucket_key_enabled",
    }
    # We delete one at a time, which every store that speaks S3 understands.
    config = _config(place, names) | {"disable_bulk_delete": True}
    return S3Store(place.bucket, prefix=place.prefix or None, config=config, **_client_options(place))


def _gcs(place: BlobLocation) -> GCSStore:
    config = _config(place, {"endpoint": "base_url"})
    return GCSStore(place.bucket, prefix=place.prefix or None, config=config, **_client_options(place))


def _azure(place: BlobLocation) -> AzureStore:
    config = _config(place, {"account": "account_name", "endpoint": "endpoint"})
    return AzureStore(place.bucket, prefix=place.prefix or None, config=config, **_client_options(place))


_STORES: Mapping[str, Callable[[BlobLocation], "ObjectStore"]] = {"s3": _s3, "gs": _gcs, "az": _azure}


def _config(place: BlobLocation, names: dict[str, str]) -> Any:
    """The options that the provider knows, by its names; the others are `_client_options`'s."""
    return {
        names[name]: _flag(place, name) if name in _FLAGS else value
        for name, value in place.options.items()
        if name in names
    }


def _client_options(place: BlobLocation) -> Any:
    """How requests are made, which is the same for all providers."""
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "user_agent": "ringback",
    }
    if "allow_http" in place.options:
        client["allow_http"] = _flag(place, "allow_http")
    elif place.options.get("endpoint", "").startswith("http://"):
        raise Misconfigured(
            "blobs_url: the endpoint is http://, so recordings would travel in the clear: "
            "use https://, or add allow_http=true"
        )
    if "ca_file" in place.options:
        client["root_certificate"] = _certificate(place.options["ca_file"])
    retry: RetryConfig = {
        "max_retries": RETRIES,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        "backoff": {
            "init_backoff": timedelta(seconds=0.1),
            "max_backoff": timedelta(seconds=2),
            "base": 2,
        },
    }
    return {"client_options": client, "retry_config": retry}


def _flag(place: BlobLocation, name: str) -> bool:
    value = place.options[name]
    if value not in ("true", "false"):
        raise Misconfigured(f"blobs_url: {name}={value!r}: must be true or false")
    return value == "true"


def _certificate(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Misconfigured(f"blobs_url: ca_file {path} cannot be read ({error.strerror})") from None


_FLAGS = frozenset({"allow_http", "virtual_hosted", "bucket_key"})
