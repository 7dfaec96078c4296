"""The ledger's file: its lock, its schema, its constraints, and faults of the disk under it."""

import asyncio
import errno
import fcntl
import os
import resource
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.jobs.job import (
    Allowance,
    Attempt,
    Done,
    GivenUp,
    IdempotencyKey,
    JobFilter,
    JobId,
    Lane,
    NewJob,
    Retry,
    Signal,
)
from ringback.jobs.lane import FIRST_CAP
from ringback.jobs.store import AlreadyRequested, LedgerUnavailable, OverAllowance
from ringback.keys import ApiKey
from ringback.storage.sqlite import SqliteLedger, examination, schema


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


async def opened(path: Path, *, serving: bool = True) -> SqliteLedger:
    return await SqliteLedger.open(path, SystemClock(), serving=serving)


def new_job(payload: bytes = b"") -> NewJob:
    return NewJob(JobId(str(uuid.uuid4())), "deliver", Lane("host p"), "p", payload)


ENDED = (
    "insert into ended_job (number, kind, project, lane, state, tries, losses, due_at, token, finished_at)"
    " values (1, 'deliver', 'p', 1, {})"
)


@pytest.mark.parametrize("connection", [schema.connect, schema.connect_for_reading])
def test_what_is_deleted_is_overwritten_whatever_the_build_says(
    path: Path, connection: Callable[[Path], sqlite3.Connection]
) -> None:
    path.parent.mkdir()
    with closing(connection(path)) as opened_file:
        assert opened_file.execute("pragma secure_delete").fetchall() == [(1,)]


class TestServingAndNot:
    async def test_one_process_serves_and_the_error_of_the_next_names_the_fix(self, path: Path) -> None:
        async with await opened(path):
            with pytest.raises(Misconfigured, match="Stop it, or give this one a data_dir of its own"):
                await opened(path)
        async with await opened(path):
            pass

    async def test_a_file_system_without_locks_is_named_with_the_lock_file(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with await opened(path):
            pass

        def no_locks(descriptor: int, operation: int) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", no_locks)
        with pytest.raises(Misconfigured, match=r"ledger\.db\.lock: cannot be locked: No locks available"):
            await opened(path)
        with pytest.raises(Misconfigured, match=r"ledger\.db\.lock: cannot be locked: No locks available"):
            examination.examine(path)

    async def test_keys_are_added_beside_a_serving_process(self, path: Path) -> None:
        async with await opened(path) as serving, await opened(path, serving=False) as beside:
            [project] = await beside.projects()
            key = ApiKey("k", project.id, "", ("usage:write",), (), 1.0, None)
            await beside.add_key(key, b"hash")
            assert await serving.key_by_hash(b"hash") == key

    async def test_leases_are_not_touched_by_an_opening_beside(self, path: Path) -> None:
        async with await opened(path) as serving:
            await serving.add([new_job()])
            [lease] = await serving.claim("deliver", 1, 30.0)
            async with await opened(path, serving=False):
                pass
            assert await serving.settle(lease, Done(200))

    async def test_only_who_serves_may_claim(self, path: Path) -> None:
        async with await opened(path, serving=False) as beside:
            with pytest.raises(RuntimeError, match="serving"):
                await beside.claim("deliver", 1, 30.0)

    async def test_after_closing_the_ledger_says_so(self, path: Path) -> None:
        ledger = await opened(path)
        await ledger.close()
        with pytest.raises(LedgerUnavailable, match="closed"):
            await ledger.add([new_job()])
        with pytest.raises(LedgerUnavailable, match="closed"):
            await ledger.gauges()

    async def test_the_file_is_for_its_owner_alone(self, path: Path) -> None:
        async with await opened(path) as ledger:
            await ledger.add([new_job()])
            modes = {file.stat().st_mode & 0o077 for file in path.parent.iterdir()}
        assert modes == {0}


class TestSchema:
    async def test_a_newer_schema_is_refused_and_left_alone(self, path: Path) -> None:
        async with await opened(path):
            pass
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma user_version = 999")
        with pytest.raises(Misconfigured, match="newer Ringback"):
            await opened(path)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("pragma user_version").fetchone() == (999,)

    def test_another_kind_of_file_is_refused_and_left_alone(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"not a database, but somebody's letters" * 100)
        with pytest.raises(Misconfigured, match="cannot be used"):
            asyncio.run(opened(path))
        assert path.read_bytes().startswith(b"not a database")

    async def test_the_writer_is_durable(self, path: Path) -> None:
        async with await opened(path) as ledger:
            connection = ledger._connection
            assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
            assert connection.execute("pragma synchronous").fetchone() == (2,)  # full
            assert connection.execute("pragma foreign_keys").fetchone() == (1,)

    @pytest.mark.parametrize(
        "impossible",
        [
            "update live_job set holder = 1 where state = 'queued'",
            "update live_job set lease_until = 1.0 where state = 'queued'",
            "update live_job set state = 'leased'",
            "update live_job set state = 'done'",
            "update live_job set tries = -1",
            "update live_job set losses = -1",
            "update live_job set weight = -1",
            "update live_job set state = 'held'",  # outside of a sequence
            "update live_job set state = 'held', sequence = 's', holder = 1",
            "update live_job set sequence = 's'",  # two that are not held
            "update job set weight = -1",
            "update ended_job set stripped = 2",
            "insert into usage (accessor, kind, jobs, weight, kept) values ('k', 'deliver', -1, 0, 0)",
            "insert into usage (accessor, kind, jobs, weight, kept) values ('k', 'deliver', 0, -1, 0)",
            "insert into idempotency_key (accessor, key, job, fingerprint, until)"
            " values ('', 'w', 99, x'00', 1.0)",
            "insert into idempotency_key (accessor, key, job, fingerprint, until)"
            " values ('', 'w', 1, x'00', 1.0), ('', 'w', 2, x'00', 1.0)",
            ENDED.format("'parked', 1, 0, 1.0, 1, null"),
            ENDED.format("'queued', 1, 0, 1.0, 1, 1.0"),
            ENDED.format("'held', 1, 0, 1.0, 1, 1.0"),
            ENDED.format("'done', 1, 0, 1.0, 1, 1.0"),
            "update lane set inflight = -1",
            "update lane set cap = 0",
        ],
    )
    async def test_the_state_machine_stands_in_the_schema(self, path: Path, impossible: str) -> None:
        async with await opened(path) as ledger:
            await ledger.add([new_job(), new_job(), new_job()])
            await ledger.cancel((await ledger.page(JobFilter("p", "deliver"), 1)).jobs[0].id)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma foreign_keys = on")
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(impossible)


class TestRepair:
    async def test_wrong_counts_of_live_jobs_are_corrected_at_the_start(self, path: Path) -> None:
        async with await opened(path) as ledger:
            await ledger.add([replace(new_job(), accessor="k", weight=5) for _ in range(3)])
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("update usage set jobs = 50, weight = 1")
            connection.execute("insert into usage values ('gone', 'deliver', 7, 7, 0)")
        async with await opened(path) as ledger:
            with pytest.raises(OverAllowance):
                await ledger.add([replace(new_job(), accessor="k")], Allowance(weight=14))
            await ledger.add([replace(new_job(), accessor="k")], Allowance(jobs=4))
            await ledger.add([replace(new_job(), accessor="gone")], Allowance(jobs=1))

    async def test_a_wrong_count_of_leases_is_corrected_by_the_sweep(self, path: Path) -> None:
        async with await opened(path) as ledger:
            await ledger.add([new_job() for _ in range(8)])
            await ledger.claim("deliver", 1, 30.0)
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("update lane set inflight = 4")
                assert await ledger.claim("deliver", 8, 30.0) == []
                await ledger.rescue()
            assert len(await ledger.claim("deliver", 8, 30.0)) == 3


class TestForgetting:
    """Nothing stays behind of what was dropped."""

    async def test_every_table_is_empty_again(self, path: Path) -> None:
        async with await opened(path) as ledger:
            for number in range(20):
                once = IdempotencyKey(f"key {number}", b"fingerprint")
                await ledger.add([replace(new_job(), lane=Lane(f"{number}"), accessor="k", idempotency=once)])
            attempt = Attempt(1.0, 2.0, "delivered", 200)
            for lease in await ledger.claim("deliver", 20, 30.0):
                await ledger.settle(lease, Done(200, attempt=attempt))
            dropped = [await ledger.drop(0.0, 7) for _ in range(4)]
            assert dropped == [7, 7, 6, 0]
        with closing(sqlite3.connect(path)) as connection:
            for table in ("job", "live_job", "ended_job", "attempt", "lane", "idempotency_key", "usage"):
                assert connection.execute(f"select count(*) from {table}").fetchone() == (0,), table

    async def test_words_that_had_their_time_go_with_any_drop(self, path: Path) -> None:
        async with await opened(path) as ledger:
            await ledger.add([replace(new_job(), idempotency=IdempotencyKey("key", b"fingerprint", 0.0))])
            assert await ledger.drop(0.0, 7) == 0
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("select count(*) from idempotency_key").fetchone() == (0,)


class TestLongLists:
    async def test_what_few_jobs_fit_comes_in_short_pages_that_lead_on(self, path: Path) -> None:
        async with await opened(path) as ledger:
            first = replace(new_job(), accessor="k")
            await ledger.add([first])
            for _ in range(6):
                await ledger.add([new_job() for _ in range(2_000)])
            where = JobFilter("p", "deliver", accessor="k")
            page = await ledger.page(where, 10)
            assert page.jobs == ()
            assert page.next is not None
            last = await ledger.page(where, 10, page.next)
            assert ([job.id for job in last.jobs], last.next) == ([first.id], None)


class TestGroups:
    """What is asked for in one turn of the loop is committed together."""

    async def test_refusals_undo_nothing_beside_them(self, path: Path) -> None:
        async with await opened(path) as ledger:
            once = IdempotencyKey("key", b"fingerprint")
            jobs = [
                replace(new_job(), accessor="k", idempotency=once if number % 2 else None)
                for number in range(8)
            ]
            answers = await asyncio.gather(
                *(ledger.add([job], Allowance(jobs=3)) for job in jobs), return_exceptions=True
            )
            assert [type(answer) for answer in answers] == [
                type(None), type(None), type(None), AlreadyRequested,
                OverAllowance, AlreadyRequested, OverAllowance, AlreadyRequested,
            ]  # fmt: skip
            present = [await ledger.get(job.id) is not None for job in jobs]
            assert present == [answer is None for answer in answers]

    async def test_a_bad_operation_fails_alone(self, path: Path) -> None:
        async with await opened(path) as ledger:
            there = new_job()
            await ledger.add([there, new_job()])
            ended, taken = await ledger.claim("deliver", 2, 30.0)
            good = [new_job() for _ in range(3)]
            attempt = Attempt(1.0, 2.0, "delivered", 200)
            results = await asyncio.gather(
                ledger.add(good[:1]),
                ledger.settle(ended, Done(200, attempt=attempt, signal=Signal.GOOD)),
                ledger.settle(taken, Done(200, follow_ups=(there,), attempt=attempt)),
                ledger.add([good[1], there]),
                ledger.settle(ended, Done(200, attempt=attempt)),
                ledger.add(good[2:]),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [
                type(None), bool, ValueError, ValueError, bool, type(None),
            ]  # fmt: skip
            assert (results[1], results[4]) == (True, False)
            present = [await ledger.get(job.id) is not None for job in good]
            assert present == [True, False, True]
            assert [len(await ledger.attempts(lease.job.id, 9)) for lease in (ended, taken)] == [1, 0]
            assert await ledger.settle(taken, Done(200))

    async def test_what_a_lane_learns_in_one_group_adds_up(self, path: Path) -> None:
        async with await opened(path) as ledger:
            await ledger.add([new_job() for _ in range(8)])
            leases = await ledger.claim("deliver", 8, 30.0)
            assert len(leases) == FIRST_CAP
            *settled, after = await asyncio.gather(
                *(ledger.settle(lease, GivenUp(503, signal=Signal.BAD)) for lease in leases[:2]),
                ledger.settle(leases[2], Retry(60.0, signal=Signal.NEUTRAL)),
                ledger.claim("deliver", 8, 30.0),
            )
            assert settled == [True, True, True]
            # Two bad signs halve the cap of 4 twice; the job still in flight fills it.
            assert after == []
            assert await ledger.settle(leases[3], Done(200))
            assert len(await ledger.claim("deliver", 8, 30.0)) == 1


class TestFaults:
    """A fault has a name, leaves nothing half-written, and is over when its cause is."""

    async def test_locked(self, path: Path) -> None:
        async with await opened(path) as ledger:
            lost = new_job()
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("begin immediate")
                with pytest.raises(LedgerUnavailable, match="locked"):
                    await ledger.add([lost])
                assert await ledger.get(lost.id) is None  # reading goes on
                connection.execute("rollback")
            present = new_job()
            await ledger.add([present])
            assert await ledger.get(present.id) is not None
            assert await ledger.get(lost.id) is None

    async def test_disk_full(self, path: Path) -> None:
        """The limit on a file's size stands for the full disk: a write fails in the same place."""
        async with await opened(path) as ledger:
            before = [new_job(bytes(1000)) for _ in range(50)]
            await ledger.add(before)
            [lease] = await ledger.claim("deliver", 1, 30.0)
            wal = path.with_name(path.name + "-wal")
            with largest_file(wal.stat().st_size + 10_000):
                lost = [new_job(bytes(5000)) for _ in range(20)]
                results = await asyncio.gather(
                    *(ledger.add(lost[at : at + 5]) for at in range(0, 20, 5)),
                    ledger.settle(lease, Done(200, follow_ups=(new_job(bytes(20_000)),))),
                    return_exceptions=True,
                )
                assert {type(result) for result in results} == {LedgerUnavailable}
            assert [await ledger.get(job.id) for job in lost] == [None] * 20
            assert await ledger.settle(lease, Done(200, follow_ups=(new_job(bytes(20_000)),)))
            await ledger.add(lost)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
            assert connection.execute("select count(*) from job").fetchone() == (71,)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def overwrite_pages(path: Path) -> None:
    """All but the first."""
    with path.open("r+b") as file:
        for start in range(4096, path.stat().st_size, 4096):
            file.seek(start)
            file.write(b"\xa5" * 4096)


async def test_a_damaged_file_is_unavailable_to_readers_and_writers(path: Path) -> None:
    """Whatever page is met, by whatever reads it: never an error of the driver."""
    async with await opened(path) as ledger:
        await ledger.add([new_job(bytes(500)) for _ in range(400)])
    async with await opened(path) as ledger:
        overwrite_pages(path)
        questions: list[Callable[[], Awaitable[object]]] = [
            ledger.gauges,
            lambda: ledger.get(JobId("1")),
            lambda: ledger.page(JobFilter("p", "deliver"), 10),
            ledger.projects,
            lambda: ledger.key_by_hash(b"x"),
        ]
        for question in questions:
            with pytest.raises(LedgerUnavailable, match="stop the server and restore a backup"):
                await question()
