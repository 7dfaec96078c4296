"""Keys and tokens against a ledger, in time that the test moves."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from starlette.requests import HTTPConnection

from ringback import telemetry
from ringback.errors import Refusal
from ringback.keys import ApiKey, KeyLimits, Project, secret_hash
from ringback.server.auth import CACHE_SECONDS, Authenticator, Caller
from ringback.server.auth_failures import AuthFailure
from ringback.server.permissions import TOKEN
from ringback.storage.sqlite import SqliteLedger

SECRET = "d" * 40


class MovableClock(Protocol):
    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


@pytest.fixture
async def ledger(tmp_path: Path, manual_clock: MovableClock) -> AsyncIterator[SqliteLedger]:
    async with await SqliteLedger.open(tmp_path / "ledger.db", manual_clock) as opened:
        yield opened


@pytest.fixture
def authenticator(ledger: SqliteLedger, manual_clock: MovableClock) -> Authenticator:
    return Authenticator(ledger, manual_clock, b"s" * 32)


@pytest.fixture
async def key(ledger: SqliteLedger, manual_clock: MovableClock) -> ApiKey:
    """A member's key that expires in an hour."""
    project = (await ledger.projects())[0].id
    now = manual_clock.now()
    made = ApiKey(str(uuid.uuid4()), project, "", ("member",), (), now, now + 3600)
    await ledger.add_key(made, secret_hash(SECRET))
    return made


def showing(authorization: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [(b"authorization", authorization.encode())]})


async def with_key(authenticator: Authenticator) -> Caller:
    return await authenticator.authenticate(showing(f"Token {SECRET}"))


async def test_a_key_tells_whose_it_is(authenticator: Authenticator, key: ApiKey) -> None:
    caller = await with_key(authenticator)
    assert (caller.key_id, caller.project, caller.key) == (key.id, key.project, key)
    assert caller.columns == {"member"}


async def test_a_key_may_be_shown_as_a_bearer(authenticator: Authenticator, key: ApiKey) -> None:
    assert await authenticator.authenticate(showing(f"Bearer {SECRET}")) == await with_key(authenticator)


async def test_a_key_that_looks_like_a_token_is_a_key(
    authenticator: Authenticator, key: ApiKey, ledger: SqliteLedger
) -> None:
    secret = "a.b.c" * 8
    other = replace(key, id=str(uuid.uuid4()))
    await ledger.add_key(other, secret_hash(secret))
    assert (await authenticator.authenticate(showing(f"Bearer {secret}"))).key_id == other.id


async def test_a_key_removed_by_another_process_stops_within_the_remembered_time(
    authenticator: Authenticator, key: ApiKey, ledger: SqliteLedger, manual_clock: MovableClock
) -> None:
    await with_key(authenticator)
    await ledger.remove_key(key.project, key.id)
    await with_key(authenticator)
    manual_clock.advance(CACHE_SECONDS)
    with pytest.raises(Refusal):
        await with_key(authenticator)


async def test_a_key_removed_here_stops_at_once(
    authenticator: Authenticator, key: ApiKey, ledger: SqliteLedger
) -> None:
    await with_key(authenticator)
    await ledger.remove_key(key.project, key.id)
    authenticator.clear_cache()
    with pytest.raises(Refusal):
        await with_key(authenticator)


async def test_a_remembered_key_still_expires_on_time(
    authenticator: Authenticator, key: ApiKey, manual_clock: MovableClock
) -> None:
    manual_clock.advance(3599.5)
    await with_key(authenticator)
    manual_clock.advance(0.5)
    with pytest.raises(Refusal) as caught:
        await with_key(authenticator)
    assert caught.value.failure.status == 401


async def test_a_token_expires_on_time(
    authenticator: Authenticator, key: ApiKey, manual_clock: MovableClock
) -> None:
    bearer = showing(f"Bearer {authenticator.grant(await with_key(authenticator), 30)}")
    manual_clock.advance(29.9)
    caller = await authenticator.authenticate(bearer)
    assert (caller.key_id, caller.project) == (key.id, key.project)
    assert caller.columns == {TOKEN}
    manual_clock.advance(0.1)
    with pytest.raises(Refusal):
        await authenticator.authenticate(bearer)


async def test_a_token_shares_the_limits_of_its_key(
    authenticator: Authenticator, key: ApiKey, ledger: SqliteLedger
) -> None:
    bearer = showing(f"Bearer {authenticator.grant(await with_key(authenticator), 30)}")
    assert (await authenticator.authenticate(bearer)).limits == KeyLimits()
    limits = KeyLimits(requests=3, schedule="5s")
    assert await ledger.set_limits(key.project, key.id, limits)
    authenticator.clear_cache()
    assert (await authenticator.authenticate(bearer)).limits == limits
    assert (await with_key(authenticator)).limits == limits
    await ledger.remove_key(key.project, key.id)
    authenticator.clear_cache()
    assert (await authenticator.authenticate(bearer)).limits == KeyLimits()


async def test_a_token_does_not_outlive_its_project(
    authenticator: Authenticator, ledger: SqliteLedger
) -> None:
    tenant = Project(str(uuid.uuid4()), "a tenant")
    await ledger.add_project(tenant)
    await ledger.add_key(
        ApiKey(str(uuid.uuid4()), tenant.id, "", ("owner",), (), 1.0, None), secret_hash(SECRET)
    )
    bearer = showing(f"Bearer {authenticator.grant(await with_key(authenticator), 30)}")
    await authenticator.authenticate(bearer)
    assert await ledger.delete_project(tenant.id)
    authenticator.clear_cache()
    for displayed in (bearer, showing(f"Token {SECRET}")):
        with pytest.raises(Refusal):
            await authenticator.authenticate(displayed)


async def test_an_owner_is_an_operator_in_the_first_project_alone(
    authenticator: Authenticator, ledger: SqliteLedger
) -> None:
    tenant = Project(str(uuid.uuid4()), "a tenant")
    await ledger.add_project(tenant)
    first = (await ledger.projects())[0]
    columns = [
        await authenticator.columns_of(ApiKey("k", project.id, "", ("owner", "metrics:read"), (), 1.0, None))
        for project in (first, tenant)
    ]
    assert columns == [{"operator", "owner", "metrics:read"}, {"owner"}]


async def test_every_failure_is_counted_by_its_reason_and_a_sample_is_logged(
    authenticator: Authenticator,
    key: ApiKey,
    manual_clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[dict[str, object]] = []
    monkeypatch.setattr(telemetry, "problem", lambda name, **facts: events.append({"event": name, **facts}))
    token = authenticator.grant(await with_key(authenticator), 10)
    manual_clock.advance(3600)
    before = {cause: failures(cause) for cause in AuthFailure}
    for authorization in (
        "",
        "Basic x",
        "Token nobody",
        "Bearer nobody",
        f"Token {SECRET}",
        f"Bearer {token}",
    ):
        scope = {
            "type": "http",
            "headers": [(b"authorization", authorization.encode())],
            "client": ("192.0.2.7", 1),
        }
        with pytest.raises(Refusal):
            await authenticator.authenticate(HTTPConnection(scope))
    counted = {cause.value: failures(cause) - before[cause] for cause in AuthFailure}
    assert counted == {"missing": 1, "malformed": 1, "unknown": 2, "expired": 2, "gone": 0}
    assert [(event["reason"], event["count"]) for event in events] == [
        ("missing", 1),
        ("malformed", 1),
        ("unknown", 1),
        ("expired", 1),
    ]
    assert {event["client"] for event in events} == {"192.0.2.7"}
    assert (events[-1]["key"], events[-1]["key_name"]) == (key.id, key.comment)
    manual_clock.advance(10)
    with pytest.raises(Refusal):
        await authenticator.authenticate(showing("Token nobody"))
    assert events[-1]["count"] == 2, "the one that was not told is counted"


def failures(cause: AuthFailure) -> float:
    found = telemetry.REGISTRY.get_sample_value("ringback_auth_failures_total", {"reason": cause.value})
    return found or 0.0
