import asyncio

import pytest

from ringback.service import ServiceEnded, all_results, every, run_in_stages, until
from support.waiting import turns


class Recorded:
    """Writes down when it starts and ends; ends when told to, unless `early` or `failing`."""

    def __init__(self, name: str, diary: list[str], *, early: bool = False, failing: bool = False) -> None:
        self.name = name
        self.started = asyncio.Event()
        self._diary = diary
        self._early = early
        self._failing = failing

    async def run(self, stopping: asyncio.Event) -> None:
        self._diary.append(f"{self.name} starts")
        self.started.set()
        if self._failing:
            raise OSError(self.name)
        if not self._early:
            await stopping.wait()
            await turns()
        self._diary.append(f"{self.name} ends")


async def test_stages_end_in_the_reverse_order_of_their_start() -> None:
    diary: list[str] = []
    services = [Recorded(name, diary) for name in ("engine", "worker", "http")]
    stopping = asyncio.Event()
    running = asyncio.create_task(run_in_stages([[service] for service in services], stopping))
    await services[-1].started.wait()
    stopping.set()
    await running
    assert diary[:3] == ["engine starts", "worker starts", "http starts"]
    assert diary[3:] == ["http ends", "worker ends", "engine ends"]


async def test_a_stage_ends_whole_before_the_one_below_it_is_stopped() -> None:
    diary: list[str] = []
    below = Recorded("below", diary)
    above = [Recorded("left", diary), Recorded("right", diary)]
    stopping = asyncio.Event()
    stopping.set()
    await run_in_stages([[below], above], stopping)
    assert diary[-1] == "below ends"
    assert set(diary[3:5]) == {"left ends", "right ends"}


async def test_a_service_that_ends_by_itself_brings_all_down() -> None:
    diary: list[str] = []
    with pytest.raises(ExceptionGroup) as raised:
        await run_in_stages([[Recorded("a", diary)], [Recorded("b", diary, early=True)]], asyncio.Event())
    assert raised.group_contains(ServiceEnded, match="b")


async def test_a_service_that_fails_brings_all_down_with_its_own_error() -> None:
    diary: list[str] = []
    with pytest.raises(ExceptionGroup) as raised:
        await run_in_stages([[Recorded("a", diary)], [Recorded("b", diary, failing=True)]], asyncio.Event())
    assert raised.group_contains(OSError, match="b")


async def test_work_is_done_again_and_again_until_the_stop() -> None:
    stopping = asyncio.Event()
    rounds: list[int] = []

    async def work() -> float | None:
        rounds.append(len(rounds))
        if len(rounds) == 3:
            stopping.set()
        return 0.0 if len(rounds) < 3 else None

    await every(3_600.0, work, stopping)
    assert rounds == [0, 1, 2]
    await every(0.0, work, stopping)
    assert rounds == [0, 1, 2]


async def test_a_pause_ends_with_the_stop() -> None:
    stopping, begun = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()

    running = asyncio.create_task(every(3_600.0, work, stopping))
    await begun.wait()
    stopping.set()
    await running


async def test_work_until_the_stop() -> None:
    stopping = asyncio.Event()
    undone: list[str] = []

    async def work() -> str:
        try:
            await (asyncio.Event().wait() if stopping.is_set() else turns())
        finally:
            await turns()
            undone.append("put in order")
        return "done"

    assert await until(stopping, work()) == "done"
    stopping.set()
    undone.clear()
    assert await until(stopping, work()) is None
    assert undone == ["put in order"]


async def test_a_failure_and_a_cancellation_reach_through() -> None:
    stopping = asyncio.Event()
    ended = asyncio.Event()

    async def failing() -> None:
        raise OSError("the work")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(OSError, match="the work"):
        await until(stopping, failing())
    running = asyncio.create_task(until(stopping, endless()))
    await turns(2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_results_come_in_the_order_of_the_work() -> None:
    second_done = asyncio.Event()

    async def first() -> str:
        await second_done.wait()
        return "first"

    async def second() -> str:
        second_done.set()
        return "second"

    assert await all_results([first(), second()]) == ["first", "second"]
    assert await all_results([]) == []


async def test_the_first_failure_ends_the_others_and_is_raised_as_it_is() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")

    async def failing() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await all_results([endless(), failing()])
    assert ended == ["endless"]
