"""Who may do what: one table, (action, scope) → its reach. Pure.

Every route requires one action. A scope that is not in the table grants nothing; a key with several scopes
has the widest reach of them.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Reach(IntEnum):
    """On what an action may be carried out; each includes those before it."""

    NONE = 0
    OWN = 1
    """The requests of this key, or this key itself."""
    PROJECT = 2
    """Everything of the key's project."""
    SERVER = 3
    """Every project, and the server as a whole."""


class Permission(StrEnum):
    """What a route does."""

    TRANSCRIBE = "transcribe, read texts"
    GRANT_TOKENS = "make short-lived tokens"
    TEST_CALLBACKS = "test a callback URL"
    READ_PROJECT = "read the project's name, balances, models"
    READ_REQUESTS = "read requests, deliveries, usage"
    FETCH_RESULTS = "fetch results"
    CHANGE_REQUESTS = "deliver again, cancel"
    REDIRECT_RESULTS = "deliver to another URL"
    ERASE_REQUESTS = "erase requests"
    READ_KEYS = "read the descriptions of keys"
    CHANGE_KEYS = "make, change and remove keys"
    CHANGE_OWNERS = "the same with keys of scope `owner`"
    SIGNING_SECRETS = "read and rotate signing secrets"
    MANAGE_PROJECTS = "make, rename and delete projects"
    READ_METRICS = "read metrics and status details"


OPERATOR = "operator"
"""The column of `owner` in the first project. No key can be given it as a scope."""

TOKEN = "token"  # noqa: S105 - the name of a column
"""The column of a short-lived token. No key can be given it as a scope."""

OWNER = "owner"
METRICS = "metrics:read"
REQUESTS_OWN = "requests:own"

SCOPES = (OWNER, "admin", "member", "usage:write", "keys:write", REQUESTS_OWN, METRICS)
"""The scopes that count; other texts are stored and shown, and grant nothing."""

_COLUMNS = (OPERATOR, *SCOPES, TOKEN)
_LETTERS = {"·": Reach.NONE, "O": Reach.OWN, "P": Reach.PROJECT, "S": Reach.SERVER}

# operator, owner, admin, member, usage:write, keys:write, requests:own, metrics:read, token
_TABLE = {
    Permission.TRANSCRIBE:       "P P P P P · P · P",
    Permission.GRANT_TOKENS:     "P P P P · · P · ·",
    Permission.TEST_CALLBACKS:   "P P P P P · P · ·",
    Permission.READ_PROJECT:     "S P P P P P P · ·",
    Permission.READ_REQUESTS:    "P P P P P P O · ·",
    Permission.FETCH_RESULTS:    "P P P P P · O · ·",
    Permission.CHANGE_REQUESTS:  "P P P P P · O · ·",
    Permission.REDIRECT_RESULTS: "P P P · · · · · ·",
    Permission.ERASE_REQUESTS:   "P P P O O · O · ·",
    Permission.READ_KEYS:        "S P P P P P O · ·",
    Permission.CHANGE_KEYS:      "S P P · · P · · ·",
    Permission.CHANGE_OWNERS:    "S P · · · · · · ·",
    Permission.SIGNING_SECRETS:  "P P P · · O · · ·",
    Permission.MANAGE_PROJECTS:  "S · · · · · · · ·",
    Permission.READ_METRICS:     "S · · · · · · S ·",
}  # fmt: skip

PERMISSIONS: Mapping[tuple[Permission, str], Reach] = MappingProxyType(
    {
        (action, column): _LETTERS[letter]
        for action, row in _TABLE.items()
        for column, letter in zip(_COLUMNS, row.split(), strict=True)
    }
)
"""Complete: every action with every scope, and with the columns of operators and tokens."""


def effective(scopes: Iterable[str], *, first_project: bool) -> frozenset[str]:
    """The columns of the table for a key with these scopes.

    Tenants are never operators: the columns for the server as a whole count in the first project only.
    """
    known = frozenset(scopes) & frozenset(SCOPES)
    if not first_project:
        return known - {METRICS}
    return known | {OPERATOR} if OWNER in known else known


def reach(permission: Permission, columns: Iterable[str]) -> Reach:
    """The reach of an action with these columns of the table."""
    return max((PERMISSIONS[permission, column] for column in columns), default=Reach.NONE)


def may_grant(granter: Iterable[str], granted: Iterable[str]) -> bool:
    """Whether a caller with these columns may grant those scopes: none may grant more than they have."""
    granter, granted = frozenset(granter), frozenset(granted)
    return all(reach(action, granted) <= reach(action, granter) for action in Permission)
