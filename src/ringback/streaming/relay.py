"""Where live results go: to the client, to a callback, or to both; always in the order they were produced.

A relay that cannot go on ends its stream (https://developers.deepgram.com/docs/callback: "If the WebSocket
connection is disconnected, the entire real-time stream is killed").
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ringback.listen.actions import CloseReason, MessageKind, SendMessage


@dataclass(frozen=True, slots=True)
class Gone:
    """The client's socket is closed: with this code, by the client itself (`cleanly`) or by its loss."""

    code: int
    cleanly: bool
    reads: bool = False
    """The client has ended its own side alone (RFC 9293 §3.6), and may read on."""


class ClientLost(Exception):
    """The client's socket takes no more."""


class ClientTooSlow(ClientLost):
    """The client did not read for too long."""


class Client(Protocol):
    """The client's socket, as the server room has it."""

    async def receive(self) -> bytes | str | Gone: ...

    async def send(self, message: bytes) -> None:
        """One text message; waits while the send buffer is full. Raises `ClientLost`."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Never raises, and does not wait for the client."""
        ...


class RelayLost(Exception):
    """Results can no longer be passed on: the stream ends with `ending`. The text says more, for the log."""

    def __init__(self, ending: CloseReason, detail: str) -> None:
        super().__init__(detail)
        self.ending = ending


class Relay(Protocol):
    async def say(self, messages: Sequence[SendMessage]) -> None:
        """Pass these on, in this order. They count as said when this returns. Raises `RelayLost`."""
        ...

    async def lost(self) -> RelayLost:
        """Return as soon as the other side is known to be lost, even while nothing is said."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Nothing more will be said. Never raises."""
        ...


class ClientRelay:
    """To the client alone. Its loss is noticed where its audio is read."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def say(self, messages: Sequence[SendMessage]) -> None:
        for each in messages:
            try:
                await self._client.send(each.message)
            except ClientTooSlow:
                raise RelayLost(CloseReason.CLIENT_TOO_SLOW, "its send buffer stays full") from None
            except ClientLost:
                return

    async def lost(self) -> RelayLost:
        never: asyncio.Future[RelayLost] = asyncio.get_running_loop().create_future()
        return await never

    async def close(self, code: int, reason: str) -> None:
        """The session closes the client's socket itself, whatever the relay is."""


class ToCallback:
    """To a callback, in place of the client; with `inspect` (`inspect_response=true`) to the client as well,
    afterwards: what the client sees, the callback has (for HTTP: has coming, durably).

    What answers the client's own text messages is for the client alone.
    """

    def __init__(self, callback: Relay, client: Client, *, inspect: bool) -> None:
        self._callback = callback
        self._client = ClientRelay(client)
        self._inspect = inspect

    async def say(self, messages: Sequence[SendMessage]) -> None:
        results = [each for each in messages if each.kind is not MessageKind.ANSWER]
        if results:
            await self._callback.say(results)
        shown = [each for each in messages if self._inspect or each.kind is MessageKind.ANSWER]
        await self._client.say(shown)

    async def lost(self) -> RelayLost:
        return await self._callback.lost()

    async def close(self, code: int, reason: str) -> None:
        await self._callback.close(code, reason)
