"""The ends of attempts: one timer for all of them, because nearly every attempt is over long before its own.

(A timer of the event loop for each is a tenth of what an attempt on a kept connection costs.)
"""

import asyncio
from operator import itemgetter

from ringback.egress.connection import HttpConnection


class Deadlines:
    """Expires connections. Moments are of the event loop's clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._moments: dict[HttpConnection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def set(self, connection: HttpConnection, seconds: float) -> None:
        """Expire the connection after so many seconds, unless `remove` is called before."""
        moment = self._loop.time() + seconds
        self._moments[connection] = moment
        if self._timer is None or moment < self._timer.when():
            self._arm(moment)

    def remove(self, connection: HttpConnection) -> None:
        self._moments.pop(connection, None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, moment: float) -> None:
        self.close()
        self._timer = self._loop.call_at(moment, self._expire_due)

    def _expire_due(self) -> None:
        now = self._loop.time()
        due = [(moment, connection) for connection, moment in self._moments.items() if moment <= now]
        for _, connection in sorted(due, key=itemgetter(0)):
            del self._moments[connection]
            connection.expire()
        self._timer = None
        if self._moments:
            self._arm(min(self._moments.values()))
