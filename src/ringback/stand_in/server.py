"""A stand-in that runs: in a thread beside tests, or as a program."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from ringback.server.protocol import HttpServer
from ringback.stand_in.application import StandInApplication, with_middleware
from ringback.stand_in.callbacks import Callbacks
from ringback.stand_in.control import Control
from ringback.stand_in.records import RecordedRequest, Recorder
from ringback.stand_in.script import Rule, Script, When

STOP_SECONDS = 0.5
"""For answers that are under way when a stand-in stops."""


class StandIn:
    """A Deepgram for tests. Used as a context manager, or with `start` and `stop`; from any thread."""

    def __init__(self, script: Script | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        """`port` 0: any that is free."""
        self._recorder = Recorder()
        self._control = Control(script or Script(), self._recorder)
        self._host = host
        self._port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._fault: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it is: what a client takes for `https://api.deepgram.com`."""
        return f"http://{self._host}:{self._port}"

    @property
    def websocket_url(self) -> str:
        """The same for live streams."""
        return f"ws://{self._host}:{self._port}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """What was asked, in the order of arrival, without what went to `/stand-in/`."""
        return self._recorder.all()

    def use(self, script: Script) -> None:
        """From now on answer by this script; what was recorded is forgotten."""
        self._control.use(script)

    def add(self, rule: Rule) -> None:
        """One more rule, which goes before those that are there."""
        self._control.book.add(rule)

    def answer(self, transcript: str | None = None, *, when: When | None = None, **more: Any) -> None:
        """The same in short: `answer("Hello.", when=When(query={"model": "nova-3"}), delay=1)`."""
        self.add(Rule(transcript=transcript, when=when or When(), **more))

    def forget(self) -> None:
        """Forget what was asked."""
        self._recorder.forget()

    def wait(
        self, condition: Callable[[Sequence[RecordedRequest]], bool], seconds: float = 5.0
    ) -> list[RecordedRequest]:
        """What was asked, once `condition` holds of it. Raises `NeverCame`."""
        return self._recorder.wait(condition, seconds)

    def start(self) -> None:
        """Return once it listens. Raises `Misconfigured` where the port is taken."""
        self._started.clear()
        self._fault = None
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """Open streams are closed, running answers have half a second."""
        assert self._thread is not None
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self.serve(self._started.set))
        except BaseException as error:
            self._fault = error
            self._started.set()

    async def serve(self, started: Callable[[], None], stopping: asyncio.Event | None = None) -> None:
        """Serve until `stopping`, or `stop`, in the loop of the caller. Raises `Misconfigured`."""
        self._stopping = stopping or asyncio.Event()
        self._loop = asyncio.get_running_loop()
        async with Callbacks(self._recorder) as callbacks:
            application = StandInApplication(self._control, self._recorder, callbacks)
            server = HttpServer(with_middleware(application), self._host, self._port, grace=STOP_SECONDS)
            self._port = server.bind()
            running = asyncio.create_task(server.run(self._stopping))
            started()
            await running
