"""Projects that come and go, and what is on record as being erased."""

import sqlite3
from collections.abc import Sequence

from ringback.jobs.job import JobId
from ringback.keys import Project
from ringback.storage.sqlite import keys
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.transaction import Transaction

_SQL = load("erasing.sql")
_ADD_PROJECT = _SQL["add_project"]
_NAMED = _SQL["named"]
_RENAME_PROJECT = _SQL["rename_project"]
_DELETE_PROJECT = _SQL["delete_project"]
_DELETED_PROJECTS = _SQL["deleted_projects"]
_FORGET_PROJECTS = _SQL["forget_projects"]
_BEGIN_ERASING = _SQL["begin_erasing"]
_ERASING = _SQL["erasing"]
_END_ERASING = _SQL["end_erasing"]


def add_project(transaction: Transaction, project: Project) -> None:
    asked = {"id": project.id, "name": project.name, "now": transaction.now}
    if transaction.execute(_ADD_PROJECT, asked).fetchone() is None:
        raise ValueError("another project has this name")


def rename_project(transaction: Transaction, project: str, name: str) -> bool:
    named = transaction.execute(_NAMED, {"name": name}).fetchone()
    if named is not None and named[0] != project:
        raise ValueError("another project has this name")
    return transaction.execute(_RENAME_PROJECT, {"id": project, "name": name}).fetchone() is not None


def delete_project(connection: sqlite3.Connection, transaction: Transaction, project: str) -> bool:
    asked = {"id": project, "now": transaction.now}
    if transaction.execute(_DELETE_PROJECT, asked).fetchone() is None:
        return False
    for key in keys.keys_of_project(connection, project):
        keys.remove_key(connection, project, key.id)
    return True


def deleted_projects(connection: sqlite3.Connection) -> Sequence[str]:
    return [project for (project,) in connection.execute(_DELETED_PROJECTS)]


def forget_projects(transaction: Transaction, seconds_ago: float) -> None:
    transaction.execute(_FORGET_PROJECTS, {"until": transaction.now - seconds_ago})


def begin(transaction: Transaction, request: JobId) -> None:
    transaction.execute(_BEGIN_ERASING, {"request": request, "now": transaction.now})


def end(transaction: Transaction, request: JobId) -> None:
    transaction.execute(_END_ERASING, {"request": request})


def asked_for(connection: sqlite3.Connection, until: float, limit: int) -> Sequence[JobId]:
    asked = {"until": until, "limit": limit}
    return [JobId(request) for (request,) in connection.execute(_ERASING, asked)]
