"""The least that could accept a recording durably: a raw ASGI application on uvicorn.

It reads the body, writes it to a file of its own with fdatasync in a thread, commits one row to SQLite
(WAL, `synchronous=FULL`) and answers with an id. No key, no options, no hash, no address policy, no queue.

`--commit group`  one writer thread commits all rows that wait, together: the best that SQLite can do
`--commit each`   a thread and a commit per row: what one writes first
`--durable-name`  also writes under a temporary name, renames, and syncs the folder, as Ringback does;
                  without it a power cut may lose the file's name although its bytes are on disk
"""

import argparse
import asyncio
import os
import queue
import socket
import sqlite3
import tempfile
import threading
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from bench.harness.child import say
from bench.harness.server import free_port

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TABLE = "create table request (id text primary key, path text not null, callback text, created text not null)"
INSERT = "insert into request values (?, ?, ?, strftime('%s', 'now'))"
Row = tuple[str, str, str]


class GroupedRows:
    """One writer thread; each commit takes every row that waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: queue.SimpleQueue[tuple[Row, asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    async def add(self, row: Row) -> None:
        done = asyncio.get_running_loop().create_future()
        self._rows.put((row, done))
        await done

    def _write(self) -> None:
        database = opened(self._path)
        while True:
            group = [self._rows.get()]
            while not self._rows.empty():
                group.append(self._rows.get())
            database.execute("begin immediate")
            database.executemany(INSERT, [row for row, _ in group])
            database.execute("commit")
            loop = group[0][1].get_loop()
            loop.call_soon_threadsafe(release, [done for _, done in group])


def release(waiting: list[asyncio.Future[None]]) -> None:
    for done in waiting:
        done.set_result(None)


class SingleRows:
    """A commit for every row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        opened(path)

    async def add(self, row: Row) -> None:
        await asyncio.to_thread(self._commit, row)

    def _commit(self, row: Row) -> None:
        if not hasattr(self._local, "database"):
            self._local.database = opened(self._path)
        with self._lock:  # SQLite has one writer; a lock of ours waits better than its busy handler
            self._local.database.execute(INSERT, row)


def opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    database.execute(TABLE.replace("create table", "create table if not exists"))
    return database


class Handler:
    def __init__(self, folder: Path, rows: GroupedRows | SingleRows, durable_name: bool) -> None:
        self._folder = folder
        self._rows = rows
        self._write = self._write_and_rename if durable_name else self._write_file

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        request_id = str(uuid.uuid4())
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path = self._folder / request_id
        await asyncio.to_thread(self._write, path, bytes(body))
        await self._rows.add((request_id, str(path), scope["query_string"].decode()))
        answer = b'{"request_id":"%s"}' % request_id.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _write_file(self, path: Path, body: bytes) -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, body)
        os.fdatasync(file)
        os.close(file)

    def _write_and_rename(self, path: Path, body: bytes) -> None:
        temporary = path.with_suffix(".incoming")
        self._write_file(temporary, body)
        temporary.rename(path)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--commit", choices=("group", "each"), required=True)
    parser.add_argument("--durable-name", action="store_true")
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        rows_path = Path(folder) / "rows.sqlite"
        audio = Path(folder) / "audio"
        audio.mkdir()
        rows = GroupedRows(rows_path) if options.commit == "group" else SingleRows(rows_path)
        config = uvicorn.Config(
            Handler(audio, rows, options.durable_name),
            port=port, http="httptools", lifespan="off", log_level="error", access_log=False,
        )  # fmt: skip
        uvloop.run(serve(Server(config)))


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        say({"port": self.config.port})


async def serve(server: uvicorn.Server) -> None:
    running = asyncio.create_task(server.serve())
    await asyncio.to_thread(input_ends)
    server.should_exit = True
    await running


def input_ends() -> None:
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
