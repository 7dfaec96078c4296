"""Destinations over HTTP and on the command line: who sees which, and what is said of each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ringback.callbacks.delivery import KIND
from ringback.cli import main
from ringback.jobs.job import Done, GivenUp, Signal
from support.deliveries import delivery
from support.front import OWNER, Front, front


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Front]:
    """One destination is down and has one callback parked and one waiting; one does well."""
    async with front(tmp_path) as opened:
        project = opened.project
        for origin, owner, outcome in (
            ("https://down.example:443", project, GivenUp(503, signal=Signal.BAD)),
            ("https://well.example:443", project, Done(200, signal=Signal.GOOD)),
            ("https://down.example:443", "a-tenant", GivenUp(503, signal=Signal.BAD)),
        ):
            await opened.ledger.add([delivery(origin, owner)])
            (lease,) = await opened.ledger.claim(KIND, 1, 60)
            assert await opened.ledger.settle(lease, outcome)
        await opened.ledger.add([delivery("https://down.example:443", project)])
        yield opened


async def test_a_project_sees_its_own_those_that_fail_first(served: Front) -> None:
    path = f"/v1/projects/{served.project}/destinations"
    down, well = (await served.call("GET", path)).json()["destinations"]
    assert (down["destination"], down["state"], down["failures"]) == (
        "https://down.example:443",
        "failing",
        1,
    )
    assert (down["waiting"], down["parked"], down["last_success"]) == (1, 1, None)
    assert down["next_attempt_at"] is not None
    assert (well["destination"], well["state"], well["next_attempt_at"]) == (
        "https://well.example:443",
        "healthy",
        None,
    )
    assert well["last_success"] is not None
    failing = (await served.call("GET", f"{path}?failures=1")).json()["destinations"]
    assert [each["destination"] for each in failing] == ["https://down.example:443"]
    assert (await served.call("GET", path, key=await served.add_key("requests:own"))).status == 403


async def test_operators_see_all_of_them_and_nobody_else_does(served: Front) -> None:
    found = (await served.call("GET", "/v1/destinations")).json()["destinations"]
    assert {each["project_id"] for each in found} == {served.project, "a-tenant"}
    metrics = await served.add_key("metrics:read")
    assert (await served.call("GET", "/v1/destinations", key=metrics)).status == 200
    assert (await served.call("GET", "/v1/destinations", key=await served.add_key("admin"))).status == 403
    assert (await served.call("GET", "/v1/destinations", key=None)).status == 401


async def test_the_command_shows_a_table(served: Front) -> None:
    command = ["requests", "destinations", "--server", served.url, "--failures", "1"]
    listed = await asyncio.to_thread(CliRunner(env={"RINGBACK_API_KEY": OWNER}).invoke, main, command)
    assert listed.exit_code == 0, listed.output
    head, row = listed.output.strip().splitlines()
    assert head.split()[:3] == ["DESTINATION", "STATE", "FAILURES"]
    assert row.split()[:4] == ["https://down.example:443", "failing", "1", "-"]
    assert row.split()[-2:] == ["1", "1"]
