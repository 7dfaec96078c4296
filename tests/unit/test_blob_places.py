"""`blobs_url`: what may stand in it, and what each of its parts becomes."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ringback.blobs import FolderBlobStore, blob_store_at
from ringback.blobs.location import BlobLocation, parse_blobs_url
from ringback.blobs.providers import store_at
from ringback.clock import SystemClock
from ringback.errors import Misconfigured


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket", BlobLocation("s3", "bucket", "", {})),
        (
            "s3://bucket/a/b/?region=eu-central-1",
            BlobLocation("s3", "bucket", "a/b", {"region": "eu-central-1"}),
        ),
        ("gs://bucket/prefix", BlobLocation("gs", "bucket", "prefix", {})),
        ("az://container/p?account=ours", BlobLocation("az", "container", "p", {"account": "ours"})),
        ("file:///srv/all%20blobs", BlobLocation("file", "", "/srv/all blobs", {})),
    ],
)
def test_a_url_is_read(url: str, place: BlobLocation) -> None:
    assert parse_blobs_url(url) == place


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://bucket", "must begin with s3://, gs://, az:// or file:///"),
        ("bucket/prefix", "must begin with"),
        ("s3:///prefix", "names no bucket: write s3://bucket/prefix"),
        ("s3://bucket/p#x", "must be s3://bucket/prefix"),
        ("s3://bucket:9000/p", "must be s3://bucket/prefix"),
        ("s3://bucket?region=a&region=b", "each option once"),
        ("s3://bucket?regoin=a", "no option 'regoin' for s3://; there are: endpoint, region"),
        ("s3://bucket?secret_access_key=hush", "no option 'secret_access_key'"),
        ("gs://bucket?region=a", "no option 'region' for gs://; there are: endpoint, allow_http, ca_file"),
        ("file:///srv?region=a", "there are: none"),
        ("file://host/srv", "must be file:///path"),
        ("s3://bucket?region", "is not a URL"),
        ("s3://key:hush@bucket/p", "must not hold credentials: set them in the environment"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_the_fix_named(url: str, why: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_blobs_url(url)
    assert why in str(refused.value)
    assert "hush" not in str(refused.value)


def config(url: str) -> dict[str, Any]:
    store: Any = store_at(parse_blobs_url(url))
    return {"prefix": store.prefix, "client": store.client_options, **store.config}


def test_the_options_of_s3() -> None:
    found = config(
        "s3://bucket/a/b?endpoint=https://minio.internal:9000&region=here&virtual_hosted=true"
        "&sse=aws:kms&sse_kms_key_id=arn:key&bucket_key=true"
    )
    expected = {
        "bucket": "bucket",
        "prefix": "a/b",
        "endpoint": "https://minio.internal:9000",
        "region": "here",
        "virtual_hosted_style_request": "true",
        "server_side_encryption": "aws:kms",
        "sse_kms_key_id": "arn:key",
        "sse_bucket_key_enabled": "true",
    }
    assert expected.items() <= found.items()


def test_the_options_of_azure_and_google() -> None:
    assert config("az://c/p?account=ours")["account_name"] == "ours"
    assert config("gs://b/p?endpoint=https://private.example")["base_url"] == "https://private.example"


def test_every_call_has_its_time() -> None:
    store: Any = store_at(parse_blobs_url("s3://bucket"))
    assert {"timeout", "connect_timeout"} <= store.client_options.keys()
    assert store.retry_config["retry_timeout"] <= timedelta(seconds=10)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://b?endpoint=http://127.0.0.1:9000", "use https://, or add allow_http=true"),
        ("s3://b?allow_http=yes", "allow_http='yes': must be true or false"),
        ("s3://b?sse=rot13", "s3://b: Generic S3 error: Invalid encryption type: rot13"),
        ("s3://b?ca_file=/nowhere.pem", "ca_file /nowhere.pem cannot be read (No such file or directory)"),
        ("s3://b?ca_file=/dev/null", "No certificates found"),
        ("az://c/p", "Account must be specified"),
    ],
)
def test_a_client_that_cannot_be_made_says_why(url: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(Misconfigured) as refused:
        store_at(parse_blobs_url(url))
    assert why in str(refused.value)


def test_without_the_extra_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("ringback.blobs.")]:
        if module.endswith((".objects", ".providers", ".answers")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(Misconfigured, match="make setup EXTRAS=cluster"):
        blob_store_at("s3://bucket/p", tmp_path, SystemClock())


async def test_an_empty_url_is_the_data_folder_and_file_any_other(tmp_path: Path) -> None:
    for url, folder in (
        ("", tmp_path / "data" / "blobs"),
        (f"file://{tmp_path}/shared", tmp_path / "shared"),
    ):
        async with blob_store_at(url, tmp_path / "data", SystemClock()) as blobs:
            assert isinstance(blobs, FolderBlobStore)
            assert (folder / "incoming").is_dir()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"cannot be used .*Not a directory"):
        blob_store_at(f"file://{tmp_path}/file/blobs", tmp_path, SystemClock())
