"""Children that take a command per line and answer with a line: JSON on standard input and output."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

Facts = dict[str, Any]


class Child:
    """`python -m MODULE ARGUMENTS`, ready for commands once the constructor returns."""

    def __init__(self, module: str, *arguments: str, python: Path | None = None) -> None:
        """`python`: another environment's."""
        self._process = subprocess.Popen(
            [python or sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid
        self.facts = self._read()
        """What the child said when it was ready, such as its port."""

    def ask(self, **command: Any) -> Facts:
        self.tell(**command)
        return self._read()

    def tell(self, **command: Any) -> None:
        """Give a command whose answer is read later, by `answer`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> Facts:
        return self._read()

    def close(self) -> None:
        """End of input is the sign to go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> Facts:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a child of the benchmark ended with status {self._process.wait()}")
        facts: Facts = json.loads(line)
        return facts


def say(facts: Facts) -> None:
    """The child's side: one answer."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def obey(carry_out: Callable[[Facts], Facts]) -> None:
    """The child's side: answer commands until the input ends."""
    for line in sys.stdin:
        say(carry_out(json.loads(line)))


async def obey_async(carry_out: Callable[[Facts], Awaitable[Facts]]) -> None:
    """The same on an event loop."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        say(await carry_out(json.loads(line)))
