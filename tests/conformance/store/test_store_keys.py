"""What every store promises about API keys and projects."""

import uuid

import pytest

from ringback.keys import ApiKey, new_secret, secret_hash
from support.stores import Reopen, Store


@pytest.fixture
async def key(store: Store) -> ApiKey:
    [project] = await store.projects()
    return ApiKey(str(uuid.uuid4()), project.id, "laptop", ("usage:write", "admin"), ("ü",), 5.0, 9.5)


async def test_there_is_one_default_project_and_it_stays(reopen: Reopen) -> None:
    async with reopen() as store:
        [first] = await store.projects()
    async with reopen() as store:
        assert list(await store.projects()) == [first]
    assert str(uuid.UUID(first.id)) == first.id
    assert first.name == "default"


async def test_a_key_is_found_by_its_hash(store: Store, key: ApiKey) -> None:
    secret = new_secret()
    await store.add_key(key, secret_hash(secret))
    assert await store.key_by_hash(secret_hash(secret)) == key
    assert await store.key_by_hash(secret_hash(new_secret())) is None


async def test_keys_are_listed_by_project(store: Store, key: ApiKey) -> None:
    await store.add_key(key, secret_hash(new_secret()))
    assert list(await store.keys(key.project)) == [key]
    assert list(await store.keys("another")) == []


async def test_a_hash_is_kept_once(store: Store, key: ApiKey) -> None:
    digest = secret_hash(new_secret())
    await store.add_key(key, digest)
    twin = ApiKey(str(uuid.uuid4()), key.project, "", (), (), 1.0, None)
    with pytest.raises(ValueError, match="key"):
        await store.add_key(twin, digest)
    assert list(await store.keys(key.project)) == [key]


async def test_a_removed_key_works_no_longer(store: Store, key: ApiKey) -> None:
    digest = secret_hash(new_secret())
    await store.add_key(key, digest)
    assert not await store.remove_key("another", key.id)
    assert await store.remove_key(key.project, key.id)
    assert not await store.remove_key(key.project, key.id)
    assert await store.key_by_hash(digest) is None
