"""The table of permissions, said once more from the side of those who hold a key."""

from pathlib import Path

import pytest

from ringback.server.permissions import (
    OPERATOR,
    PERMISSIONS,
    SCOPES,
    TOKEN,
    Permission,
    Reach,
    effective,
    may_grant,
    reach,
)

DOCS = Path(__file__).parents[3] / "docs" / "http.md"

COLUMNS = (OPERATOR, *SCOPES, TOKEN)

A, OWN, PROJECT, SERVER = Permission, Reach.OWN, Reach.PROJECT, Reach.SERVER

READER = {A.READ_PROJECT: PROJECT, A.READ_REQUESTS: PROJECT, A.READ_KEYS: PROJECT}
WRITER = READER | {
    A.TRANSCRIBE: PROJECT,
    A.TEST_CALLBACKS: PROJECT,
    A.FETCH_RESULTS: PROJECT,
    A.CHANGE_REQUESTS: PROJECT,
    A.ERASE_REQUESTS: OWN,
}
MEMBER = WRITER | {A.GRANT_TOKENS: PROJECT}
ADMIN = MEMBER | {
    A.REDIRECT_RESULTS: PROJECT,
    A.ERASE_REQUESTS: PROJECT,
    A.CHANGE_KEYS: PROJECT,
    A.SIGNING_SECRETS: PROJECT,
}
OWNER = ADMIN | {A.CHANGE_OWNERS: PROJECT}
EXPECTED: dict[str, dict[Permission, Reach]] = {
    "operator": OWNER
    | dict.fromkeys(
        (
            *(A.READ_PROJECT, A.READ_KEYS, A.CHANGE_KEYS, A.CHANGE_OWNERS),
            *(A.MANAGE_PROJECTS, A.READ_METRICS),
        ),
        SERVER,
    ),
    "owner": OWNER,
    "admin": ADMIN,
    "member": MEMBER,
    "usage:write": WRITER,
    "keys:write": READER | {A.CHANGE_KEYS: PROJECT, A.SIGNING_SECRETS: OWN},
    "requests:own": {
        A.TRANSCRIBE: PROJECT,
        A.GRANT_TOKENS: PROJECT,
        A.TEST_CALLBACKS: PROJECT,
        A.READ_PROJECT: PROJECT,
    }
    | dict.fromkeys(
        (A.READ_REQUESTS, A.FETCH_RESULTS, A.CHANGE_REQUESTS, A.ERASE_REQUESTS, A.READ_KEYS), OWN
    ),
    "metrics:read": {A.READ_METRICS: SERVER},
    "token": {A.TRANSCRIBE: PROJECT},
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("action", Permission)
def test_every_action_with_every_scope(action: Permission, column: str) -> None:
    assert PERMISSIONS[action, column] == EXPECTED[column].get(action, Reach.NONE)


def test_the_table_has_nothing_else() -> None:
    assert set(PERMISSIONS) == {(action, column) for action in Permission for column in COLUMNS}


@pytest.mark.parametrize("scope", ["", "Owner", "ADMIN", "owner ", "operator", "token", "whatever", "*"])
@pytest.mark.parametrize("first", [True, False])
def test_other_texts_give_nothing(scope: str, first: bool) -> None:
    columns = effective((scope,), first_project=first)
    assert {reach(action, columns) for action in Permission} == {Reach.NONE}


def test_tenants_are_never_operators() -> None:
    columns = effective(SCOPES, first_project=False)
    assert all(reach(action, columns) <= Reach.PROJECT for action in Permission)


def test_several_scopes_reach_as_far_as_the_best() -> None:
    columns = effective(("requests:own", "keys:write"), first_project=True)
    assert reach(A.READ_REQUESTS, columns) is PROJECT
    assert reach(A.FETCH_RESULTS, columns) is OWN


@pytest.mark.parametrize(
    ("giver", "given", "may"),
    [
        (("owner",), ("owner",), True),
        (("admin",), ("owner",), False),
        (("admin",), ("admin", "member", "usage:write", "keys:write", "requests:own"), True),
        (("admin",), ("metrics:read",), False),
        (("keys:write",), ("keys:write",), True),
        (("keys:write",), ("requests:own",), False),
        (("keys:write",), ("whatever",), True),
    ],
)
def test_nobody_gives_more_than_they_have(giver: tuple[str, ...], given: tuple[str, ...], may: bool) -> None:
    assert may_grant(effective(giver, first_project=True), effective(given, first_project=True)) is may


def test_the_documented_table_is_this_one() -> None:
    words = {Reach.NONE: "", Reach.OWN: "own", Reach.PROJECT: "project", Reach.SERVER: "server"}
    rows = [
        f"| {action.value} | {' | '.join(words[PERMISSIONS[action, column]] for column in COLUMNS)} |"
        for action in Permission
    ]
    for row in rows:
        assert row in DOCS.read_text(), row
