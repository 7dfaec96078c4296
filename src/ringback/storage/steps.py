"""Reads and walks of several queries, written once for both stores.

Each is a generator that yields a query and is sent its answer; a store runs it with a function that queries
its database, synchronously or asynchronously.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Q = TypeVar("Q")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query:
    """A statement by its name, with its parameters by theirs. The answer is a list of rows."""

    name: str
    parameters: Mapping[str, Any]


def run(steps: Generator[Q, Any, T], ask: Callable[[Q], Any]) -> T:
    answer = None
    while True:
        try:
            question = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = ask(question)


async def run_async(steps: Generator[Q, Any, T], ask: Callable[[Q], Awaitable[Any]]) -> T:
    answer = None
    while True:
        try:
            question = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = await ask(question)
