"""What every store promises about projects, and about what is erased."""

import uuid

import pytest

from ringback.jobs.job import Attempt, Done, GivenUp, IdempotencyKey, JobId, Retry
from ringback.keys import ApiKey, Project, new_secret, secret_hash
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store

OTHER = Project("11111111-1111-4111-8111-111111111111", "a tenant")


def key_of(project: str) -> ApiKey:
    return ApiKey(str(uuid.uuid4()), project, "", ("member",), (), 1.0, None)


class TestProjects:
    async def test_the_first_stays_the_first_whatever_the_names(self, store: Store) -> None:
        [first] = await store.projects()
        await store.add_project(OTHER)
        assert list(await store.projects()) == [first, OTHER]
        assert await store.rename_project(first.id, "zzz")
        assert [project.name for project in await store.projects()] == ["zzz", "a tenant"]
        await store.rename_project(first.id, first.name)

    async def test_a_name_is_given_once(self, store: Store) -> None:
        [first] = await store.projects()
        await store.add_project(OTHER)
        with pytest.raises(ValueError, match="name"):
            await store.add_project(Project(str(uuid.uuid4()), OTHER.name))
        with pytest.raises(ValueError, match="name"):
            await store.rename_project(OTHER.id, first.name)
        assert await store.rename_project(OTHER.id, OTHER.name)
        assert not await store.rename_project(str(uuid.uuid4()), "new")

    async def test_a_deleted_one_is_found_by_nobody(self, reopen: Reopen) -> None:
        digest = secret_hash(new_secret())
        key = key_of(OTHER.id)
        async with reopen() as store:
            [first] = await store.projects()
            await store.add_project(OTHER)
            await store.add_key(key, digest)
            await store.rotate_signing_secret(key.id, "sealed", 5.0, 0.0)
            assert await store.delete_project(OTHER.id)
        async with reopen() as store:
            assert list(await store.projects()) == [first]
            assert await store.key_by_hash(digest) is None
            assert list(await store.signing_secrets(key.id, 5.0)) == []
            assert not await store.delete_project(OTHER.id)
            assert not await store.rename_project(OTHER.id, "again")
            with pytest.raises(ValueError, match="key"):
                await store.add_key(key, digest)
            await store.add_project(Project(str(uuid.uuid4()), OTHER.name))

    async def test_the_first_cannot_be_deleted(self, store: Store) -> None:
        [first] = await store.projects()
        await store.add_project(OTHER)
        assert not await store.delete_project(first.id)
        assert list(await store.projects()) == [first, OTHER]

    async def test_a_deleted_one_is_on_record_while_jobs_of_it_are_there(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add_project(OTHER)
        job = new_job(project=OTHER.id)
        await store.add([job])
        assert list(await store.deleted_projects()) == []
        await store.delete_project(OTHER.id)
        manual_clock.advance(10.0)
        await store.forget_projects(0.0)
        assert list(await store.deleted_projects()) == [OTHER.id]
        await store.cancel(job.id)
        assert await store.erase([job.id]) == 1
        assert list(await store.deleted_projects()) == []
        await store.forget_projects(11.0)
        late = new_job(project=OTHER.id)
        await store.add([late])
        assert list(await store.deleted_projects()) == [OTHER.id]


class TestErase:
    async def test_an_ended_job_goes_with_all_that_knew_it(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job(accessor="k", idempotency=IdempotencyKey("key", b"fingerprint"))
        await store.add([job])
        await store.settle(await claim_one(), Retry(0.0, 503, Attempt(1.0, 2.0, "server_error", 503)))
        await store.settle(await claim_one(), GivenUp(503, b"why", Attempt(2.0, 3.0, "server_error", 503)))
        await store.rotate_signing_secret("k", "sealed", 5.0, 0.0)
        assert await store.erase([job.id]) == 1
        assert await store.get(job.id) is None
        assert await store.attempts(job.id, 10) == []
        assert list(await store.signing_secrets("k", 5.0)) == []
        assert await store.erase([job.id]) == 0
        await store.add([new_job(accessor="k", idempotency=IdempotencyKey("key", b"another"))])

    async def test_neither_a_live_one_nor_a_parent(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        parent = new_job()
        await store.add([parent])
        assert await store.erase([parent.id]) == 0
        child = new_job(parent=parent.id)
        await store.settle(await claim_one(), Done(200, follow_ups=(child,)))
        assert await store.erase([parent.id]) == 0
        await store.cancel(child.id)
        assert await store.erase([child.id]) == 1
        assert await store.erase([parent.id]) == 1

    async def test_who_waits_for_its_end_learns_that_it_is_gone(self, store: Store, new_job: NewJobs) -> None:
        job = new_job()
        await store.add([job])
        await store.cancel(job.id)
        await store.erase([job.id])
        with pytest.raises(KeyError):
            await store.wait_for_end(job.id)

    async def test_files_are_scrubbed(self, store: Store) -> None:
        assert await store.scrub()


async def test_what_is_being_erased_is_on_record(
    reopen: Reopen, manual_clock: MovableClock, new_job: NewJobs
) -> None:
    first, second = (JobId(str(uuid.uuid4())) for _ in range(2))
    async with reopen() as store:
        await store.begin_erasing(first)
        manual_clock.advance(60.0)
        await store.begin_erasing(second)
        await store.begin_erasing(first)
    async with reopen() as store:
        assert list(await store.erasing(60.0, 10)) == [first]
        assert list(await store.erasing(0.0, 10)) == [first, second]
        assert list(await store.erasing(0.0, 1)) == [first]
        await store.end_erasing(first)
        assert list(await store.erasing(0.0, 10)) == [second]
