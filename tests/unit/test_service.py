import asyncio

import pytest

from ringback.service import ServiceEnded, run_in_stages


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
            await asyncio.sleep(0)
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


async def test_a_stage_ends_whole_before_the_one_below_it_is_told() -> None:
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
