"""Whose turn it is."""

import asyncio

import pytest

from ringback.fair_turns import FairTurns
from support.waiting import turns


async def settle() -> None:
    await turns(5)


class Callers:
    """Those who want places, and the order in which they got them."""

    def __init__(self, turns: FairTurns) -> None:
        self.turns = turns
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, *callers: str) -> None:
        for caller in callers:
            self.tasks.append(asyncio.create_task(self._take(caller)))
        await settle()

    async def _take(self, caller: str) -> None:
        await self.turns.take(caller)
        self.served.append(caller)


async def test_places_are_taken_at_once_while_there_are_some() -> None:
    callers = Callers(FairTurns(2))
    await callers.ask("p/a", "p/a", "p/a")
    assert callers.served == ["p/a", "p/a"]
    callers.turns.give_back("p/a")
    await settle()
    assert callers.served == ["p/a"] * 3


async def test_the_project_with_the_fewest_goes_first_and_there_the_key_with_the_fewest() -> None:
    callers = Callers(FairTurns(3))
    await callers.ask("p/a", "p/a", "p/b", "p/a", "p/b", "q/c")
    callers.turns.give_back("p/a")
    await settle()
    assert callers.served[3:] == ["q/c"]
    callers.turns.give_back("p/a")
    await settle()
    assert callers.served[4:] == ["p/a"], "p/b holds one, p/a none"


async def test_callers_with_as_many_take_turns() -> None:
    callers = Callers(FairTurns(1))
    await callers.ask(*["p/a"] * 3, *["q/b"] * 3)
    for _ in range(5):
        callers.turns.give_back(callers.served[-1])
        await settle()
    assert callers.served == ["p/a", "q/b"] * 3


async def test_a_newcomer_waits_for_one_turn_however_many_wait() -> None:
    callers = Callers(FairTurns(1))
    await callers.ask(*(f"p{number}/k" for number in range(50) for _ in range(3)))
    for _ in range(60):
        callers.turns.give_back(callers.served[-1])
        await settle()
    await callers.ask("new/k")
    callers.turns.give_back(callers.served[-1])
    await settle()
    assert callers.served[-1] == "new/k"


@pytest.mark.parametrize("granted", [False, True])
async def test_who_no_longer_waits_holds_nothing(granted: bool) -> None:
    callers = Callers(FairTurns(1))
    await callers.ask("p/a", "p/b")
    if granted:
        callers.turns.give_back("p/a")  # its place is b's, who has not woken up yet
    callers.tasks[1].cancel()
    await settle()
    if not granted:
        callers.turns.give_back("p/a")
    assert (callers.turns.free, callers.turns.held_by("p/b")) == (1, (0, 0))


async def test_places_may_be_left_to_the_next_caller() -> None:
    callers = Callers(FairTurns(8, leaving_some=True))
    await callers.ask(*["p/a"] * 8)
    assert callers.served == ["p/a"] * 4
    await callers.ask(*["p/b"] * 8, *["q/c"] * 8, *["q/d"] * 8)
    assert callers.served[4:] == ["p/b", "p/b", "q/c", "q/d"]
    callers.turns.give_back("p/a")
    await settle()
    assert callers.served[8:] == [], "a and the others hold as many as would be left"
    await callers.ask("r/e")
    assert callers.served[8:] == ["r/e"]


async def test_a_place_that_is_free_is_taken_at_once_unless_somebody_waits() -> None:
    turns = FairTurns(1)
    assert turns.take_now("p/a")
    assert not turns.take_now("q/b")
    turns.give_back("p/a")
    assert turns.take_now("q/b")
