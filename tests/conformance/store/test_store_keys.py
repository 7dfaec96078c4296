"""What every store promises about API keys and projects."""

import uuid
from dataclasses import replace

import pytest

from ringback.keys import ApiKey, KeyLimits, SigningSecret, new_secret, secret_hash
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


async def test_a_key_has_limits_of_its_own(store: Store, key: ApiKey) -> None:
    digest = secret_hash(new_secret())
    limited = replace(key, limits=KeyLimits(3, 1_000_000, "standard", 3_600))
    await store.add_key(limited, digest)
    assert await store.key_by_hash(digest) == limited
    for limits in (KeyLimits(requests=0), KeyLimits()):
        assert await store.set_limits(key.project, key.id, limits)
        assert list(await store.keys(key.project)) == [replace(key, limits=limits)]
    assert not await store.set_limits("another", key.id, KeyLimits(1))
    assert not await store.set_limits(key.project, str(uuid.uuid4()), KeyLimits(1))


class TestSigningSecrets:
    async def test_an_unknown_key_has_none(self, store: Store) -> None:
        assert list(await store.signing_secrets("k", 0.0)) == []

    async def test_after_a_rotation_both_sign_for_a_while(self, store: Store) -> None:
        await store.rotate_signing_secret("k", "old", 100.0, 60.0)
        assert list(await store.signing_secrets("k", 100.0)) == [SigningSecret("old", 100.0)]
        await store.rotate_signing_secret("k", "new", 200.0, 60.0)
        new, old = SigningSecret("new", 200.0), SigningSecret("old", 100.0, 260.0)
        assert list(await store.signing_secrets("k", 259.0)) == [new, old]
        assert list(await store.signing_secrets("k", 260.0)) == [new]
        assert list(await store.signing_secrets("another", 200.0)) == []

    async def test_another_rotation_lets_none_sign_for_longer(self, store: Store) -> None:
        await store.rotate_signing_secret("k", "first", 100.0, 0.0)
        await store.rotate_signing_secret("k", "second", 200.0, 60.0)
        await store.rotate_signing_secret("k", "third", 210.0, 3600.0)
        assert [secret.expires_at for secret in await store.signing_secrets("k", 211.0)] == [
            None,
            210.0 + 3600.0,
            260.0,
        ]

    async def test_without_an_overlap_only_the_new_one_signs(self, store: Store) -> None:
        await store.rotate_signing_secret("k", "old", 100.0, 60.0)
        await store.rotate_signing_secret("k", "new", 100.0, 0.0)
        assert [secret.sealed for secret in await store.signing_secrets("k", 100.0)] == ["new"]
