"""Places that callers take in fair turns."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

MOST_REMEMBERED = 10_000
"""Callers of whom it is remembered when they last had a turn."""


@dataclass(eq=False, slots=True)
class _Waiter:
    caller: str
    number: int
    granted: asyncio.Future[None]


class FairTurns:
    """So many places; one that becomes free goes to the project that holds the fewest, there to the key that
    holds the fewest, then to the one whose last turn is the longest ago, and then to the first that came.

    A caller is named `PROJECT/KEY`.
    """

    def __init__(
        self, places: int, *, leaving_some: bool = False, weigh: Callable[[str], int] = lambda _: 0
    ) -> None:
        """`leaving_some`: a caller takes a place only while it holds fewer than are free, so that the next
        caller finds one. `weigh`: what a caller has elsewhere; who has least goes first."""
        self._weigh = weigh
        self._free = places
        self._leaving_some = leaving_some
        self._waiting: list[_Waiter] = []
        self._held: Counter[str] = Counter()
        """Places by project, and by caller."""
        self._last_turn: dict[str, int] = {}
        self._numbers = itertools.count(1)

    @property
    def free(self) -> int:
        return self._free

    def held_by(self, caller: str) -> tuple[int, int]:
        """Places of the caller's project, and of the caller."""
        return self._held[_project(caller)], self._held[caller]

    async def take(self, caller: str) -> None:
        """Wait for a place."""
        waiter = _Waiter(caller, next(self._numbers), asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._hand_on()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:
                self.give_back(caller)
            raise

    def take_now(self, caller: str) -> bool:
        """Take a place if one is free and no other caller waits for it; whether it was taken."""
        if not self._free or self._waiting:
            return False
        self._free -= 1
        self._note_turn(caller)
        return True

    def give_back(self, caller: str) -> None:
        for name in {caller, _project(caller)}:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]
        self._free += 1
        self._hand_on()

    def _hand_on(self) -> None:
        while self._free and (fitting := [each for each in self._waiting if self._may_take(each.caller)]):
            waiter = min(fitting, key=self._order)
            self._waiting.remove(waiter)
            self._free -= 1
            self._note_turn(waiter.caller)
            if not waiter.granted.done():
                waiter.granted.set_result(None)

    def _may_take(self, caller: str) -> bool:
        return not self._leaving_some or self._held[caller] < self._free

    def _note_turn(self, caller: str) -> None:
        if len(self._last_turn) > MOST_REMEMBERED:
            self._last_turn.clear()
        turn = next(self._numbers)
        for name in {caller, _project(caller)}:
            self._held[name] += 1
            self._last_turn[name] = turn

    def _order(self, waiter: _Waiter) -> tuple[int, ...]:
        caller, project = waiter.caller, _project(waiter.caller)
        return (
            self._weigh(caller),
            self._held[project],
            self._held[caller],
            self._last_turn.get(project, 0),
            self._last_turn.get(caller, 0),
            waiter.number,
        )


def _project(caller: str) -> str:
    # With its slash, so that a caller without a project is not taken for a project.
    return caller.partition("/")[0] + "/"
