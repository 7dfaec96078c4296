"""Callers' words for their wishes: whoever says one again means the same job."""

import sqlite3
from collections.abc import Sequence

from ringback.jobs.job import NewJob, Once
from ringback.jobs.store import AlreadyAsked
from ringback.storage.sqlite.queries import load

_SQL = load("allowances.sql")
_WORD = _SQL["word"]
_REMEMBER_WORD = _SQL["remember_word"]


class Words:
    """Used by the writer's thread alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def check(self, jobs: Sequence[NewJob], now: float) -> None:
        """`AlreadyAsked` for a word that is remembered, `ValueError` for one that is said twice."""
        said: set[tuple[str, str]] = set()
        for job in jobs:
            if job.once is None:
                continue
            place = (job.accessor or "", job.once.word)
            if place in said:
                raise ValueError(f"two jobs with the word {job.once.word!r}")
            said.add(place)
            known = self._execute(_WORD, (*place, now)).fetchone()
            if known is not None:
                raise AlreadyAsked(known[0], known[1] == job.once.wish)

    def remember(self, number: int, job: NewJob, once: Once, now: float) -> None:
        until = now + once.seconds
        self._execute(_REMEMBER_WORD, (job.accessor or "", once.word, number, once.wish, until))
