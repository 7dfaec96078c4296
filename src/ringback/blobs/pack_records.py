"""The bytes of a pack: a file of many bodies, one record after the other.

| where | what |
|---|---|
| first page | `PACK_MAGIC`, then `SECRET_BYTES` of chance, by which the headers of this file are signed |
| every record | header: place, time, size, SHA-256, key, signature; the body; zeros up to the next page |

Records begin at pages, so that one that is deleted can be given back to the disk; zeros stand in its place
then. Where a page is no header, because it was torn or damaged, the next one is tried: what is in a body
cannot pass for a header, since callers do not know the secret.
"""

import errno
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ringback.blobs.port import BlobKey, is_key

PAGE = 4096
HEADER_BYTES = 256
SECRET_BYTES = 32
PACK_MAGIC = b"ringback pack 1\n"

_FIELDS = struct.Struct("<8sQdQ32sH")
_SHA256_AT = 32
_RECORD_MAGIC = b"recordng"
_SIGNATURE_BYTES = 16
MOST_KEY_BYTES = HEADER_BYTES - _FIELDS.size - _SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Record:
    """Where a body lies in its pack."""

    key: BlobKey
    offset: int
    """Of the header."""
    size: int
    """Bytes of the body."""
    written_at: float

    @property
    def length(self) -> int:
        """Bytes of all its pages."""
        return pages(HEADER_BYTES + self.size)


def pages(size: int) -> int:
    """Bytes of the pages that so many bytes take."""
    return -(-size // PAGE) * PAGE


def first_page(secret: bytes) -> bytes:
    return (PACK_MAGIC + secret).ljust(PAGE, b"\0")


def header_of(record: Record, sha256: bytes, secret: bytes) -> bytes:
    key = record.key.encode()
    fields = _FIELDS.pack(_RECORD_MAGIC, record.offset, record.written_at, record.size, sha256, len(key))
    text = (fields + key).ljust(HEADER_BYTES - _SIGNATURE_BYTES, b"\0")
    return text + _signature(text, secret)


def read_secret(descriptor: int) -> bytes | None:
    """Of an open pack; None: it has not even its first page."""
    page = os.pread(descriptor, len(PACK_MAGIC) + SECRET_BYTES, 0)
    whole = page.startswith(PACK_MAGIC) and len(page) == len(PACK_MAGIC) + SECRET_BYTES
    return page[len(PACK_MAGIC) :] if whole else None


def records_in(descriptor: int) -> Iterator[Record]:
    """The records of an open pack that are not deleted, in their order."""
    secret, end = read_secret(descriptor), os.fstat(descriptor).st_size
    if secret is None:
        return
    at = PAGE
    while at < end:
        header = os.pread(descriptor, HEADER_BYTES, at)
        record = record_from(header, at, secret)
        if record is not None and at + HEADER_BYTES + record.size <= end:
            yield record
            at += record.length
        else:
            at += PAGE
            if not any(header):
                at = max(at, _next_data(descriptor, at, end))


def record_from(header: bytes, offset: int, secret: bytes) -> Record | None:
    """The record whose header this is; None: it is none, or none that belongs there."""
    text, signature = header[:-_SIGNATURE_BYTES], header[-_SIGNATURE_BYTES:]
    if len(header) < HEADER_BYTES or signature != _signature(text, secret):
        return None
    magic, at, written_at, size, _, key_bytes = _FIELDS.unpack_from(text)
    key = text[_FIELDS.size :][:key_bytes].decode("ascii", "replace")
    if magic != _RECORD_MAGIC or at != offset or not is_key(key):
        return None
    return Record(BlobKey(key), offset, size, written_at)


def body_in(data: bytes, size: int) -> bytes | None:
    """The body of a record that was read from its header on; None: it is not whole, or was deleted."""
    sha256 = data[_SHA256_AT : _SHA256_AT + 32]
    body = data[HEADER_BYTES:]
    return body if len(body) == size and hashlib.sha256(body).digest() == sha256 else None


def _signature(text: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(text, key=secret, digest_size=_SIGNATURE_BYTES).digest()


def _next_data(descriptor: int, at: int, end: int) -> int:
    """The page with the next byte that is not in a hole."""
    if not hasattr(os, "SEEK_DATA"):
        return at
    try:
        return os.lseek(descriptor, at, os.SEEK_DATA) // PAGE * PAGE
    except OSError as error:
        return end if error.errno == errno.ENXIO else at
