"""The bytes of one blob on their way in: counted, hashed, and cut into blocks."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from ringback.blobs.port import TooLarge
from ringback.blobs.threads import BlobThreads

BLOCK_SIZE = 1 << 20


class UploadBody:
    """What is known of a blob so far."""

    def __init__(self, limit: int | None, threads: BlobThreads) -> None:
        self._limit = limit
        self._threads = threads
        self._hash = hashlib.sha256()
        self.size = 0
        self.ended = False
        """Whether the block that came last was the last one."""

    def count(self, more: int) -> None:
        """Raises `TooLarge` at the byte that is too many, not at the end of its block."""
        self.size += more
        if self._limit is not None and self.size > self._limit:
            raise TooLarge

    async def hash_block(self, block: bytes) -> None:
        await self._threads.run(partial(self._hash.update, block))

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


async def blocks(chunks: AsyncIterator[bytes], body: UploadBody, first: int) -> AsyncGenerator[bytes, None]:
    """At least one block: of at least `first` bytes, or all there is; after it smaller ones."""
    buffered, enough = bytearray(), first
    async for chunk in chunks:
        body.count(len(chunk))
        buffered += chunk
        if len(buffered) >= enough:
            block = bytes(buffered)
            buffered.clear()
            enough = BLOCK_SIZE
            await body.hash_block(block)
            yield block
    body.ended = True
    block = bytes(buffered)
    await body.hash_block(block)
    yield block
