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
class ClientClosed:
    """The client's socket is closed: with this code, by a close frame (`cleanly`) or because it was lost."""

    code: int
    cleanly: bool
    reads: bool = False
    """The client has closed only its sending side (RFC 9293 §3.6), and may still read."""


class ClientLost(Exception):
    """The client's socket is closed: nothing can be sent."""


class ClientTooSlow(ClientLost):
    """The client did not read for too long."""


class Client(Protocol):
    """The client's socket; implemented by `server.live`."""

    async def receive_message(self) -> bytes | str | ClientClosed: ...

    async def send_message(self, message: bytes) -> None:
        """One text message; waits while the send buffer is full. Raises `ClientLost`."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Never raises, and does not wait for the client."""
        ...


class RelayLost(Exception):
    """Messages can no longer be sent: the stream ends with this reason. The text is for the log."""

    def __init__(self, ending: CloseReason, detail: str) -> None:
        super().__init__(detail)
        self.ending = ending


class Relay(Protocol):
    async def send_messages(self, messages: Sequence[SendMessage]) -> None:
        """Send these, in this order. They count as sent when this returns. Raises `RelayLost`."""
        ...

    async def wait_lost(self) -> RelayLost:
        """Return when the other side is known to be lost, also while nothing is sent."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Nothing more will be sent. Never raises."""
        ...


class ClientRelay:
    """To the client alone. That it is lost is noticed where its audio is read."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send_messages(self, messages: Sequence[SendMessage]) -> None:
        for each in messages:
            try:
                await self._client.send_message(each.message)
            except ClientTooSlow:
                raise RelayLost(CloseReason.CLIENT_TOO_SLOW, "its send buffer stays full") from None
            except ClientLost:
                return

    async def wait_lost(self) -> RelayLost:
        never: asyncio.Future[RelayLost] = asyncio.get_running_loop().create_future()
        return await never

    async def close(self, code: int, reason: str) -> None:
        """The session closes the client's socket itself, whatever the relay is."""


class CallbackAndClientRelay:
    """To a callback in place of the client; with `inspect` (`inspect_response=true`) to both.

    The callback comes first: what the client sees was sent to the callback, or for HTTP was committed as a
    delivery. Answers to the client's own text messages go to the client alone.
    """

    def __init__(
        self,
        callback: Relay,
        client: Client,
        *,
        inspect: bool,
        only: frozenset[MessageKind] = frozenset(MessageKind),
    ) -> None:
        """`only`: the kinds of messages that the callback gets."""
        self._callback = callback
        self._client = ClientRelay(client)
        self._inspect = inspect
        self._offered = only - {MessageKind.ANSWER}

    async def send_messages(self, messages: Sequence[SendMessage]) -> None:
        results = [each for each in messages if each.kind in self._offered]
        if results:
            await self._callback.send_messages(results)
        for_client = [each for each in messages if self._inspect or each.kind in _FOR_CLIENTS]
        await self._client.send_messages(for_client)

    async def wait_lost(self) -> RelayLost:
        return await self._callback.wait_lost()

    async def close(self, code: int, reason: str) -> None:
        await self._callback.close(code, reason)


_FOR_CLIENTS = frozenset({MessageKind.ANSWER, MessageKind.CONNECTED, MessageKind.FATAL_ERROR})
"""What a client gets although its results go elsewhere: SDKs wait for Connected."""
