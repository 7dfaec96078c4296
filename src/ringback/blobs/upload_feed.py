"""Passes blocks from the task that reads a body to the upload task, one at a time."""

import asyncio


class UploadAborted(Exception):
    """Raised into an upload whose body will not be finished, so that it is aborted."""


class UploadFeed:
    """An async iterator that the upload reads; `put_block` waits until the upload can take the block."""

    def __init__(self, first: bytes) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._waiting.put_nowait(first)
        self._aborted = False

    async def put_block(self, block: bytes, upload: "asyncio.Task[None]") -> None:
        """Returns once the upload can take the block; raises what ended the upload meanwhile."""
        await self._put(block, upload)

    async def end(self, upload: "asyncio.Task[None]") -> None:
        """There is no more; returns once the upload is complete, or raises why it failed."""
        await self._put(None, upload)
        await asyncio.wait([upload])
        upload.result()

    def abort(self) -> None:
        self._aborted = True
        if self._waiting.empty():
            self._waiting.put_nowait(None)

    def __aiter__(self) -> "UploadFeed":
        return self

    async def __anext__(self) -> bytes:
        block = await self._waiting.get()
        if self._aborted:
            raise UploadAborted
        if block is None:
            raise StopAsyncIteration
        return block

    async def _put(self, block: bytes | None, upload: "asyncio.Task[None]") -> None:
        putting = asyncio.ensure_future(self._waiting.put(block))
        try:
            await asyncio.wait([putting, upload], return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
        if upload.done():
            upload.result()
