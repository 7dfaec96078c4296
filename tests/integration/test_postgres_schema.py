"""Opening a database: migrations by several nodes at once, newer schemas, and URLs that cannot be used."""

import asyncio

import asyncpg
import pytest

from ringback.errors import Misconfigured
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.postgres import PostgresLedger, migrate, schema
from support.ports import free_port
from support.postgres import new_database, servers


@pytest.fixture(params=servers())
def url(request: pytest.FixtureRequest) -> str:
    return new_database(request.param)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def shape(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'public' order by 1, 2"
        )
    finally:
        await connection.close()


async def test_many_nodes_migrate_at_once_and_again(url: str) -> None:
    newest = schema.newest_version()
    assert await asyncio.gather(*(migrate(url) for _ in range(6))) == [newest] * 6
    before = await shape(url)
    assert await migrate(url) == newest
    assert await shape(url) == before


async def test_a_migration_that_fails_leaves_nothing_behind(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [*schema.scripts(0), (schema.newest_version() + 1, "create table more (); select 1 / 0")]
    before = await shape(url)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "scripts", lambda _version: broken)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(url)
    assert await shape(url) == before
    await migrate(url)


async def test_a_newer_schema_is_refused_with_the_fix(url: str) -> None:
    newest = await migrate(url)
    await execute(url, "insert into ringback_schema values (99)")
    for attempt in (migrate(url), PostgresLedger.open(url), PostgresLedger.open(url, serving=True)):
        with pytest.raises(Misconfigured, match=rf"schema 99; this one knows {newest}\). Install that"):
            await attempt


async def test_who_does_not_serve_does_not_migrate(url: str) -> None:
    with pytest.raises(Misconfigured, match="Run `ringback migrate`"):
        await PostgresLedger.open(url)
    assert await shape(url) == []


class TestUrlsThatCannotBeUsed:
    SECRET = "do-not-show"

    @pytest.mark.parametrize(
        ("change", "hint"),
        [
            (("ringback@", f"ringback:{SECRET}@"), None),
            (("ringback@", f"nobody:{SECRET}@"), "refuses the user or password"),
            (("127.0.0.1", f"{SECRET}.invalid"), "host of database_url has no address"),
            (("ringback_", f"{SECRET[:0]}absent_"), "is not there: .* Create it"),
            (("postgresql://", f"mysql://x:{SECRET}@"), "has the form postgresql://"),
        ],
    )
    async def test_name_the_fix_and_no_password(
        self, url: str, change: tuple[str, str], hint: str | None
    ) -> None:
        wrong = url.replace(*change)
        if hint is None:
            await migrate(wrong)
            return
        with pytest.raises(Misconfigured, match=hint) as refused:
            await PostgresLedger.open(wrong, serving=True)
        assert self.SECRET not in str(refused.value)
        assert refused.value.__cause__ is None

    async def test_a_server_that_is_not_there_is_waited_for_by_the_caller(self, url: str) -> None:
        port = free_port()
        with pytest.raises(LedgerUnavailable):
            await PostgresLedger.open(f"postgresql://ringback@127.0.0.1:{port}/ringback", serving=True)

    async def test_the_error_of_a_user_without_rights_says_so(self, url: str) -> None:
        role = "weak_" + url[-12:]
        await execute(url, f"create role {role} login")
        with pytest.raises(Misconfigured, match="owner"):
            await migrate(url.replace("ringback@", f"{role}@"))
