"""Blobs in a real S3 server: what is true of object stores alone, and of one that does not answer.

What every place promises: `tests/conformance/blobs`.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from ringback.blobs import (
    BlobKey,
    BlobStore,
    StoreDenied,
    StoreUnreachable,
    TooLarge,
    blob_store_at,
    objects,
    single_chunk,
)
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.jobs.job import JobId
from ringback.storage.sqlite import SqliteLedger
from ringback.transcription.request import audio_key
from ringback.transcription.sweep import SweepService
from support.blobs import ClockAhead, keys_of, pieces
from support.program import RINGBACK, Program
from support.s3 import BUCKET, CREDENTIALS, S3, SECRET
from support.waiting import PATIENCE

KEY = BlobKey("audio/0b5c")
CLIP = (Path(__file__).parents[1] / "audio" / "phone_en_auth_incorrect.flac").read_bytes()
BLOCK = os.urandom(1 << 20)
LARGE = 12
"""Blocks: more than one part."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """One that tests may kill, if they start it again."""
    with S3(tmp_path_factory.mktemp("fragile")) as opened:
        yield opened


@pytest.fixture
def url(s3: S3) -> str:
    return s3.blobs_url(uuid.uuid4().hex)


@pytest.fixture
async def blobs(url: str, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with blob_store_at(url, tmp_path, SystemClock()) as opened:
        yield opened


def copies(data_folder: Path) -> list[Path]:
    """What of the store lies on this machine."""
    return [path for path in (data_folder / "fetched").iterdir() if path.suffix != ".lock"]


async def test_200_mb_go_through_in_little_memory(
    blobs: BlobStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process, most = psutil.Process(), 0
    before = process.memory_info().rss

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal most
        for _ in range(200):
            yield BLOCK
            most = max(most, process.memory_info().rss)

    began = time.monotonic()
    stored = await blobs.put(KEY, chunks(), limit=1 << 30)
    there = time.monotonic()
    async with blobs.local(KEY) as path:
        most = max(most, process.memory_info().rss)
        with path.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == stored.sha256
    back = time.monotonic()
    print(
        f"200 MiB: there {200 / (there - began):.0f} MiB/s, back {200 / (back - there):.0f} MiB/s, "
        f"{(most - before) / 2**20:.0f} MiB of memory"
    )
    assert stored.size == 200 << 20
    assert most - before < 100 << 20
    assert copies(tmp_path) == []


async def test_an_upload_that_is_given_up_leaves_no_parts(blobs: BlobStore, s3: S3) -> None:
    came = asyncio.Event()

    async def breaking() -> AsyncIterator[bytes]:
        for _ in range(LARGE):
            yield BLOCK
        raise ConnectionResetError

    async def stopping() -> AsyncIterator[bytes]:
        for _ in range(LARGE):
            yield BLOCK
        came.set()
        await asyncio.Event().wait()

    with pytest.raises(ConnectionResetError):
        await blobs.put(KEY, breaking())
    with pytest.raises(TooLarge):
        await blobs.put(KEY, pieces(*[BLOCK] * LARGE), limit=(LARGE - 1) << 20)
    putting = asyncio.create_task(blobs.put(KEY, stopping()))
    await came.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert s3.unfinished() == []
    assert await keys_of(blobs, "audio") == []


async def test_a_store_that_dies_in_the_middle_acknowledges_nothing(fragile: S3, tmp_path: Path) -> None:
    async def killing() -> AsyncIterator[bytes]:
        for _ in range(LARGE):
            yield BLOCK
        await asyncio.to_thread(fragile.kill)
        for _ in range(LARGE):
            yield BLOCK

    async with blob_store_at(fragile.blobs_url("dies"), tmp_path, SystemClock()) as blobs:
        await blobs.put(BlobKey("audio/before"), single_chunk(BLOCK))
        with pytest.raises(StoreUnreachable):
            await blobs.put(KEY, killing(), limit=1 << 30)
        began = time.monotonic()
        recognised = await asyncio.gather(
            blobs.put(KEY, single_chunk(b"short"), limit=1_000),
            blobs.get(BlobKey("audio/before")),
            blobs.delete(KEY),
            keys_of(blobs, "audio"),
            return_exceptions=True,
        )
        print(f"callers hear that the store is away after {time.monotonic() - began:.1f} s")
        assert [type(each) for each in recognised] == [StoreUnreachable] * 4
        await asyncio.to_thread(fragile.start)
        assert await keys_of(blobs, "audio") == ["audio/before"]
        assert await blobs.get(BlobKey("audio/before")) == BLOCK
        await blobs.put(KEY, pieces(*[BLOCK] * LARGE))
        assert await blobs.get(KEY) == BLOCK * LARGE


async def test_a_bucket_that_is_not_there_is_reported_at_once(url: str, tmp_path: Path) -> None:
    missing = url.replace(f"s3://{BUCKET}/", "s3://no-such-bucket/")
    assert missing != url
    began = time.monotonic()
    with pytest.raises(Misconfigured, match=r"refuses us: NoSuchBucket"):
        async with blob_store_at(missing, tmp_path, SystemClock()):
            pass
    print(f"a missing bucket is told after {time.monotonic() - began:.1f} s")


async def test_a_store_that_does_not_answer_is_given_up_in_time(
    fragile: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with blob_store_at(fragile.blobs_url("hangs"), tmp_path, SystemClock()) as blobs:
        await blobs.put(KEY, single_chunk(b"ringback"))
        fragile.freeze()
        try:
            with monkeypatch.context() as patched:
                patched.setattr(objects, "CALL_SECONDS", 1.0)
                for call in (blobs.put(BlobKey("audio/new"), single_chunk(b"x")), blobs.get(KEY)):
                    with pytest.raises(StoreUnreachable, match="in time"):
                        await call
        finally:
            fragile.thaw()
        assert await blobs.get(KEY) == b"ringback"


async def test_what_a_copy_needs_of_the_disk_is_asked_before(url: str, tmp_path: Path) -> None:
    async with blob_store_at(url, tmp_path, SystemClock(), reserve=1 << 60) as blobs:
        await blobs.check_space()
        await blobs.put(KEY, single_chunk(b"ringback"), limit=1_000)
        with pytest.raises(OSError, match="bytes are free"):
            async with blobs.local(KEY):
                pass
    assert copies(tmp_path) == []


async def test_a_copy_lies_here_only_while_it_is_read(blobs: BlobStore, tmp_path: Path) -> None:
    await blobs.put(KEY, single_chunk(b"ringback"))
    async with blobs.local(KEY) as path, blobs.local(KEY) as again:
        assert path != again
        assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError):
        async with blobs.local(KEY):
            raise ZeroDivisionError
    assert copies(tmp_path) == []


READER = """
import asyncio, sys
from pathlib import Path
from ringback.blobs import BlobKey, blob_store_at
from ringback.clock import SystemClock

async def read():
    async with blob_store_at(sys.argv[1], Path(sys.argv[2]), SystemClock()) as blobs:
        async with blobs.local(BlobKey("audio/0b5c")):
            print("reading", flush=True)
            await asyncio.Event().wait()

asyncio.run(read())
"""


async def test_the_copies_of_a_process_that_died_are_removed_at_the_next_start(
    url: str, blobs: BlobStore, tmp_path: Path
) -> None:
    await blobs.put(KEY, single_chunk(b"ringback"))
    command = [sys.executable, "-c", READER, url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:  # noqa: ASYNC220
        assert reader.stdout is not None
        assert await asyncio.to_thread(reader.stdout.readline) == b"reading\n"
        async with blob_store_at(url, tmp_path, SystemClock()):
            assert len(copies(tmp_path)) == 1  # it lives: its copy is not removed
        reader.kill()
    async with blob_store_at(url, tmp_path, SystemClock()):
        assert copies(tmp_path) == []
    assert len(list((tmp_path / "fetched").iterdir())) == 1  # our own lock


async def test_what_others_put_there_is_left_alone(
    blobs: BlobStore, url: str, s3: S3, tmp_path: Path
) -> None:
    prefix = url.partition("?")[0].rpartition("/")[2]
    for name in ("audio/", "audio/year/2026", "audio/.hidden"):
        s3.put(f"{prefix}/{name}", b"")
    assert await keys_of(blobs, "audio") == []
    async with blob_store_at(url, tmp_path, SystemClock()):
        pass


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("AWS_SECRET_ACCESS_KEY", "another-secret", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "nobody", "InvalidAccessKeyId"),
    ],
)
async def test_wrong_credentials_are_reported_at_the_start(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, word: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured) as reported:
        async with blob_store_at(url, tmp_path, SystemClock()):
            pass
    text = str(reported.value)
    assert word in text
    assert f"s3://{BUCKET}/" in text
    assert "rights to put, get, delete and list" in text
    assert value not in text
    assert SECRET not in text


async def test_credentials_that_are_taken_away_are_a_matter_for_later(
    url: str, blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At run time the same is an `OSError`, as a broken disk would be: it may be fixed."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    other = blob_store_at(url, tmp_path, SystemClock())
    assert isinstance(other, objects.ObjectBlobStore)
    for call in (other.put(KEY, single_chunk(b"x")), other.get(KEY), keys_of(other, "audio")):
        with pytest.raises(StoreDenied, match="SignatureDoesNotMatch"):
            await call


async def test_a_store_that_does_not_answer_is_reported_at_the_start(tmp_path: Path) -> None:
    url = "s3://recordings/r?endpoint=http://127.0.0.1:9&allow_http=true"
    with pytest.raises(StoreUnreachable, match=r"s3://recordings/r cannot be reached: .*check its endpoint"):
        async with blob_store_at(url, tmp_path, SystemClock()):
            pass


async def test_the_sweep_finds_what_nobody_needs(url: str, tmp_path: Path) -> None:
    clock = ClockAhead()
    ledger = await SqliteLedger.open(tmp_path / "ringback.db", clock, serving=True)
    async with ledger, blob_store_at(url, tmp_path, clock) as blobs:
        orphans = [audio_key(JobId(str(uuid.uuid4()))) for _ in range(40)]
        await asyncio.gather(*(blobs.put(key, single_chunk(b"x")) for key in orphans))
        sweep = SweepService(blobs, ledger, clock)
        assert await sweep.round("audio", asyncio.Event()) == 0
        clock.ahead = 3_700
        assert await sweep.round("audio", asyncio.Event()) == 40
        assert await keys_of(blobs, "audio") == []


def test_a_server_refuses_recordings_while_the_store_is_away_and_takes_them_again(
    fragile: S3, tmp_path: Path
) -> None:
    settings = {**CREDENTIALS, "RINGBACK_BLOBS_URL": fragile.blobs_url("server")}
    with Program(tmp_path, settings) as server:
        assert server.listen(CLIP).status == 200
        assert not (tmp_path / "blobs").exists()
        fragile.kill()
        began = time.monotonic()
        refused = server.listen(CLIP)
        print(f"while the store is away an upload gets 503 after {time.monotonic() - began:.1f} s")
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) > 0
        fragile.start()
        assert server.listen(CLIP).status == 200
        assert server.stop() == 0
    assert "request.not_kept" in server.log
    assert SECRET not in server.log


def test_a_server_without_the_right_to_its_store_does_not_start(s3: S3, tmp_path: Path) -> None:
    settings = {**CREDENTIALS, "AWS_SECRET_ACCESS_KEY": "another-secret"}
    settings |= {"RINGBACK_BLOBS_URL": s3.blobs_url("refused"), "RINGBACK_DATA_DIR": str(tmp_path)}
    environment = {**os.environ, **settings}
    ended = subprocess.run(
        [RINGBACK, "serve"], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 2
    assert "refuses us: SignatureDoesNotMatch: check the bucket, the credentials" in ended.stderr
