"""Signing secrets in a real ledger: made once, rotated with overlap, and nothing goes on without them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.callbacks.signers import CACHE_SECONDS, OVERLAP, SERVER, Signers
from ringback.callbacks.signing import Signer, Verifier
from ringback.errors import Misconfigured
from ringback.keys import ApiKey, secret_hash
from ringback.sealing import Seal, UnsealFailed
from ringback.storage.sqlite import SqliteLedger
from support.clock import ManualClock
from support.logs import capture_logs
from support.sealing import SEAL

KEY = "key-1"
BODY = b"{}"


@pytest.fixture
async def ledger(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[SqliteLedger]:
    async with await SqliteLedger.open(tmp_path / "ringback.db", manual_clock, serving=True) as opened:
        yield opened


@pytest.fixture
def signers(ledger: SqliteLedger, manual_clock: ManualClock) -> Signers:
    return Signers(ledger, SEAL, manual_clock)


def count(signer: Signer) -> list[str]:
    signatures = signer.headers("w", 0.0, BODY)["webhook-signature"].split(" ")
    return [each.partition(",")[0] for each in signatures]


async def test_a_secret_is_made_when_it_is_first_needed_and_stays(
    ledger: SqliteLedger, signers: Signers, manual_clock: ManualClock
) -> None:
    async with asyncio.TaskGroup() as together:
        made = [together.create_task(signers.signer(KEY)) for _ in range(20)]
    assert count(made[0].result()) == ["v1", "v1a"]
    (secret,) = await signers.open_secrets(KEY)
    assert (secret.text[:6], secret.expires_at) == ("whsec_", None)
    again = Signers(ledger, SEAL, manual_clock)
    assert await again.open_secrets(KEY) == [secret]
    assert await again.public_keys() == await signers.public_keys()
    assert await again.open_secrets("key-2") != [secret]


async def test_what_was_signed_can_be_verified_with_either_key(
    signers: Signers, manual_clock: ManualClock
) -> None:
    headers = await signers.sign(KEY, "w1", BODY)
    (secret,) = await signers.open_secrets(KEY)
    (public_key,) = await signers.public_keys()
    for verifier in (Verifier.of([secret.text], []), Verifier.of([], [public_key])):
        assert verifier.fault(headers, BODY, manual_clock.now()) is None
    large = b"x" * (2 << 20)
    headers = await signers.sign(KEY, "w1", large)
    assert Verifier.of([secret.text], []).fault(headers, large, manual_clock.now()) is None


async def test_without_a_key_the_server_signs_alone(signers: Signers) -> None:
    assert count(await signers.signer(None)) == ["v1a"]


async def test_after_a_rotation_both_sign_for_a_while(signers: Signers, manual_clock: ManualClock) -> None:
    (old,) = await signers.open_secrets(KEY)
    await signers.rotate(KEY, 3_600.0)
    new, still = await signers.open_secrets(KEY)
    assert (still.text, still.expires_at) == (old.text, manual_clock.now() + 3_600.0)
    assert new.text != old.text
    headers = await signers.sign(KEY, "w1", BODY)
    for secret in (new, old):
        assert Verifier.of([secret.text], []).fault(headers, BODY, manual_clock.now()) is None
    manual_clock.advance(3_601)
    assert [secret.text for secret in await signers.open_secrets(KEY)] == [new.text]
    assert count(await signers.signer(KEY)) == ["v1", "v1a"]


async def test_a_rotation_by_another_process_is_noticed_within_a_second(
    ledger: SqliteLedger, signers: Signers, manual_clock: ManualClock
) -> None:
    await signers.signer(KEY)
    await Signers(ledger, SEAL, manual_clock).rotate(KEY, 60.0)
    assert count(await signers.signer(KEY)) == ["v1", "v1a"]
    manual_clock.advance(CACHE_SECONDS)
    assert count(await signers.signer(KEY)) == ["v1", "v1", "v1a"]


async def test_two_processes_that_make_a_first_secret_at_once_keep_both(
    ledger: SqliteLedger, signers: Signers, manual_clock: ManualClock
) -> None:
    (mine,) = await signers.open_secrets(KEY)
    await Signers(ledger, SEAL, manual_clock)._make(KEY)
    manual_clock.advance(10 * OVERLAP)
    assert mine.text in {secret.text for secret in await signers.open_secrets(KEY)}
    assert len(await signers.open_secrets(KEY)) == 2


async def test_the_server_has_a_key_pair_of_its_own(signers: Signers, manual_clock: ManualClock) -> None:
    await signers.prepare()
    (old,) = await signers.public_keys()
    await signers.rotate(SERVER, 3_600.0)
    new, still = await signers.public_keys()
    assert (new[:5], still) == ("whpk_", old)
    headers = await signers.sign(KEY, "w1", BODY)
    for each in (new, old):
        assert Verifier.of([], [each]).fault(headers, BODY, manual_clock.now()) is None


async def test_with_another_secret_key_the_start_is_refused_and_names_the_fix(
    ledger: SqliteLedger, signers: Signers, manual_clock: ManualClock
) -> None:
    await signers.prepare()
    (before,) = await signers.open_secrets(KEY)
    other = Seal([b"another secret key"])
    stranger = Signers(ledger, other, manual_clock)
    with pytest.raises(Misconfigured, match="RINGBACK_SECRET_KEY") as caught:
        await stranger.prepare()
    assert SEAL.seal("", "").split(".")[1] in str(caught.value)
    with pytest.raises(UnsealFailed, match=f"signing-secret {KEY} --rotate"):
        await stranger.signer(KEY)

    await stranger.rotate(SERVER, 0.0)
    await stranger.prepare()
    await stranger.rotate(KEY, 0.0)
    assert before.text not in {secret.text for secret in await stranger.open_secrets(KEY)}


async def test_a_secret_key_can_be_retired(
    ledger: SqliteLedger, signers: Signers, manual_clock: ManualClock
) -> None:
    (project, *_) = await ledger.projects()
    key_id = str(uuid.uuid4())
    await ledger.add_key(ApiKey(key_id, project.id, "", (), (), 0.0, None), secret_hash("k"))
    await signers.prepare()
    before = await signers.open_secrets(key_id), await signers.public_keys()
    new = b"a new secret key"
    both = Signers(ledger, Seal([new, b"s" * 32]), manual_clock)
    await both.prepare()
    await both.prepare()
    assert count(await both.signer(key_id)) == ["v1", "v1a"]

    manual_clock.advance(OVERLAP + 1)
    alone = Signers(ledger, Seal([new]), manual_clock)
    await alone.prepare()
    assert [secret.text for secret in await alone.open_secrets(key_id)] == [
        secret.text for secret in before[0]
    ]
    assert await alone.public_keys() == before[1]


async def test_what_cannot_be_sealed_anew_is_reported(
    ledger: SqliteLedger, signers: Signers, manual_clock: ManualClock
) -> None:
    (project, *_) = await ledger.projects()
    key_id = str(uuid.uuid4())
    await ledger.add_key(ApiKey(key_id, project.id, "", (), (), 0.0, None), secret_hash("k"))
    await Signers(ledger, Seal([b"lost" * 8]), manual_clock).open_secrets(key_id)
    with capture_logs() as events:
        await signers.prepare()
    (reported,) = events
    assert (reported["event"], reported["key"], reported["log_level"]) == (
        "signing_secret.unreadable",
        key_id,
        "warning",
    )
