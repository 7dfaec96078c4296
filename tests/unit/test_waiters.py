"""Who is woken by a notification."""

from ringback.storage.waiters import Waiters


def test_all_who_wait_for_a_key_are_woken() -> None:
    waiters: Waiters[str] = Waiters()
    with waiters.waiting("a") as first, waiters.waiting("a") as second, waiters.waiting("b") as other:
        waiters.wake("a", ["lane"])
        assert (first.is_set(), second.is_set(), other.is_set()) == (True, True, False)
        waiters.wake("b")
        assert other.is_set()
    assert waiters.keys() == []


def test_those_whom_its_names_do_not_concern_are_not() -> None:
    waiters: Waiters[str] = Waiters()
    with waiters.waiting("a", lambda names: "room" in names) as picky, waiters.waiting("a") as other:
        waiters.wake("a", ["full"])
        assert (picky.is_set(), other.is_set()) == (False, True)
        waiters.wake("a", ["full", "room"])
        assert picky.is_set()
