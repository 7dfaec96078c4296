"""A ledger that goes away while a process starts, at any question that the start asks of it."""

import inspect
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from ringback.bootstrap import context, dependencies, roles, serving
from ringback.bootstrap.ledger import Ledger, OpenedLedger, open_to_serve
from ringback.clock import Clock, SystemClock
from ringback.jobs.store import LedgerUnavailable
from ringback.settings import Settings


class GoesAway:
    """The ledger, which is away at its question number `at`, and there again at the next. `answer_lost`: it
    carries that question out, and goes away before it answers."""

    def __init__(self, ledger: Any, at: int, *, answer_lost: bool = False) -> None:
        self._ledger = ledger
        self._at = at
        self._answer_lost = answer_lost
        self.questions = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            self.questions += 1
            away = self.questions == self._at
            if away and not self._answer_lost:
                raise LedgerUnavailable("away")
            answer = await found(*arguments, **options)
            if away:
                raise LedgerUnavailable("away")
            return answer

        return call


async def start(
    folder: Path,
    at: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    answer_lost: bool = False,
) -> tuple[int, int]:
    """Until it would serve: how often the ledger was asked, and how many keys were shown."""
    ledgers: list[GoesAway] = []

    async def opened(
        settings: Settings, clock: Clock, caps: Mapping[str, int], stack: AsyncExitStack
    ) -> OpenedLedger:
        ledger = (await open_to_serve(settings, clock, caps, stack)).ledger
        ledgers.append(GoesAway(ledger, at, answer_lost=answer_lost))
        return OpenedLedger(cast(Ledger, ledgers[-1]), None)

    monkeypatch.setattr(context, "open_to_serve", opened)
    monkeypatch.setattr(dependencies, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(roles.ServiceStages, "bind", lambda _: 0)
    script = folder / "script.json"
    script.write_text('{"steps": [{"words": "hello"}]}')
    settings = Settings(data_dir=str(folder), port=0, model=f"scripted:{script}")
    async with AsyncExitStack() as stack:
        await serving._assemble(settings, SystemClock(), stack)
    return ledgers[0].questions, capsys.readouterr().out.count("Your API key")


@pytest.mark.parametrize("answer_lost", [False, True])
async def test_a_ledger_that_goes_away_at_any_question_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer_lost: bool
) -> None:
    (tmp_path / "0").mkdir()
    questions, keys = await start(tmp_path / "0", 0, monkeypatch, capsys)
    assert questions >= 6
    assert keys == 1
    for at in range(1, questions + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        repeated, keys = await start(folder, at, monkeypatch, capsys, answer_lost=answer_lost)
        assert repeated > questions
        assert keys == 1


class FirstTurn:
    """The first to ask has the turn; its answer may be lost."""

    def __init__(self, *, answer_lost: bool) -> None:
        self._answer_lost = answer_lost
        self._taken = False

    async def take_turn(self, name: str, every: float) -> bool:
        if self._taken:
            return False
        self._taken = True
        if self._answer_lost:
            raise LedgerUnavailable("away")
        return True


async def test_a_node_whose_turn_was_taken_by_a_try_without_an_answer_has_it() -> None:
    turn = serving._turn_to_make_a_key(FirstTurn(answer_lost=True))
    with pytest.raises(LedgerUnavailable):
        await turn()
    assert await turn()


async def test_of_nodes_that_start_together_one_makes_a_key() -> None:
    turns = FirstTurn(answer_lost=False)
    assert await serving._turn_to_make_a_key(turns)()
    assert not await serving._turn_to_make_a_key(turns)()
