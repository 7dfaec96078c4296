"""Projects that are added, renamed and deleted, and the record of requests that are being erased."""

import sqlite3
from collections.abc import Sequence

from ringback.jobs.job import JobId
from ringback.keys import Project
from ringback.storage.sqlite import keys, usage
from ringback.storage.sqlite.execute import fetch, fetch_one
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.transaction import Transaction

_SQL = load("erasing.sql")


def add_project(transaction: Transaction, project: Project) -> None:
    parameters = {"id": project.id, "name": project.name, "now": transaction.now}
    if fetch_one(transaction.connection, _SQL["add_project"], parameters) is None:
        raise ValueError("another project has this name")


def rename_project(transaction: Transaction, project: str, name: str) -> bool:
    named = fetch_one(transaction.connection, _SQL["named"], {"name": name})
    if named is not None and named["id"] != project:
        raise ValueError("another project has this name")
    return (
        fetch_one(transaction.connection, _SQL["rename_project"], {"id": project, "name": name}) is not None
    )


def delete_project(transaction: Transaction, project: str) -> bool:
    connection = transaction.connection
    parameters = {"id": project, "now": transaction.now}
    if fetch_one(transaction.connection, _SQL["delete_project"], parameters) is None:
        return False
    for key in keys.keys_of_project(connection, project):
        keys.remove_key(connection, project, key.id)
    usage.forget_project(connection, project)
    return True


def deleted_projects(connection: sqlite3.Connection) -> Sequence[str]:
    return [row["id"] for row in fetch(connection, _SQL["deleted_projects"])]


def forget_projects(transaction: Transaction, seconds_ago: float) -> None:
    parameters = {"until": transaction.now - seconds_ago}
    for row in fetch(transaction.connection, _SQL["forget_projects"], parameters):
        # Requests that ended after the deletion were counted again.
        usage.forget_project(transaction.connection, row["id"])


def begin(transaction: Transaction, request: JobId) -> None:
    transaction.execute(_SQL["begin_erasing"], {"request": request, "now": transaction.now})


def end(transaction: Transaction, request: JobId) -> None:
    transaction.execute(_SQL["end_erasing"], {"request": request})


def pending_erasures(connection: sqlite3.Connection, until: float, limit: int) -> Sequence[JobId]:
    parameters = {"until": until, "limit": limit}
    return [JobId(row["request"]) for row in fetch(connection, _SQL["erasing"], parameters)]
