"""Connections that are kept for the next request to the same origin."""

import asyncio
from typing import Final

from ringback.egress.connection import HttpConnection

KEEP_ALIVE_SECONDS: Final = 15.0
MOST_IDLE: Final = 1_000
"""Kept connections, all origins together; beyond it the one that is idle for longest is closed."""


class IdleConnections:
    """The newest of an origin is used first: it is the one most likely to be alive."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._by_origin: dict[str, list[HttpConnection]] = {}
        self._origins: dict[HttpConnection, str] = {}
        """All of them, the one that is idle for longest first."""
        self._sweep: asyncio.TimerHandle | None = None

    def take_connection(self, origin: str) -> HttpConnection | None:
        """One that is open as far as is known, if there is any."""
        while (idle := self._by_origin.get(origin)) is not None:
            connection = idle[-1]
            self._remove(connection)
            if not connection.lost and not self._is_over_age(connection):
                return connection
            connection.drop()
        return None

    def keep_connection(self, origin: str, connection: HttpConnection) -> None:
        connection.idle_since = self._loop.time()
        self._by_origin.setdefault(origin, []).append(connection)
        self._origins[connection] = origin
        if len(self._origins) > MOST_IDLE:
            self._close(next(iter(self._origins)))
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEP_ALIVE_SECONDS, self._close_old)

    def close(self) -> None:
        """Close them all."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._origins):
            self._close(connection)

    def _close_old(self) -> None:
        for connection in list(self._origins):
            if not connection.lost and not self._is_over_age(connection):
                break
            self._close(connection)
        self._sweep = self._loop.call_later(KEEP_ALIVE_SECONDS, self._close_old) if self._origins else None

    def _is_over_age(self, connection: HttpConnection) -> bool:
        return self._loop.time() - connection.idle_since >= KEEP_ALIVE_SECONDS

    def _close(self, connection: HttpConnection) -> None:
        self._remove(connection)
        connection.drop()

    def _remove(self, connection: HttpConnection) -> None:
        origin = self._origins.pop(connection)
        idle = self._by_origin[origin]
        idle.remove(connection)
        if not idle:
            del self._by_origin[origin]
