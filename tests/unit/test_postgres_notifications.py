"""What a node keeps of its commits until it can notify the others of them."""

from typing import cast

from ringback.jobs.records import Changes
from ringback.storage.postgres.database import Database
from ringback.storage.postgres.notifications import Notifier


def test_without_a_connection_the_names_of_lanes_are_not_kept() -> None:
    notifier = Notifier("postgresql://nowhere", cast(Database, None))
    for number in range(100):
        notifier.notify(Changes(ready={"deliver": {f"host {number}"}, "transcribe": {str(number)}}))
    assert notifier._unsent.ready == {"deliver": set(), "transcribe": set()}
