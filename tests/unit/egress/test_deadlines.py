"""One timer for the ends of many attempts."""

from ringback.egress.connection import HttpConnection
from ringback.egress.deadlines import Deadlines
from support.waiting import eventually, turns


class Watched(HttpConnection):
    """Notes in `expired` that it was told so."""

    def __init__(self, expired: list["Watched"]) -> None:
        super().__init__()
        self._noted = expired

    def expire(self) -> None:
        self._noted.append(self)


async def test_they_expire_in_their_order_whenever_they_were_set() -> None:
    expired: list[Watched] = []
    long, short, middle = (Watched(expired) for _ in range(3))
    deadlines = Deadlines()
    for connection, seconds in ((long, 0.2), (short, 0.0), (middle, 0.1)):
        deadlines.set(connection, seconds)
    await eventually(lambda: len(expired) == 3)
    assert expired == [short, middle, long]
    deadlines.close()


async def test_one_that_was_removed_does_not_expire() -> None:
    expired: list[Watched] = []
    removed, other = Watched(expired), Watched(expired)
    deadlines = Deadlines()
    deadlines.set(removed, 0.05)
    deadlines.remove(removed)
    deadlines.remove(removed)
    deadlines.set(other, 0.1)
    await eventually(lambda: bool(expired))
    assert expired == [other]
    deadlines.close()


async def test_one_that_is_set_again_has_the_later_end() -> None:
    expired: list[Watched] = []
    twice, between = Watched(expired), Watched(expired)
    deadlines = Deadlines()
    deadlines.set(twice, 0.05)
    deadlines.remove(twice)
    deadlines.set(twice, 0.2)
    deadlines.set(between, 0.1)
    await eventually(lambda: len(expired) == 2)
    assert expired == [between, twice]
    deadlines.close()


async def test_nothing_expires_after_the_end() -> None:
    expired: list[Watched] = []
    deadlines = Deadlines()
    deadlines.set(Watched(expired), 0.0)
    deadlines.close()
    await turns(3)
    assert not expired
