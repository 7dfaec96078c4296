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
    """The ledger, which is away at its question number `at`, and there again at the next."""

    def __init__(self, ledger: Any, at: int) -> None:
        self._ledger = ledger
        self._at = at
        self.questions = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            self.questions += 1
            if self.questions == self._at:
                raise LedgerUnavailable("away")
            return await found(*arguments, **options)

        return call


async def start(
    folder: Path, at: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, int]:
    """Until it would serve: how often the ledger was asked, and how many keys were shown."""
    ledgers: list[GoesAway] = []

    async def opened(
        settings: Settings, clock: Clock, caps: Mapping[str, int], stack: AsyncExitStack
    ) -> OpenedLedger:
        ledgers.append(GoesAway((await open_to_serve(settings, clock, caps, stack)).ledger, at))
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


async def test_a_ledger_that_goes_away_at_any_question_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "0").mkdir()
    questions, keys = await start(tmp_path / "0", 0, monkeypatch, capsys)
    assert questions >= 6
    assert keys == 1
    for at in range(1, questions + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        repeated, keys = await start(folder, at, monkeypatch, capsys)
        assert repeated > questions
        assert keys == 1
