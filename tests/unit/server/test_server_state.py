"""Whose request begins when many come at the same moment."""

import asyncio
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from ringback.server.capacity import Capacity
from ringback.server.connection import Connection
from ringback.server.server_state import REQUESTS_PER_TURN, ServerState
from support.waiting import turns


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


def state() -> ServerState:
    return ServerState(app, asyncio.get_running_loop(), Capacity(100, 100), 5.0, 5.0, 20.0)


class Peer(asyncio.Transport):
    """A client's end, without a socket."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return False


def said(server: ServerState, data: bytes) -> Connection:
    connection = Connection(server)
    connection.connection_made(Peer())
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))
    return connection


async def test_of_many_requests_a_few_begin_in_each_turn_of_the_loop() -> None:
    """Pipelined ones begin when no others wait."""
    server = state()
    begun: list[object] = []
    server.take_turn(partial(begun.append, "pipelined"))
    for n in range(REQUESTS_PER_TURN + 2):
        server.begin(partial(begun.append, n))
    seen = [begun[:]]
    for _ in range(3):
        await turns()
        seen.append(begun[:])
    at_once = list(range(REQUESTS_PER_TURN))
    assert seen[0] == at_once
    assert seen[1:] == [
        [*at_once, REQUESTS_PER_TURN],
        [*at_once, REQUESTS_PER_TURN, REQUESTS_PER_TURN + 1],
        [*at_once, REQUESTS_PER_TURN, REQUESTS_PER_TURN + 1, "pipelined"],
    ]
    server.begin(partial(begun.append, "later"))
    assert begun[-1] == "later"


async def test_a_probe_does_not_wait_behind_a_burst() -> None:
    server = state()
    connections = [said(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(REQUESTS_PER_TURN + 1)]
    assert len(server.tasks) == REQUESTS_PER_TURN
    connections.append(said(server, b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert len(server.tasks) == REQUESTS_PER_TURN + 1
    await turns()
    assert len(server.tasks) == REQUESTS_PER_TURN + 2
    await ended(server, connections)


async def test_a_request_whose_client_has_left_before_its_turn_is_not_begun() -> None:
    server = state()
    connections = [said(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(REQUESTS_PER_TURN + 1)]
    connections[-1].connection_lost(None)
    await turns()
    assert len(server.tasks) == REQUESTS_PER_TURN
    await ended(server, connections[:-1])


async def ended(server: ServerState, connections: list[Connection]) -> None:
    tasks = list(server.tasks)
    for connection in connections:
        connection.connection_lost(None)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
