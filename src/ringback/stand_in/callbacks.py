"""Callbacks of a stand-in: sent at once, tried again soon, and recorded."""

import asyncio
from dataclasses import dataclass

from ringback import __version__
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits, NoResponse
from ringback.egress.target import Target
from ringback.stand_in.records import CallbackTry, RecordedRequest, Recorder
from ringback.stand_in.script import Script

LIMITS = Limits(connect=5, total=30)

ANYWHERE = Policy(("0.0.0.0/0", "::/0"), ())
"""A stand-in serves the tests on its own machine, and calls what they name."""


@dataclass(frozen=True, slots=True)
class Callback:
    """What is sent, and the request that it is recorded with."""

    record: RecordedRequest
    target: Target
    method: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": f"ringback/{__version__}",
            "dg-request-id": self.record.request_id,
            "dg-token": "stand-in",
        }


class Callbacks:
    """Sends in tasks of its own; `close` ends them."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._egress = EgressClient(ANYWHERE, SystemClock())
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def egress(self) -> EgressClient:
        return self._egress

    async def __aenter__(self) -> "Callbacks":
        await self._egress.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._egress.__aexit__(None, None, None)

    def send(self, callback: Callback, script: Script) -> None:
        """Send it, as often as the script says until a 2xx."""
        task = asyncio.create_task(self._send(callback, script))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, callback: Callback, script: Script) -> None:
        for number in range(script.callback_tries):
            if number:
                await asyncio.sleep(script.callback_retry_seconds)
            answer = await self._egress.send_request(
                callback.target, callback.method, callback.headers, callback.body, LIMITS
            )
            status = None if isinstance(answer, NoResponse) else answer.status
            reason = answer.detail if isinstance(answer, NoResponse) else ""
            callback.record.callbacks.append(CallbackTry(status, reason))
            self._recorder.changed()
            if status is not None and 200 <= status < 300:
                return
